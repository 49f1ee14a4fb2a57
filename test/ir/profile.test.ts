import { expect, test } from "vitest";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";
import builtIn from "../../src/ir/profiles.json" with { type: "json" };

test("the names of the profiles are those of profiles.json", () => {
  expect(PROFILE_NAMES).toEqual(Object.keys(builtIn).filter((name) => name !== "_"));
});

test("a profile is found by its name and has its subgroups as a pair or null", () => {
  expect(findProfile("nvidia")).toMatchObject({ name: "nvidia", subgroups: builtIn.nvidia.subgroups });
  expect(findProfile("_")).toBeUndefined();
});

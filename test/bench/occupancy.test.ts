/** What counts as a full device: workgroups over those that the profile, or the kernel's own work, could keep busy. */
import { expect, test } from "vitest";
import { occupancyOf } from "../../src/explain.ts";
import { findProfile } from "../../src/ir/profile.ts";

const profile = findProfile("nvidia");
if (profile === undefined) throw new Error("there is no profile nvidia");

test.each([
  ["half of what fills the device", profile.usefulWorkgroups / 2, 1e9, 0.5],
  ["much to read, four workgroups", 4, 10e6, 4 / profile.usefulWorkgroups],
  ["partial results in one workgroup", 1, 2048, 1],
  ["nothing to move", 1, 0, 1],
  ["a few workgroups, work for twice as many", 8, 16 * 4096, 0.5],
  ["more workgroups than work", 8, 6144, 8],
])("%s", (_, workgroups, bytesMoved, occupancy) => {
  expect(occupancyOf(workgroups, bytesMoved, profile)).toBe(occupancy);
});

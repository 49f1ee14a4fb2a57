import { describe, expect, test } from "vitest";
import { LEGALIZE_PASSES, emitWgsl, legalize } from "../../../src/codegen/wgsl/emit-wgsl.ts";
import { parseKernel } from "../../../src/ir/parse-kernel.ts";
import { printKernel } from "../../../src/ir/print-kernel.ts";
import { findProfile, type DeviceProfile } from "../../../src/ir/profile.ts";
import { verifyKernel } from "../../../src/ir/verify-kernel.ts";
import { listGoldens, testGoldens } from "../../support/golden.ts";
import { checkWgsl } from "../../support/run-wgsl.ts";

const PROFILE = findProfile("default");
if (PROFILE === undefined) throw new Error("the default profile is missing");

/** `; profile: NAME` in a golden's header, else the default. */
const profileOf = (header: ReadonlyMap<string, readonly string[]>): DeviceProfile => {
  const [name = "default"] = header.get("profile") ?? [];
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
};

for (const folder of [
  "unroll-loops",
  "expand-group-reduce",
  "expand-delinearize",
  "fold-constants",
  "hoist-indices",
  "unroll-partly",
])
  testGoldens(`kernel/${folder}`, ({ input, path, header }) => {
    const kernel = parseKernel(input, path);
    expect(verifyKernel(kernel)).toEqual([]);
    const names = header.get("run") ?? [];
    const out = names.reduce((current, name) => {
      const pass = LEGALIZE_PASSES.find((candidate) => candidate.name === name);
      if (pass === undefined) throw new Error(`no pass ${name}`);
      return pass.run(current, profileOf(header));
    }, kernel);
    expect(verifyKernel(out)).toEqual([]);
    return printKernel(out);
  });

testGoldens("wgsl/emit", ({ input, path, header }) => {
  const kernel = parseKernel(input, path);
  expect(verifyKernel(kernel)).toEqual([]);
  expect(verifyKernel(legalize(kernel, profileOf(header)))).toEqual([]);
  return emitWgsl(kernel, profileOf(header)).wgsl;
});

describe("golden WGSL", () => {
  test.each(listGoldens("wgsl/emit").map(({ name, expected = "" }) => [name, expected] as const))(
    "%s compiles",
    async (_, wgsl) => {
      expect(await checkWgsl(wgsl)).toEqual([]);
    },
  );
});

test("passes that find nothing to do give their argument back", () => {
  const kernel = parseKernel(
    "kernel @f size=1 count=1 grid=[1,1,1] { binding %y: f32[1] width=1 read_write store %y[0] = f32(1) }",
  );
  for (const pass of LEGALIZE_PASSES) expect(pass.run(kernel, PROFILE)).toBe(kernel);
});

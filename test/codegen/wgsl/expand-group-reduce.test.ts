import { describe, expect, test } from "vitest";
import { emitWgsl, legalize } from "../../../src/codegen/wgsl/emit-wgsl.ts";
import { interpretKernel } from "../../../src/ir/interpret-kernel.ts";
import type { Kernel } from "../../../src/ir/kernel.ts";
import { parseKernel } from "../../../src/ir/parse-kernel.ts";
import { printKernel } from "../../../src/ir/print-kernel.ts";
import { findProfile, type DeviceProfile } from "../../../src/ir/profile.ts";
import { verifyKernel } from "../../../src/ir/verify-kernel.ts";
import { forEachStmt, someStmt } from "../../../src/ir/walk-kernel.ts";
import { deriveProfile } from "../../../src/runtime/device-profile.ts";
import { describeGpu, skipWithout } from "../../support/gpu.ts";
import { checkWgsl, runWgsl } from "../../support/run-wgsl.ts";

interface Case {
  readonly size: number;
  readonly lanes: number;
  /** As in the text: "inner", "outer", or digits of the lane index. */
  readonly order: string;
  readonly type: "f32" | "i32";
  readonly width: 1 | 2 | 4;
}

/** Reductions before, in and after a loop and an `if`, two items at once, all of which share scratch. */
function reductions({ size, lanes, order, type, width }: Case, method: "tree" | "subgroup" = "tree"): Kernel {
  const value = width === 1 ? type : `${type}x${String(width)}`;
  const elements = 2 * size * width;
  const at = `(((workgroup * ${String(size)}) + lane) * ${String(width)})`;
  const reduce = `group.reduce lanes=${String(lanes)} ${order} ${method}`;
  return parseKernel(`kernel @reductions size=${String(size)} count=2 grid=[2,1,1] {
    binding %x: ${type}[${String(elements)}] width=${String(width)} read
    binding %y: ${type}[${String(elements)}] width=${String(width)} read_write
    load %v: ${value} = %x[${at}]
    ${reduce} (%sum = sum %v, %top = max %v)
    var %acc = sub(%sum, %top)
    for %k in 3 {
      ${reduce} (%again = sum sub(%v, %top))
      %acc = add(%acc, %again)
    }
    if lt(workgroup, 1) {
      ${reduce} (%low = min add(%acc, %v))
      %acc = add(%acc, %low)
    }
    ${reduce} (%last = sum add(%acc, %v))
    ${reduce} (%most = max sub(%last, %v))
    store %y[${at}] = %most
  }`);
}

const CASES: readonly Case[] = [
  { size: 1, lanes: 1, order: "inner", type: "f32", width: 1 },
  { size: 64, lanes: 1, order: "inner", type: "f32", width: 1 },
  { size: 64, lanes: 4, order: "inner", type: "f32", width: 4 },
  { size: 64, lanes: 4, order: "outer", type: "i32", width: 1 },
  { size: 96, lanes: 3, order: "outer", type: "f32", width: 2 },
  { size: 128, lanes: 64, order: "inner", type: "i32", width: 4 },
  { size: 256, lanes: 32, order: "outer", type: "f32", width: 1 },
  { size: 256, lanes: 256, order: "inner", type: "f32", width: 4 },
  { size: 37, lanes: 37, order: "inner", type: "f32", width: 1 },
  { size: 240, lanes: 60, order: "outer", type: "f32", width: 2 },
  { size: 512, lanes: 512, order: "inner", type: "f32", width: 1 },
  { size: 1024, lanes: 1024, order: "inner", type: "f32", width: 1 },
  { size: 1024, lanes: 128, order: "outer", type: "f32", width: 2 },
  { size: 60, lanes: 15, order: "[5*,4,3*]", type: "f32", width: 1 },
  { size: 128, lanes: 64, order: "[8*,2,8*]", type: "i32", width: 2 },
  { size: 96, lanes: 6, order: "[4,3*,4,2*]", type: "f32", width: 1 },
];
const cases = CASES.map((c) => [Object.values(c).join(" "), c] as const);

/** Small integers: sums are exact in any order. */
const inputOf = (kernel: Kernel): number[] =>
  Array.from({ length: kernel.bindings[0]?.elements ?? 0 }, (_, i) => ((i * 7919) % 7) - 3);

function interpret(kernel: Kernel, subgroupSize?: number): number[] {
  const buffers = new Map([["x", Float64Array.from(inputOf(kernel))]]);
  interpretKernel(kernel, buffers, new Map(), subgroupSize === undefined ? {} : { subgroupSize });
  return [...(buffers.get("y") ?? [])];
}

for (const name of ["nvidia", "default", "swiftshader"]) {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  test.each(cases)(`for ${name} the expansion means the same: %s`, (_, c) => {
    const kernel = reductions(c);
    expect(verifyKernel(kernel)).toEqual([]);
    const expanded = legalize(kernel, profile);
    expect(verifyKernel(expanded)).toEqual([]);
    expect(interpret(expanded)).toEqual(interpret(kernel)); // the interpreter throws on races
  });
}

/** What subgroups add: packed rows, whole blocks with few and many slots, and what only a tree can do. */
const SUBGROUP_CASES: readonly Case[] = [
  ...CASES,
  { size: 32, lanes: 2, order: "inner", type: "f32", width: 1 },
  { size: 32, lanes: 8, order: "inner", type: "f32", width: 4 },
  { size: 12, lanes: 4, order: "inner", type: "i32", width: 1 },
  { size: 96, lanes: 12, order: "inner", type: "f32", width: 1 },
  { size: 160, lanes: 80, order: "inner", type: "f32", width: 2 },
  { size: 256, lanes: 128, order: "inner", type: "i32", width: 1 },
];
const subgroupCases = SUBGROUP_CASES.map((c) => [Object.values(c).join(" "), c] as const);

/** Subgroups of at least so many lanes; WebGPU allows 4 to 128. */
const withSubgroups = (smallest: number): DeviceProfile => {
  const profile = findProfile("nvidia");
  if (profile === undefined) throw new Error("no profile nvidia");
  return { ...profile, subgroups: [smallest, 128] };
};

/** Each level of what devices offer, with the sizes that a subgroup may then turn out to have. */
const SIZES = [4, 8, 16, 32, 64, 128] as const;
const LEVELS: readonly (readonly [string, DeviceProfile, readonly number[]])[] = [
  ...([4, 8, 32, 128] as const).map((least) => {
    const sizes = SIZES.filter((size) => size >= least);
    return [`subgroups of ${String(least)} lanes and more`, withSubgroups(least), sizes] as const;
  }),
  ...(
    [
      [4, 128],
      [8, 32],
    ] as const
  ).map(([least, most]) => {
    const profile = withSubgroups(least);
    const features = [...profile.features, "subgroup_id"];
    const sizes = SIZES.filter((size) => size >= least && size <= most);
    return [
      `subgroup_id and ${String(least)} to ${String(most)} lanes`,
      { ...profile, features, subgroups: [least, most] },
      sizes,
    ] as const;
  }),
  ...([32, 128] as const).map((subgroupSize) => {
    const profile = withSubgroups(4);
    const features = [...profile.features, "subgroup_id", "subgroup-size-control"];
    return [
      `subgroups of ${String(subgroupSize)} lanes on demand`,
      { ...profile, features, subgroupSize },
      SIZES,
    ] as const;
  }),
];

/** Large trees are the same at every level, and slow to interpret. */
const levelCases = subgroupCases.filter(
  ([, { order, size, width }]) => order === "inner" || size * width <= 256,
);

describe.each(LEVELS)("with %s", (_level, profile, sizes) => {
  test.each(levelCases)("the expansion means the same: %s", async (_, c) => {
    for (const kernel of [reductions(c, "subgroup"), positions(c, "subgroup")]) {
      expect(verifyKernel(kernel)).toEqual([]);
      const expanded = legalize(kernel, profile);
      expect(verifyKernel(expanded)).toEqual([]);
      expect(parseKernel(printKernel(expanded))).toEqual(expanded);
      // The interpreter throws on races, and on exchanges that leave a subgroup.
      const meant = interpret(kernel);
      const exchanges = someStmt(expanded.body, (stmt) => stmt.kind === "groupReduce");
      for (const size of exchanges ? sizes : sizes.slice(0, 1))
        expect(interpret(expanded, size)).toEqual(meant);
      const { wgsl, features } = emitWgsl(kernel, profile);
      expect(features.includes("subgroups")).toBe(wgsl.includes("enable subgroups;"));
      expect(features.every((feature) => profile.features.includes(feature))).toBe(true);
      if (c.size <= 256) expect(await checkWgsl(wgsl)).toEqual([]); // the null backend takes no more
    }
  });
});

/** Barriers, slots of workgroup memory and features of one sum over a workgroup of 256 lanes. */
function costOfSum(
  profile: DeviceProfile,
  lanes = 256,
  size = 256,
): readonly [number, number, readonly string[]] {
  const kernel = parseKernel(`kernel @sum size=${String(size)} count=1 grid=[1,1,1] {
    binding %x: f32[${String(size)}] width=1 read
    binding %y: f32[${String(size)}] width=1 read_write
    load %v: f32 = %x[lane]
    group.reduce lanes=${String(lanes)} inner subgroup (%s = sum %v, %t = max %v, %u = min %v)
    store %y[lane] = add(%s, add(%t, %u))
  }`);
  const { body, shared } = legalize(kernel, profile);
  let barriers = 0;
  forEachStmt(body, (stmt) => (barriers += stmt.kind === "barrier" ? 1 : 0));
  return [barriers, shared.reduce((n, { length }) => n + length, 0), emitWgsl(kernel, profile).features];
}

test("each level takes fewer barriers or less workgroup memory than the one below", () => {
  const base = withSubgroups(8);
  const levels: DeviceProfile = { ...base, subgroups: [8, 32] };
  const id = { ...levels, features: [...levels.features, "subgroup_id"] };
  const asked = { ...id, features: [...id.features, "subgroup-size-control"], subgroupSize: 32 };
  const none = { ...levels, features: [], subgroups: null };
  expect(costOfSum(none)).toEqual([2, 768, []]);
  expect(costOfSum(levels)).toEqual([1, 96, ["subgroups"]]);
  expect(costOfSum(id)).toEqual([1, 96, ["subgroups", "subgroup_id"]]);
  expect(costOfSum(asked)).toEqual([1, 24, ["subgroups", "subgroup-size-control"]]);
  expect(costOfSum(asked, 32)).toEqual([0, 0, ["subgroups", "subgroup-size-control"]]);
  // A workgroup that is no multiple of the size cannot ask for it: blocks of the largest power of two that divides the row.
  expect(costOfSum(asked, 48, 48)).toEqual([1, 18, ["subgroups"]]);
  expect(costOfSum({ ...base, subgroups: [32, 32] }, 240, 240)).toEqual([1, 45, ["subgroups"]]);
  expect(costOfSum({ ...none }, 240, 240)).toEqual([2, 720, []]);
});

test("exchanges that leave a subgroup are found", () => {
  const kernel = reductions({ size: 32, lanes: 8, order: "inner", type: "f32", width: 1 }, "subgroup");
  const expanded = legalize(kernel, withSubgroups(8));
  expect(() => interpret(expanded, 4)).toThrow("8 lanes do not share a subgroup of 4");
});

test("rows inside a subgroup take neither barriers nor workgroup memory", () => {
  const c: Case = { size: 32, lanes: 4, order: "inner", type: "f32", width: 1 };
  const { wgsl, features } = emitWgsl(reductions(c, "subgroup"), withSubgroups(4));
  expect(features).toEqual(["subgroups"]);
  expect(wgsl).not.toMatch(/workgroupBarrier|var<workgroup>/);
  const without = emitWgsl(reductions(c, "subgroup"), { ...withSubgroups(4), features: [], subgroups: null });
  expect(without.features).toEqual([]);
  expect(without.wgsl).toContain("workgroupBarrier");
});

describeGpu("reductions in subgroups on the device", (gpu) => {
  const small = subgroupCases.filter(([, { size, width }]) => size <= 256 && size * width <= 512);
  test.each(small)("%s", async (_, c) => {
    const { device, adapter } = gpu();
    const profile = deriveProfile(device.limits, device.features, adapter.info);
    const kernel = reductions(c, "subgroup");
    const { y } = await runWgsl(device, kernel, emitWgsl(kernel, profile).wgsl, { x: inputOf(kernel) });
    expect(y).toEqual(interpret(kernel));
  });

  test("bools, products and nan", async (context) => {
    const { device, adapter } = gpu();
    skipWithout(context, device, "subgroups");
    const profile = deriveProfile(device.limits, device.features, adapter.info);
    const kernel = parseKernel(`kernel @mixed size=16 count=1 grid=[1,1,1] {
      binding %x: f32[16] width=1 read
      binding %y: f32[64] width=1 read_write
      load %v: f32 = %x[lane]
      group.reduce lanes=4 inner subgroup (%top = max %v, %low = min %v, %all = all gt(%v, f32(0)), %any = any gt(%v, f32(5)), %prod = prod %v)
      store %y[(lane * 4)] = %top
      store %y[((lane * 4) + 1)] = %low
      store %y[((lane * 4) + 2)] = where(%any, f32(1), where(%all, f32(2), f32(3)))
      store %y[((lane * 4) + 3)] = %prod
    }`);
    const x = [1, 2, 3, 4, 1, NaN, 3, 4, -1, 2, 3, 4, 6, -7, 8, 9];
    const { y } = await runWgsl(device, kernel, emitWgsl(kernel, profile).wgsl, { x });
    const rows = [
      [4, 1, 2, 24],
      [NaN, NaN, 3, NaN],
      [4, -1, 3, -24],
      [9, -7, 1, -3024],
    ];
    expect(y).toEqual(rows.flatMap((row) => [row, row, row, row].flat()));
  });
});

describeGpu("expanded reductions on the device", (gpu) => {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("the default profile is missing");
  // Barriers of software adapters are slow; the interpreter has run the large ones above.
  const small = cases.filter(([, { size, width }]) => size <= 256 && size * width <= 512);
  test.each(small)("%s", async (_, c) => {
    const { device } = gpu();
    const kernel = reductions(c);
    const limits = {
      ...profile.limits,
      maxComputeWorkgroupStorageSize: device.limits.maxComputeWorkgroupStorageSize,
    };
    const { wgsl } = emitWgsl(kernel, { ...profile, limits });
    const { y } = await runWgsl(device, kernel, wgsl, { x: inputOf(kernel) });
    expect(y).toEqual(interpret(kernel));
  });
});

/** States of two components beside a plain one, several at once. */
function positions({ size, lanes, order, type, width }: Case, method: "tree" | "subgroup"): Kernel {
  const suffix = width === 1 ? "" : `x${String(width)}`;
  const at = `(((workgroup * ${String(size)}) + lane) * ${String(width)})`;
  const place = width === 1 ? "cast.i32(lane)" : `splat.i32${suffix}(cast.i32(lane))`;
  const reduce = `group.reduce lanes=${String(lanes)} ${order} ${method}`;
  return parseKernel(`kernel @positions size=${String(size)} count=2 grid=[2,1,1] {
    binding %x: ${type}[${String(2 * size * width)}] width=${String(width)} read
    binding %y: i32[${String(2 * size * width)}] width=${String(width)} read_write
    load %v: ${type}${suffix} = %x[${at}]
    let %p = ${place}
    ${reduce} (%a %b = argmax %v %p, %s = sum %p, %c %d = argmin_last %v %p)
    store %y[${at}] = add(mul(%b, i32${suffix}(1000)), sub(%s, %d))
  }`);
}

describeGpu("states of two components on the device", (gpu) => {
  const small = subgroupCases.filter(([, { size, width }]) => size <= 128 && size * width <= 512);
  test.each(small)("%s", async (_, c) => {
    const { device, adapter } = gpu();
    const profile = deriveProfile(device.limits, device.features, adapter.info);
    for (const method of ["tree", "subgroup"] as const) {
      const kernel = positions(c, method);
      const { y } = await runWgsl(device, kernel, emitWgsl(kernel, profile).wgsl, { x: inputOf(kernel) });
      expect(y).toEqual(interpret(kernel));
    }
  });
});

test("states whose scratch does not fit at once are combined in rounds", () => {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("the default profile is missing");
  const kernel = positions({ size: 256, lanes: 256, order: "inner", type: "f32", width: 4 }, "tree");
  const bytesWith = (memory: number): number => {
    const limits = { ...profile.limits, maxComputeWorkgroupStorageSize: memory };
    const expanded = legalize(kernel, { ...profile, limits });
    expect(interpret(expanded)).toEqual(interpret(kernel));
    return expanded.shared.reduce((bytes, { type, length }) => bytes + 4 * type.width * length, 0);
  };
  expect(bytesWith(65536)).toBe(256 * 16 * 5);
  expect(bytesWith(16384)).toBe(256 * 16 * 3);
  expect(bytesWith(8192)).toBe(256 * 16 * 2);
});

test("a lack of workgroup memory costs barriers, not correctness", () => {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("the default profile is missing");
  const limits = { ...profile.limits, maxComputeWorkgroupStorageSize: 8192 };
  const kernel = reductions({ size: 256, lanes: 256, order: "inner", type: "f32", width: 4 });
  const expanded = legalize(kernel, { ...profile, limits });
  expect(expanded.shared.reduce((bytes, { type, length }) => bytes + 4 * type.width * length, 0)).toBe(8192);
  expect(interpret(expanded)).toEqual(interpret(kernel));
});

/**
 * Where rows wait between phases, by the bytes that kernels move: what fits a device is read once. And the limits: what the
 * chooser takes, what the verifier allows, and what code generation declares are the same bytes.
 */
import { describe, expect, test } from "vitest";
import { legalize } from "../../src/codegen/wgsl/emit-wgsl.ts";
import { compileGraph, type Compiled, type CompileOptions } from "../../src/compile.ts";
import {
  concat,
  explainCompiled,
  f32,
  layerNorm,
  logSoftmax,
  normalize,
  norm,
  rmsNorm,
  rsqrt,
  softmax,
  trace,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import { viewGroup, type GroupView } from "../../src/ir/group-view.ts";
import type { Kernel } from "../../src/ir/kernel.ts";
import { fitsOnChip } from "../../src/ir/on-chip.ts";
import { findProfile, PROFILE_NAMES, type DeviceProfile, type ProfileName } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { verifySchedule } from "../../src/schedule/verify-schedule.ts";
import { countWorkgroupMemory } from "../../src/schedule/workgroup-memory.ts";

type Program = (...tensors: TracedTensor[]) => TracedTensor | readonly TracedTensor[];

function profileNamed(name: ProfileName): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}
const nvidia = profileNamed("nvidia");

const compile = (
  fn: Program,
  shapes: readonly (readonly number[])[],
  profile: DeviceProfile,
  schedule?: CompileOptions["schedule"],
): Compiled => {
  const { graph } = trace(
    fn,
    shapes.map((shape) => f32(...shape)),
    { locate: false },
  );
  return compileGraph(graph, { profile, schedule, check: true });
};

/** Kernels, bytes moved over the floor, and where the rows of each kernel wait. */
function moves(compiled: Compiled, profile: DeviceProfile): readonly [number, number, ...string[]] {
  const { kernels, bytes } = explainCompiled(compiled, profile);
  const ratio = Math.round((1000 * bytes.moved) / bytes.floor) / 1000;
  return [kernels.length, ratio, ...kernels.map((k) => k.schedule.residency)];
}

const lastAxis: Program = (x) => softmax(x, { axis: -1 });
const perColumn: Program = (v, g) => weightNorm(v, g, { dim: 1 });

describe("rows that fit are read once", () => {
  test.each([16_388, 20_480, 24_576])("a softmax of %i on nvidia, in larger workgroups", (length) => {
    for (const rows of [64, 1024]) {
      const compiled = compile(lastAxis, [[rows, length]], nvidia);
      expect(moves(compiled, nvidia)).toEqual([1, 1, "registers"]);
      expect(compiled.kernels[0]?.kernel.workgroupSize).toBe(512);
    }
  });

  test("a softmax of 50,257 does not: 196 KiB of 96", () => {
    expect(fitsOnChip(4 * 50_257, nvidia)).toBe(false);
    expect(moves(compile(lastAxis, [[1024, 50_257]], nvidia), nvidia)).toEqual([1, 1.5, "reload"]);
  });

  test.each<[string, Program, number]>([
    // Weight and bias are read in the last phase alone: they wait nowhere.
    ["layer norm", (x, w, b) => layerNorm(x, { weight: w, bias: b }), 2],
    ["rms norm", (x, w) => rmsNorm(x, { weight: w }), 1],
  ])("what one phase alone reads takes no room: %s of 16,384", (_, fn, gains) => {
    const shapes = [[1024, 16_384], ...Array.from({ length: gains }, () => [16_384])];
    expect(moves(compile(fn, shapes, nvidia), nvidia)).toEqual([1, 1, "registers"]);
  });

  test("columns in narrower vectors, or fewer side by side", () => {
    for (const name of ["default", "nvidia", "apple", "intel"] as const)
      expect(
        moves(
          compile((x) => softmax(x, { axis: 1 }), [[32, 1024, 768]], profileNamed(name)),
          profileNamed(name),
        ),
      ).toEqual([1, 1, "registers"]);
  });

  test.each<[string, Program, number]>([
    ["a residual", (x, y, w) => rmsNorm(x.add(y), { weight: w }), 2],
    ["a residual that leaves, too", (x, y, w) => [rmsNorm(x.add(y), { weight: w }), x.add(y)], 2],
    ["a gate and two residuals", (x, y, z, w) => rmsNorm(x.mul(y).add(z).add(1), { weight: w }), 3],
  ])("values that need less room than what they are computed from: %s of 12,289", (_, fn, inputs) => {
    const shapes = [...Array.from({ length: inputs }, () => [128, 12_289]), [12_289]];
    const compiled = compile(fn, shapes, nvidia);
    expect(moves(compiled, nvidia)).toEqual([1, 1, "registers"]);
    expect(kernelOf(compiled).view.rowArrays.map(({ kind }) => kind)).toEqual(["value"]);
  });

  test.each<[string, Program]>([
    ["softmax", (x) => softmax(x, { axis: [0, 2] })],
    ["l2-normalise", (x) => normalize(x, { axis: [0, 2] })],
  ])("columns of short runs are priced as they are taken, four at a time: %s", (_, fn) => {
    const profile = profileNamed("default");
    expect(moves(compile(fn, [[256, 80, 5]], profile), profile)).toEqual([1, 1, "registers"]);
  });

  test.each([
    [1024, 3],
    [1024, 7],
    [1024, 15],
    [512, 7],
  ])("weight norm of the middle axis of [%i, same, %i]", (size, width) => {
    const compiled = compile(
      perColumn,
      [
        [size, size, width],
        [1, size, 1],
      ],
      nvidia,
    );
    expect(moves(compiled, nvidia)).toEqual([1, 1, "registers"]);
    const [kernel] = explainCompiled(compiled, nvidia).kernels;
    expect(kernel?.sectors).toBeLessThanOrEqual(1.35);
  });

  test("runs of seven elements: two neighbours and an idle lane each, a busy device, and nothing read twice", () => {
    for (const profile of [nvidia, profileNamed("default")]) {
      const compiled = compile(
        perColumn,
        [
          [1024, 1024, 7],
          [1, 1024, 1],
        ],
        profile,
      );
      expect(moves(compiled, profile)).toEqual([1, 1, "registers"]);
      const [kernel] = explainCompiled(compiled, profile).kernels;
      expect(kernel?.sectors).toBeLessThanOrEqual(1.35);
      expect(kernel?.occupancy).toBeGreaterThanOrEqual(1);
      expect(kernel?.schedule.lanes.map((l) => l.lanes)).toEqual([16, 2, 8]);
    }
  });

  const standardise: Program = (x) => {
    const axis = { axis: [0, 2], keepdims: true };
    const centred = x.sub(x.mean(axis));
    return centred.mul(rsqrt(centred.mul(centred).mean(axis).add(1e-5)));
  };
  test.each<[string, ProfileName, readonly number[], number]>([
    ["weight norm", "nvidia", [512, 512, 3], 128],
    ["weight norm", "nvidia", [512, 1024, 3], 256],
    ["weight norm", "nvidia", [256, 256, 3], 64],
    ["weight norm", "nvidia", [512, 384, 7], 192],
    ["standardised", "nvidia", [512, 512, 3], 128],
    ["standardised", "default", [256, 256, 3], 64],
    ["standardised", "intel", [128, 128, 3], 32],
    ["weight norm", "apple", [256, 256, 3], 64],
  ])("few columns of short runs, a busier device: %s for %s of %j", (label, name, shape, workgroups) => {
    const profile = profileNamed(name);
    const compiled =
      label === "standardised"
        ? compile(standardise, [shape], profile)
        : compile(perColumn, [shape, [1, shape[1] ?? 1, 1]], profile);
    expect(moves(compiled, profile)).toEqual([1, 1, "registers"]);
    const [kernel] = explainCompiled(compiled, profile).kernels;
    expect(kernel?.sectors).toBeLessThanOrEqual(1.35);
    expect(kernel?.workgroups).toEqual([workgroups, 1, 1]);
  });

  test.each<[string, ProfileName, readonly number[]]>([
    ["five elements", "default", [512, 512, 5]],
    ["five elements", "intel", [512, 512, 5]],
    ["three elements", "apple", [1024, 1024, 3]],
  ])("bearable sectors cost less than a row that is read twice: runs of %s for %s", (_, name, shape) => {
    const profile = profileNamed(name);
    const compiled = compile(perColumn, [shape, [1, shape[1] ?? 1, 1]], profile);
    expect(moves(compiled, profile)).toEqual([1, 1, "registers"]);
    expect(explainCompiled(compiled, profile).kernels[0]?.sectors).toBeLessThanOrEqual(1.35);
  });

  test("a CPU that pays for barriers has caches: no larger workgroups, and nothing in workgroup memory", () => {
    const { kernels } = compile(lastAxis, [[64, 20_480]], profileNamed("swiftshader"));
    for (const { schedule, kernel } of kernels) {
      expect(schedule.residency).toBe("reload");
      expect(kernel.workgroupSize).toBeLessThanOrEqual(32);
    }
  });
});

/** The only kernel of a program, its view, and the schedule that it gets. */
function kernelOf(compiled: Compiled): { readonly view: GroupView; readonly chosen: KernelSchedule } {
  const [only] = compiled.kernels;
  if (only === undefined || compiled.kernels.length > 1) throw new Error("there is not one kernel");
  const { group, schedule } = only;
  return {
    view: viewGroup(compiled.grouped, group, { pairing: schedule.pairing }),
    chosen: schedule,
  };
}

const withMemory = (profile: DeviceProfile, bytes: number): DeviceProfile => ({
  ...profile,
  limits: { ...profile.limits, maxComputeWorkgroupStorageSize: bytes },
});

describe("workgroup memory", () => {
  const { view, chosen } = kernelOf(compile(lastAxis, [[100, 4096]], nvidia));
  const rows: KernelSchedule = { ...chosen, residency: "workgroup", reduction: "tree" };

  test("one byte too few is not legal", () => {
    // 4096 elements, and a partial result of each of 256 lanes.
    const needed = 4 * 4096 + 4 * 256;
    expect(chosen.lanes.map((l) => l.lanes)).toEqual([256]);
    expect(verifySchedule(view, rows, withMemory(nvidia, needed))).toEqual([]);
    expect(verifySchedule(view, rows, withMemory(nvidia, needed - 1))).toEqual([
      "rows take 16384, partial results take 1024 bytes of workgroup memory, the device has 17407",
    ]);
    // Subgroups of 32 leave a slot each.
    const exchanged: KernelSchedule = { ...rows, reduction: "subgroup" };
    expect(verifySchedule(view, exchanged, withMemory(nvidia, 4 * 4096 + 4 * 8))).toEqual([]);
    expect(verifySchedule(view, exchanged, withMemory(nvidia, 4 * 4096 + 4 * 8 - 1))).toHaveLength(1);
  });

  test("rows wait there where registers are short, and are read again where both are", () => {
    const of = (limits: Partial<DeviceProfile["limits"]>): readonly [number, number, ...string[]] => {
      const profile = { ...nvidia, limits: { ...nvidia.limits, ...limits } };
      return moves(compile(lastAxis, [[100, 6144]], profile), profile);
    };
    // 64 lanes keep 64 words each: 16 KiB of 24.
    const few = { maxComputeInvocationsPerWorkgroup: 64, maxComputeWorkgroupSizeX: 64 };
    expect(of({})).toEqual([1, 1, "registers"]);
    expect(of(few)).toEqual([1, 1, "workgroup"]);
    expect(of({ ...few, maxComputeWorkgroupStorageSize: 16_384 })[1]).toBeGreaterThanOrEqual(1.5);
  });

  test("a legal schedule never gives a kernel that the device has no memory for", () => {
    const bytesOf = ({ shared }: Kernel): number =>
      shared.reduce((sum, { type, length }) => sum + 4 * type.width * length, 0);
    const programs: readonly (readonly [Program, readonly number[]])[] = [
      [lastAxis, [12, 512]],
      [(x) => [x.argmax({ axis: -1 }), x.max({ axis: -1 }), layerNorm(x)], [12, 512]],
      [(x) => normalize(x, { axis: 0 }), [256, 24]],
      [(x) => norm(norm(x, { axis: 0 })).mul(x), [64, 40]],
    ];
    let seen = 0;
    for (const name of PROFILE_NAMES) {
      const profile = withMemory(profileNamed(name), 2048 + 512);
      for (const [fn, shape] of programs) {
        compile(fn, [shape], profile, (standard, group, space) => {
          const all = space.enumerate().filter((_, i) => i % 17 === 0);
          for (const schedule of all) {
            const compiled = compile(fn, [shape], profile, (other, { name }) =>
              name === group.name ? schedule : other,
            );
            const own = compiled.kernels.find((k) => k.group.name === group.name);
            if (own === undefined) throw new Error("the group is gone");
            const view = viewGroup(compiled.grouped, own.group, { pairing: schedule.pairing });
            const { rows, stages, scratch, leastScratch } = countWorkgroupMemory(view, schedule, profile);
            const bytes = bytesOf(legalize(own.kernel, profile));
            expect(bytes).toBeLessThanOrEqual(profile.limits.maxComputeWorkgroupStorageSize);
            if (schedule.tile === null) {
              expect(bytes).toBeGreaterThanOrEqual(rows + stages + leastScratch);
              expect(bytes).toBeLessThanOrEqual(rows + stages + 2 * scratch);
            }
            seen++;
          }
          return standard;
        });
      }
    }
    expect(seen).toBeGreaterThan(100);
  });
});

test.each<[string, Program, readonly (readonly number[])[]]>([
  [
    "a class token before the patches",
    (c, x, p) => layerNorm(concat([c.broadcastTo([8, 1, 768]), x], { axis: 1 }).add(p)),
    [
      [1, 1, 768],
      [8, 196, 768],
      [197, 768],
    ],
  ],
  [
    "two halves of a row",
    (a, b) => layerNorm(concat([a, b], { axis: -1 })),
    [
      [1024, 512],
      [1024, 256],
    ],
  ],
  ["a padded row", (x) => softmax(x.pad([0, 12], [0, 12]), { axis: -1 }), [[64, 1000]]],
])("what is read under bounds waits as a value: %s", (_, fn, shapes) => {
  for (const profile of [nvidia, profileNamed("default")])
    expect(moves(compile(fn, shapes, profile), profile)).toEqual([1, 1, "registers"]);
});

test("registers count what waits at once: reads of several phases, and long values", () => {
  const chain: Program = (x) => {
    let y = x;
    for (let i = 0; i < 3; i++) y = layerNorm(y.mul(1.5).add(y.mul(y).mul(0.1)));
    return y;
  };
  const alone = (fn: Program): string => {
    const { view, chosen } = kernelOf(compile(fn, [[256, 1024]], nvidia));
    const serial: KernelSchedule = { ...chosen, lanes: [], reduction: "serial", residency: "registers" };
    return verifySchedule(view, serial, nvidia).join();
  };
  expect(alone(lastAxis)).toBe("a lane keeps 1024 registers in 256 steps");
  // In the third phase what was read is needed for the last time, and the first long value takes its place.
  expect(alone(chain)).toBe("a lane keeps 1024 registers in 256 steps");
  const sums: Program = (x, y) => [x.mul(y).sum({ axis: -1 }), x.div(x.sum({ axis: -1, keepdims: true }))];
  const { view } = kernelOf(
    compile(
      sums,
      [
        [64, 1024],
        [64, 1024],
      ],
      nvidia,
    ),
  );
  expect(view.rowArrays.map(({ name, first, last }) => [name.slice(0, 2), first, last])).toEqual([
    ["x[", 0, 1],
  ]);
});

test.each<[string, Program, string[]]>([
  ["softmax: what was read makes room for them", lastAxis, ["read 0 1", "value 1 2"]],
  [
    "without a maximum, from the first walk on",
    (x) => x.exp().div(x.exp().sum({ axis: -1, keepdims: true })),
    ["value 0 1"],
  ],
  ["not where the row itself is needed as long", (x) => softmax(x, { axis: -1 }).add(x), ["read 0 2"]],
  ["not where each is used once", (x) => logSoftmax(x, { axis: -1 }), ["read 0 2"]],
  [
    "nor what a difference costs",
    (x) => {
      const centred = x.sub(x.mean({ axis: -1, keepdims: true }));
      return centred.div(centred.mul(centred).sum({ axis: -1, keepdims: true }));
    },
    ["read 0 2"],
  ],
])("exponentials wait between phases: %s", (_, fn, arrays) => {
  const { view } = kernelOf(compile(fn, [[64, 1024]], nvidia));
  expect(view.rowArrays.map(({ kind, first, last }) => `${kind} ${String(first)} ${String(last)}`)).toEqual(
    arrays,
  );
});

test("on a CPU rows of 128 (where lanes are eight to a vector: of 512) wait in registers where kernels run long, and are read again where the driver would compile longer than they run", () => {
  const affine: Program = (x, weight, bias) => layerNorm(x, { weight, bias });
  for (const name of ["swiftshader", "lavapipe"] as const) {
    const profile = profileNamed(name);
    const [long, row] = profile.subgroups?.[1] === 8 ? [16384, 512] : [32768, 128];
    expect(moves(compile(affine, [[long, row], [row], [row]], profile), profile)).toEqual([
      1,
      1,
      "registers",
    ]);
    expect(moves(compile(lastAxis, [[long, row]], profile), profile)).toEqual([1, 1, "registers"]);
    expect(compile(affine, [[64, row], [row], [row]], profile).kernels[0]?.schedule.residency).toBe("reload");
    const longer = compile(lastAxis, [[long, 8 * row]], profile).kernels[0]?.schedule.residency;
    expect(longer).toBe(name === "lavapipe" ? "registers" : "reload");
  }
});

/**
 * Columns of 16-bit floats: 16 of them fill a memory sector, where 8 of f32 do. Sectors and workgroups of reductions over axis 0, and of what is
 * as large and of another width. Compiled only.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled, type Explanation } from "../../src/explain.ts";
import {
  batchNormTraining,
  bf16,
  f16,
  f32,
  normalize,
  softmax,
  trace,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import { profileNamed } from "../support/pipeline-golden.ts";

const DTYPES = { f32, f16, bf16 };
type Name = keyof typeof DTYPES;
type Program = (x: TracedTensor) => TracedTensor;

function explain(profileName: string, dtype: Name, shape: readonly number[], fn: Program): Explanation {
  const profile = profileNamed(profileName);
  const { graph } = trace(fn, [DTYPES[dtype](...shape)], { parameterNames: ["x"], locate: false });
  return explainCompiled(compileGraph(graph, { profile }), profile);
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  normalize: (x) => normalize(x, { axis: 0 }),
  sum: (x) => x.sum({ axis: 0 }),
  softmax: (x) => softmax(x, { axis: 0 }),
  // Its norms are those of columns.
  weightNorm: (x) => weightNorm(x, x.sum({ axis: 0, keepdims: true }), { dim: 1 }),
  batchNorm: (x) => batchNormTraining(x).y,
  widened: (x) => normalize(x.cast("f32"), { axis: 0 }),
  narrowed: (x) => normalize(x, { axis: 0 }).cast("f16"),
};

const BOTH = ["nvidia", "default"];
/** Program, dtype, shape, profiles, and the least occupancy where fewer workgroups than fill the device hold all columns. */
const TABLE: readonly (readonly [string, Name, readonly number[], readonly string[], number?])[] = [
  ["normalize", "f16", [8192, 1024], BOTH],
  ["normalize", "bf16", [8192, 1024], BOTH],
  ["normalize", "f16", [8192, 2048], BOTH],
  ["normalize", "f16", [4096, 256], BOTH],
  ["normalize", "f16", [65536, 64], BOTH],
  ["normalize", "f16", [8192, 1000], BOTH],
  ["sum", "f16", [65536, 768], BOTH],
  ["sum", "f16", [4096, 256], BOTH],
  ["softmax", "f16", [8192, 256], BOTH],
  ["batchNorm", "f16", [4096, 512], BOTH],
  ["widened", "f16", [8192, 1024], BOTH],
  ["widened", "f16", [4096, 256], BOTH],
  ["narrowed", "f32", [8192, 1024], BOTH],
  // 4096 columns are 256 workgroups with a sector each, of 264.
  ["sum", "bf16", [8192, 4096], ["nvidia"], 0.95],
  ["weightNorm", "f16", [4096, 4096], ["nvidia"], 0.95],
  // One kernel, which holds its columns: cutting them would take another.
  ["normalize", "f16", [512, 2048], ["nvidia"], 0.45],
];

describe("columns of 16-bit floats fill whole sectors", () => {
  for (const [name, dtype, shape, profiles, occupancy = 1] of TABLE)
    for (const profile of profiles)
      test(`${name} ${dtype} [${shape.join()}] on ${profile}`, () => {
        const fn = PROGRAMS[name];
        if (fn === undefined) throw new Error(name);
        for (const kernel of explain(profile, dtype, shape, fn).kernels) {
          expect(kernel.sectors, kernel.name).toBeLessThanOrEqual(1.1);
          expect(kernel.occupancy, kernel.name).toBeGreaterThanOrEqual(occupancy);
        }
      });
});

test("a lane takes the two columns of a word, also where vectors leave less than a full device", () => {
  const [kernel] = explain("nvidia", "f16", [512, 2048], (x) => normalize(x, { axis: 0 })).kernels;
  expect(kernel?.schedule.vectorWidth).toBe(2);
  const [wide] = explain("nvidia", "f32", [512, 2048], (x) => normalize(x, { axis: 0 })).kernels;
  expect(wide?.schedule.vectorWidth).toBe(1);
});

test("runs of 49 are long enough to be read wherever they start", () => {
  for (const profile of BOTH) {
    const { kernels } = explain(profile, "f16", [64, 256, 49], (x) => x.sum({ axis: [0, 2] }));
    expect(kernels).toHaveLength(1);
    for (const { sectors } of kernels) expect(sectors).toBeLessThan(1.2);
  }
});

test("odd columns are read with no more waste than those of f32", () => {
  const { kernels } = explain("nvidia", "f16", [4099, 127], (x) => x.sum({ axis: 0 }));
  for (const { sectors } of kernels) expect(sectors).toBeLessThan(1.45);
});

test("CPUs have no sectors: 16 bits change nothing there", () => {
  for (const profile of ["swiftshader", "lavapipe"]) {
    const [narrow, wide] = (["f16", "f32"] as const).map((dtype) =>
      explain(profile, dtype, [4099, 127], (x) => x.sum({ axis: 0 })).kernels.map(({ schedule }) => schedule),
    );
    expect(narrow).toEqual(wide);
  }
});

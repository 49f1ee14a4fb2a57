/**
 * Norms and l2-normalise over every set of axes, adjacent or not: how many kernels, how many bytes over the floor, whether
 * accesses fill their sectors and workgroups fill the device. Compiled only.
 */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled, type Explanation } from "../../src/explain.ts";
import { f32, norm, normalize, trace, weightNorm, type TracedTensor } from "../../src/index.ts";
import { findProfile } from "../../src/ir/profile.ts";

/** No axis but the second of [8192,1024] is a multiple of the 8 elements of a sector. */
const ODD = [64, 33, 17, 9];
const EVEN = [8192, 1024];
const sectorsOf = (shape: readonly number[]): number => (shape === ODD ? 1.35 : 1.1);

const NORMS: Readonly<Record<string, number>> = { l1: 1, l2: 2, linf: Infinity, p3: 3 };

function explain(
  name: "default" | "nvidia",
  shape: readonly number[],
  fn: (x: TracedTensor) => TracedTensor,
): Explanation {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  const { graph } = trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false });
  return explainCompiled(compileGraph(graph, { profile }), profile);
}

function subsets(shape: readonly number[]): readonly (readonly number[])[] {
  const all = Array.from({ length: 2 ** shape.length - 1 }, (_, i) => i + 1);
  return all.map((bits) => shape.map((_, d) => d).filter((d) => (bits >> d) % 2 === 1));
}

interface Limits {
  readonly sectors?: number;
  readonly occupancy?: number;
}
interface Expected {
  /** Outputs are too few to fill the device: two kernels; one elsewhere. */
  readonly split: readonly string[];
  /** What cannot be reached, and what is instead. */
  readonly except: Readonly<Record<string, Limits>>;
}

const NORM_SPLITS: Readonly<Record<"default" | "nvidia", readonly [Expected, Expected]>> = {
  default: [
    { split: ["0,1", "0,2", "0,1,2", "0,1,3", "0,2,3", "0,1,2,3"], except: {} },
    { split: ["0,1"], except: {} },
  ],
  nvidia: [
    {
      split: ["0,1", "0,2", "1,2", "0,1,2", "0,3", "0,1,3", "0,2,3", "1,2,3", "0,1,2,3"],
      except: {
        // 5049 columns fill the device with at most 19 side by side, and half of a subgroup's accesses then cut a sector.
        "0": { sectors: 1.42 },
        // Pieces that are more would cost more than 2 % in partial results; columns as above.
        "0,1": { sectors: 1.42, occupancy: 0.75 },
        // The second kernel adds up 9.5 kB, two workgroups' worth: 9 neighbours.
        "0,1,2": { occupancy: 0.5 },
      },
    },
    { split: ["0", "0,1"], except: {} },
  ],
};

/** Tiles that do not fit the chip are read twice. */
const NORMALIZE_SPLITS: Readonly<Record<"default" | "nvidia", readonly [Expected, Expected]>> = {
  default: [
    { split: ["0,1", "0,2", "0,1,2", "0,1,3", "0,2,3", "0,1,2,3"], except: {} },
    { split: ["0,1"], except: {} },
  ],
  nvidia: [
    {
      split: ["0,1", "0,1,2", "0,1,3", "0,1,2,3"],
      except: {
        "0": { sectors: 1.42 },
        "0,1": { sectors: 1.42, occupancy: 0.75 },
        "0,3": { sectors: 1.6 },
        // As many rows, or tiles of them, as there are: one kernel has no more parallelism. By the model a second kernel is
        // no gain: 2.6 MB take 0.65 us of a full device, 5.2 us of an eighth of it; another launch is 4 us, the third sweep 0.3.
        "0,2": { occupancy: 0.125 },
        "1,2": { occupancy: 0.24 },
        "0,2,3": { occupancy: 0.125 },
        "1,2,3": { occupancy: 0.24 },
      },
    },
    { split: ["0", "0,1"], except: {} },
  ],
};

function checkKernels({ kernels }: Explanation, label: string, limits: Limits, sectors: number): void {
  for (const kernel of kernels) {
    expect(kernel.sectors, `sectors of ${label}`).toBeLessThanOrEqual(limits.sectors ?? sectors);
    expect(kernel.occupancy, `occupancy of ${label}`).toBeGreaterThanOrEqual(limits.occupancy ?? 1);
  }
}

for (const name of ["default", "nvidia"] as const) {
  test.each(Object.entries(NORMS))(`${name}: %s norm`, (label, ord) => {
    for (const [i, shape] of [ODD, EVEN].entries()) {
      const { split, except } = NORM_SPLITS[name][i] ?? { split: [], except: {} };
      for (const axis of subsets(shape)) {
        const key = axis.join(",");
        const found = explain(name, shape, (x) => norm(x, { ord, axis }));
        const at = `${label} of [${shape.join(",")}] over ${key}`;
        expect(found.dispatches, at).toBe(split.includes(key) ? 2 : 1);
        expect(found.bytes.moved / found.bytes.floor, at).toBeLessThanOrEqual(1.02);
        checkKernels(found, at, except[key] ?? {}, sectorsOf(shape));
      }
    }
  });

  test(`${name}: l2-normalise`, () => {
    for (const [i, shape] of [ODD, EVEN].entries()) {
      const { split, except } = NORMALIZE_SPLITS[name][i] ?? { split: [], except: {} };
      for (const axis of subsets(shape)) {
        const key = axis.join(",");
        const found = explain(name, shape, (x) => normalize(x, { axis }));
        const at = `[${shape.join(",")}] over ${key}`;
        const isWhole = !split.includes(key) && !(shape === EVEN && key === "0"); // 8192 rows of 8 columns: 256 KiB
        expect(found.dispatches, at).toBe(split.includes(key) ? 2 : 1);
        expect(found.bytes.moved / found.bytes.floor, at).toBeLessThanOrEqual(isWhole ? 1 : 1.51);
        checkKernels(found, at, except[key] ?? {}, sectorsOf(shape));
      }
    }
  });
}

test("a device that is nearly full is not worth a second kernel", () => {
  const profile = findProfile("nvidia");
  if (profile === undefined) throw new Error("there is no profile nvidia");
  const types = [f32(1024, 1024, 7), f32(1, 1024, 1)];
  const { graph } = trace((v, g) => weightNorm(v, g, { dim: 1 }), types, {
    parameterNames: ["v", "g"],
    locate: false,
  });
  const { dispatches, kernels } = explainCompiled(compileGraph(graph, { profile }), profile);
  expect(dispatches).toBe(1);
  expect(kernels[0]?.occupancy).toBeGreaterThan(0.9);
});

/** Gradients of norms: as few kernels as their data flow allows, and close to the least traffic. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  cosineSimilarity,
  f32,
  groupNorm,
  layerNorm,
  logSoftmax,
  normalize,
  rmsNorm,
  softmax,
  trace,
  vjp,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import { checkProgram } from "../support/check-program.ts";
import { createRandom } from "../support/random-values.ts";

type Norm = (...args: TracedTensor[]) => TracedTensor;
type Shape = readonly number[];

const batchNorm: Norm = (x, weight, bias) => {
  const axis = [0, 2, 3];
  const centred = x.sub(x.mean({ axis, keepdims: true }));
  const variance = centred.mul(centred).mean({ axis, keepdims: true });
  return centred.mul(variance.add(1e-5).rsqrt()).mul(weight).add(bias);
};
const groupNorm8: Norm = (x, weight, bias) => groupNorm(x, { numGroups: 8, weight, bias });

interface Case {
  readonly norm: Norm;
  /** Shapes of the arguments; the cotangent has the shape of the result. */
  readonly shapes: readonly Shape[];
  readonly result?: Shape;
  readonly kernels: number;
  readonly bytes: number;
}
const ROWS = [4096, 1024];
const CASES: Readonly<Record<string, Case>> = {
  "weight norm": {
    norm: (v, g) => weightNorm(v, g),
    shapes: [
      [512, 512, 3],
      [512, 1, 1],
    ],
    kernels: 1,
    bytes: 1,
  },
  normalize: { norm: (x) => normalize(x), shapes: [ROWS], kernels: 1, bytes: 1 },
  softmax: { norm: (x) => softmax(x), shapes: [ROWS], kernels: 1, bytes: 1 },
  "log softmax": { norm: (x) => logSoftmax(x), shapes: [ROWS], kernels: 1, bytes: 1 },
  "cosine similarity": {
    norm: (x, y) => cosineSimilarity(x, y, { axis: -1 }),
    shapes: [ROWS, ROWS],
    result: [4096],
    kernels: 1,
    bytes: 1,
  },
  "layer norm": {
    norm: (x, weight, bias) => layerNorm(x, { weight, bias }),
    shapes: [[8192, 1024], [1024], [1024]],
    kernels: 2,
    bytes: 1.05,
  },
  "rms norm": {
    norm: (x, weight) => rmsNorm(x, { weight }),
    shapes: [[8192, 1024], [1024]],
    kernels: 2,
    bytes: 1.05,
  },
  "group norm": {
    norm: groupNorm8,
    shapes: [[8, 64, 56, 56], [64], [64]],
    kernels: 3,
    bytes: 1.7,
  },
  "batch norm": {
    norm: batchNorm,
    shapes: [
      [32, 64, 28, 28],
      [1, 64, 1, 1],
      [1, 64, 1, 1],
    ],
    kernels: 3,
    bytes: 1.7,
  },
};

const profileOf = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
};

const NAMES = ["x", "a", "b"];
/** Gradients of all arguments, for a cotangent `c`. */
function gradientOf(norm: Norm, shapes: readonly Shape[], result = shapes[0] ?? []): Graph {
  const pull = (...args: TracedTensor[]): readonly TracedTensor[] => {
    const cotangent = args.pop();
    if (cotangent === undefined) throw new Error("no cotangent");
    const [, pullback] = vjp(norm, ...args);
    return pullback(cotangent);
  };
  const types = [...shapes, result].map((shape) => f32(...shape));
  const parameterNames = [...NAMES.slice(0, shapes.length), "c"];
  return trace(pull, types, { parameterNames, locate: false }).graph;
}

test.each(["default", "nvidia"])("for %s", (name) => {
  const profile = profileOf(name);
  for (const [label, { norm, shapes, result, kernels, bytes }] of Object.entries(CASES)) {
    const explained = explainCompiled(
      compileGraph(gradientOf(norm, shapes, result), { profile, check: true }),
      profile,
    );
    expect(explained.dispatches, label).toBeLessThanOrEqual(kernels);
    expect(explained.bytes.moved / explained.bytes.floor, label).toBeLessThanOrEqual(bytes + 1e-3);
  }
});

test("sums of two tensors over few channels are cut until they fill the device, along whichever axis is long enough", () => {
  const profile = profileOf("nvidia");
  for (const shape of [
    [31, 67, 29, 27], // neither dy nor x stays on the chip with the other
    [7, 13, 127, 131], // 7 pieces would leave most of the device idle
  ]) {
    const [, channels = 1] = shape;
    const kept = [1, channels, 1, 1];
    const { kernels } = compileGraph(gradientOf(batchNorm, [shape, kept, kept]), { profile });
    expect(kernels.length).toBeLessThanOrEqual(3);
    for (const { kernel } of [kernels[0], kernels.at(-1)].flatMap((k) => k ?? []))
      expect(kernel.workgroupCount).toBeGreaterThanOrEqual(profile.usefulWorkgroups);
  }
});

/** Rows that do not stay on the chip, and a device that is hard to fill: sums are cut, shared and moved. */
const FORCED: Readonly<Record<string, DeviceProfile>> = {
  "shared sums": { ...profileOf("default"), onChipBytes: 64 },
  "shared sums in pieces": {
    ...profileOf("nvidia"),
    onChipBytes: 64,
    usefulWorkgroups: 4096,
    launchUs: 1e-4,
  },
  "statistics packed": {
    ...profileOf("default"),
    onChipBytes: 64,
    launchUs: 1000,
    limits: { ...profileOf("default").limits, maxStorageBuffersPerShaderStage: 6 },
  },
};
test.each(Object.entries(FORCED))("the oracle's numbers with %s", async (_, profile) => {
  const programs: readonly (readonly [Norm, readonly Shape[]])[] = [
    [groupNorm8, [[2, 16, 8, 9], [16], [16]]],
    [
      batchNorm,
      [
        [6, 4, 5, 8],
        [1, 4, 1, 1],
        [1, 4, 1, 1],
      ],
    ],
  ];
  for (const [norm, shapes] of programs) {
    for (const offset of [0, 1e3]) {
      const random = createRandom(offset + 5);
      const values = (shape: Shape, start: number): Float64Array =>
        Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () =>
          Math.fround(start + 2 * random() - 1),
        );
      const inputs = new Map(shapes.map((shape, i) => [NAMES[i] ?? "", values(shape, i === 0 ? offset : 0)]));
      inputs.set("c", values(shapes[0] ?? [], 0));
      const graph = gradientOf(norm, shapes);
      const { failures } = await checkProgram({ graph, inputs }, { profile, shortestPiece: 8 });
      expect(failures, `offset ${String(offset)}`).toEqual([]);
    }
  }
});

/**
 * Results made of parts, and rows read in parts: operands of a concat are normalised where they stand in the result, rotary embeddings
 * and gated units read both halves of a norm's row in the walk that reduces it. By counts, and the oracle's numbers.
 */
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  concat,
  f16,
  f32,
  layerNorm,
  max,
  mean,
  normalize,
  pad,
  rmsNorm,
  silu,
  softmax,
  sum,
  trace,
  type TracedTensor,
} from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { randomInputs } from "../support/random-values.ts";

type Program = (...inputs: readonly TracedTensor[]) => TracedTensor | readonly TracedTensor[];

interface Case {
  readonly fn: Program;
  /** Shapes of the inputs for rows of so many elements, a multiple of 12. */
  readonly shapes: (rows: number, row: number) => readonly (readonly number[])[];
  readonly dispatches: number;
  /** Bytes over the floor, in hundredths. */
  readonly moved?: number;
}

const unit = (x: TracedTensor): TracedTensor => normalize(x, { axis: -1 });
const half = (x: TracedTensor, at: 0 | 1, parts = 2): TracedTensor => {
  const length = (x.shape.at(-1) ?? 0) / parts;
  return x.slice([...x.shape.slice(0, -1).map(() => ({})), { start: at * length, stop: (at + 1) * length }]);
};
const rotate = (x: TracedTensor, cos: TracedTensor, sin: TracedTensor): TracedTensor =>
  x.mul(cos).add(concat([half(x, 1).neg(), half(x, 0)], { axis: -1 }).mul(sin));
const one: Case["shapes"] = (n, d) => [[n, d]];
const same: Case["shapes"] = (n, d) => [
  [n, d],
  [n, d],
];
const uneven: Case["shapes"] = (n, d) => [
  [n, d],
  [n, d / 2],
];

const RESULTS: Readonly<Record<string, Case>> = {
  "two norms side by side": {
    fn: (a, b) => concat([unit(a), unit(b)], { axis: -1 }),
    shapes: same,
    dispatches: 1,
  },
  "two norms of different rows": {
    fn: (a, b) => concat([unit(a), unit(b)], { axis: -1 }),
    shapes: uneven,
    dispatches: 2,
  },
  "two norms below each other": {
    fn: (a, b) => concat([unit(a), softmax(b)], { axis: 0 }),
    shapes: same,
    dispatches: 1,
  },
  "four softmaxes": {
    fn: (...xs) =>
      concat(
        xs.map((x) => softmax(x)),
        { axis: -1 },
      ),
    shapes: (n, d) => Array.from({ length: 4 }, () => [n, d]),
    dispatches: 1,
  },
  "a row and its mean": {
    fn: (x) => concat([x, mean(x, { axis: -1, keepdims: true })], { axis: -1 }),
    shapes: one,
    dispatches: 1,
  },
  "statistics side by side": {
    fn: (x) =>
      concat([mean(x, { axis: -1, keepdims: true }), max(x, { axis: -1, keepdims: true })], { axis: -1 }),
    shapes: one,
    dispatches: 1,
  },
  "a norm beside a tensor, scaled": {
    fn: (a, b, w) => concat([unit(a), b], { axis: -1 }).mul(w),
    shapes: (n, d) => [...uneven(n, d), [d + d / 2]],
    dispatches: 2,
  },
};

const ROWS: Readonly<Record<string, Case>> = {
  "rotary embedding of a norm": {
    fn: (q, w, cos, sin) => rotate(rmsNorm(q, { weight: w }), cos, sin),
    shapes: (n, d) => [[n, 8, d], [d], [n, 1, d], [n, 1, d]],
    dispatches: 1,
  },
  "halves changed over": {
    fn: (x) => concat([half(unit(x), 1), half(unit(x), 0)], { axis: -1 }),
    shapes: one,
    dispatches: 1,
  },
  "gated unit behind a layer norm": {
    fn: (x, w) => half(layerNorm(x, { weight: w }), 0).mul(silu(half(layerNorm(x, { weight: w }), 1))),
    shapes: (n, d) => [[n, d], [d]],
    dispatches: 1,
  },
  "halves of a softmax as results": {
    fn: (x) => [half(softmax(x), 0), half(softmax(x), 1)],
    shapes: one,
    dispatches: 1,
  },
  "the norm of half a row's exponentials": {
    fn: (x) => sum(half(softmax(x), 0).mul(half(softmax(x), 1)), { axis: -1 }),
    shapes: one,
    dispatches: 1,
  },
};

const SIDES: Readonly<Record<string, Case>> = {
  "an activation and the means of rows": {
    fn: (x) => [silu(x), mean(x, { axis: -1 })],
    shapes: one,
    dispatches: 1,
  },
  "the means of rows and an activation": {
    fn: (x) => [mean(x, { axis: -1 }), silu(x)],
    shapes: one,
    dispatches: 1,
  },
};

const CASES = { ...RESULTS, ...ROWS, ...SIDES };

function graphOf({ fn, shapes }: Case, rows: number, row: number, type = f32): Graph {
  const types = shapes(rows, row).map((shape) => type(...shape));
  return trace(fn, types, { parameterNames: types.map((_, i) => `x${String(i)}`), locate: false }).graph;
}

describe.each(["default", "nvidia"] as const)("for %s", (name) => {
  const profile = profileNamed(name);

  test.each(Object.entries(CASES))("as few kernels as can be, everything read once: %s", (_, given) => {
    for (const [rows, row] of [
      [4096, 768],
      [2048, 96],
    ] as const) {
      const compiled = compileGraph(graphOf(given, rows, row), { profile, check: true });
      const { dispatches, bytes } = explainCompiled(compiled, profile);
      expect([dispatches, Math.round((100 * bytes.moved) / bytes.floor)]).toEqual([given.dispatches, 100]);
    }
  });

  test("a concat of tensors stays one kernel, a row that is stored whole keeps its axis", () => {
    const plain = graphOf(
      { fn: (a, b) => concat([a, b], { axis: -1 }).mul(2), shapes: uneven, dispatches: 1 },
      64,
      96,
    );
    expect(compileGraph(plain, { profile }).plan.steps.length).toBe(1);
    const whole = graphOf({ fn: (x) => [unit(x), half(unit(x), 1)], shapes: one, dispatches: 1 }, 64, 96);
    const sizes = compileGraph(whole, { profile }).index.axes.map((axis) => axis.size);
    expect(sizes).toContain(96);
  });
});

const SMALL = [
  [5, 12],
  [3, 36],
  [33, 24],
] as const;

test.each(Object.entries(CASES))("the oracle's numbers: %s", async (_, given) => {
  const profile = { ...profileNamed("nvidia"), usefulWorkgroups: 3, launchUs: 1e-4 };
  for (const [rows, row] of SMALL)
    for (const type of [f32, f16]) {
      const graph = graphOf(given, rows, row, type);
      const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, rows) }, { profile });
      expect(failures, `[${String(rows)},${String(row)}]`).toEqual([]);
    }
});

test("halves of an odd number of 16-bit elements share words between kernels", async () => {
  const profile = profileNamed("nvidia");
  const given: Case = {
    fn: (a, b) => pad(concat([unit(a), unit(b)], { axis: -1 }), [0, 1], [0, 0]),
    shapes: () => [
      [5, 7],
      [5, 4],
    ],
    dispatches: 2,
  };
  const graph = graphOf(given, 0, 0, f16);
  const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, 1) }, { profile });
  expect(failures).toEqual([]);
});

describeGpu("on the device", () => {
  test.each(Object.entries(CASES))("%s", async (_, given) => {
    using device = await openDevice({ backend: "webgpu" });
    for (const [rows, row] of SMALL)
      for (const type of [f32, f16]) {
        const graph = graphOf(given, rows, row, type);
        const { failures, compared } = await checkProgram(
          { graph, inputs: randomInputs(graph, row) },
          { profile: device.profile, device, interpretKernels: false, interpretStages: false },
        );
        expect(failures, `[${String(rows)},${String(row)}]`).toEqual([]);
        expect(compared).toBeGreaterThan(0);
      }
  });
});

test("a layer norm over channels is one kernel also where two of its steps alone would be slower", () => {
  for (const channels of [512, 768]) {
    const fn: Program = (x, w) => {
      const along = { axis: 1, keepdims: true };
      const centred = x.sub(mean(x, along));
      return centred.mul(mean(centred.mul(centred), along).add(1e-6).rsqrt()).mul(w);
    };
    const shapes: Case["shapes"] = () => [
      [8, channels, 14, 14],
      [channels, 1, 1],
    ];
    const profile = profileNamed("nvidia");
    const compiled = compileGraph(graphOf({ fn, shapes, dispatches: 1 }, 0, 0), { profile, check: true });
    const { dispatches, bytes } = explainCompiled(compiled, profile);
    expect([dispatches, bytes.moved - bytes.floor]).toEqual([1, 0]);
  }
});

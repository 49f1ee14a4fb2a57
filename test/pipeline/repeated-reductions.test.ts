/**
 * Reductions of what is broadcast and of what another reduction has left, in every order: written by hand where axes meet in odd
 * ways, and drawn, each held to the oracle at every stage. Lengths are equal on purpose, so that axes of different statements
 * are taken for the same. `TENSORWEFT_SEED=n` repeats a run.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elementCount, type DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder, type GraphBuilder, type Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import type { ReduceOp } from "../../src/ir/reduce-ops.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { randomInputs } from "../support/random-values.ts";

const SEED = Number(process.env["TENSORWEFT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const PROGRAMS = 300;

interface Program {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly build: (b: GraphBuilder, x: Value) => readonly Value[];
}
const program = (dtype: DType, shape: readonly number[], build: Program["build"]): Program => ({
  dtype,
  shape,
  build,
});
/** `fn` over `axis`, which is kept with length 1. */
const keep = (b: GraphBuilder, fn: ReduceOp, x: Value, ...axis: number[]): Value =>
  b.reduce(fn, x, { axis, keepdims: true });
const drop = (b: GraphBuilder, fn: ReduceOp, x: Value, ...axis: number[]): Value =>
  b.reduce(fn, x, { axis, keepdims: false });

const PROGRAMS_BY_NAME: Readonly<Record<string, Program>> = {
  "integers that wrap around": program("i32", [5, 1, 3], (b, x) => {
    const large = b.map("mul", [x, 1234567891]);
    return [
      drop(b, "sum", b.broadcastTo(large, [5, 70, 3]), 1),
      keep(b, "sum", b.broadcastTo(large, [9, 5, 70, 3]), 0, 1, 2),
    ];
  }),
  "unsigned integers that wrap around": program("u32", [5, 1, 3], (b, x) => [
    drop(b, "sum", b.broadcastTo(b.map("mul", [x, 3234567891]), [5, 70, 3]), 1),
  ]),
  "sums, any and all of booleans": program("bool", [5, 1, 3], (b, x) => {
    const y = b.broadcastTo(x, [5, 7, 3]);
    return [drop(b, "sum", y, 1), drop(b, "any", y, 1, 2), drop(b, "all", y, 0, 1)];
  }),
  "counts that f16 has no number for": program("f16", [5, 1, 3], (b, x) => [
    drop(b, "sum", b.broadcastTo(x, [5, 2049, 3]), 1),
    b.cast(drop(b, "sum", b.broadcastTo(x, [5, 70001, 3]), 1), "f32"),
  ]),
  "counts that bf16 has no number for": program("bf16", [5, 1, 3], (b, x) => [
    drop(b, "sum", b.broadcastTo(x, [5, 257, 3]), 1),
    b.cast(drop(b, "sum", b.broadcastTo(x, [5, 3001, 3]), 1, 2), "f32"),
  ]),
  "positions along what is broadcast": program("f32", [5, 1, 3], (b, x) => {
    const y = b.broadcastTo(x, [5, 7, 3]);
    const last = [drop(b, "argmax_last", y, 1), drop(b, "argmax_last", y, 1, 2)];
    return [...last, drop(b, "argmax", y, 1), drop(b, "argmin_last", y, 0, 1)];
  }),
  "bounds along what is broadcast": program("f32", [5, 1, 3], (b, x) => {
    const y = b.pad(b.broadcastTo(x, [5, 7, 3]), [1, 1, 0], [0, 2, 1], 2);
    const all = b.broadcastTo(b.reshape(y, [1, 6, 10, 4]), [6, 6, 10, 4]);
    return [drop(b, "sum", y, 1), drop(b, "max", y, 0, 1), drop(b, "sum", all, 0, 2, 3)];
  }),
  "an axis without elements": program("f32", [5, 1, 3], (b, x) => {
    const y = b.broadcastTo(x, [5, 0, 3]);
    return [drop(b, "sum", y, 1), drop(b, "prod", y, 0, 1)];
  }),
  "what follows from no elements": program("f32", [5, 1, 3], (b, x) => {
    const [zero, one] = [
      keep(b, "sum", b.broadcastTo(x, [5, 0, 3]), 1),
      keep(b, "prod", b.broadcastTo(x, [5, 0, 3]), 1),
    ];
    const constants = [b.map("log", [zero]), b.map("div", [zero, zero]), drop(b, "prod", one, 0, 1)];
    return [
      ...constants,
      b.map("add", [b.map("exp", [zero]), x]),
      drop(b, "sum", b.map("add", [x, one]), 0, 1),
    ];
  }),
  "axes of one element": program("f32", [5, 1, 3], (b, x) => {
    const top = keep(b, "max", x, 1);
    return [drop(b, "argmax_last", x, 1), b.map("sub", [x, top]), drop(b, "sum", b.map("exp", [top]), 0, 1)];
  }),
  "axes of one element, joined and padded": program("f32", [5, 1, 3], (b, x) => {
    const y = b.concat([b.map("exp", [x]), b.map("mul", [x, 2]), x], 1);
    return [
      y,
      b.pad(b.map("exp", [x]), [0, 1, 0], [0, 1, 0], 2),
      drop(b, "sum", y, 0, 1),
      keep(b, "max", y, 1),
    ];
  }),
  coordinates: program("f32", [6, 1], (b, x) => {
    const [whole, scaled] = [b.iota([6, 7, 3], 1, "i32"), b.map("mul", [b.iota([6, 7], 1, "f32"), x])];
    const sums = [drop(b, "sum", whole, 0, 2), drop(b, "sum", b.broadcastTo(scaled, [11, 6, 7]), 0, 2)];
    return [...sums, drop(b, "max", whole, 0, 2), drop(b, "sum", whole, 0, 1, 2)];
  }),
  "values that are stored as well": program("f32", [8, 1, 4], (b, x) => {
    const e = b.broadcastTo(b.map("exp", [x]), [8, 6, 4]);
    const sums = [keep(b, "sum", e, 1)];
    for (const axis of [2, 0]) sums.unshift(keep(b, "sum", sums[0] ?? e, axis));
    return [e, ...sums, b.map("div", [e, sums[0] ?? e])];
  }),
  "a product whose factors are repeated twice": program("i32", [8, 8], (b, x) => {
    const rows = drop(b, "prod", b.broadcastTo(keep(b, "prod", x, 1), [3, 8, 8]), 0);
    return [b.map("add", [x, rows]), drop(b, "sum", b.broadcastTo(rows, [5, 8, 8]), 0, 1)];
  }),
  "a sum along the axis that another lost, under another name": program("f32", [12, 5], (b, x) => {
    const columns = b.broadcastTo(b.reshape(drop(b, "sum", x, 0), [5, 1]), [5, 12]);
    return [b.map("add", [b.reshape(drop(b, "sum", columns, 0), [12, 1]), x])];
  }),
  "sums of parts of sums": program("f32", [8, 9], (b, x) => {
    const pairs = b.reshape(drop(b, "sum", x, 1), [4, 2]);
    const odd = b.slice(drop(b, "sum", x, 0), [{ start: 1, step: 2 }]);
    return [drop(b, "sum", pairs, 0), drop(b, "sum", b.transpose(pairs, [1, 0]), 0), keep(b, "sum", odd, 0)];
  }),
};

function graphOf({ dtype, shape, build }: Program): Graph {
  const b = createGraphBuilder("repeated");
  const values = build(b, b.param("x", { dtype, shape }));
  return b.finish(values.map((value, i) => ({ name: `r${String(i)}`, value })));
}

describe.each(Object.entries(PROGRAMS_BY_NAME))("%s", (_, one) => {
  test.each(["default", "swiftshader"] as const)("%s", async (name) => {
    const graph = graphOf(one);
    for (const seed of [2, 3]) {
      const { failures } = await checkProgram(
        { graph, inputs: randomInputs(graph, seed) },
        { profile: profileNamed(name) },
      );
      expect(failures).toEqual([]);
    }
  });
});

const SHAPES = [
  [4, 4],
  [4, 4, 3],
  [4, 3, 4],
  [3, 8],
];
const OPERATIONS = ["sum", "max", "prod", "min"] as const;
const DTYPES = ["f32", "f32", "i32", "u32", "f16"] as const;
const MOST_ELEMENTS = 600;
type Step = readonly [kind: number, a: number, bits: number];

/** One operation reduces, what it leaves is repeated along axes of x again, and meets x. */
function drawGraph(shape: readonly number[], dtype: DType, fn: ReduceOp, steps: readonly Step[]): Graph {
  const b = createGraphBuilder("drawn");
  const x = b.param("x", { dtype, shape });
  const stages = [x];
  for (const step of steps) {
    const next = applyStep(b, x, stages.at(-1) ?? x, fn, step);
    if (elementCount(next.type.shape) <= MOST_ELEMENTS) stages.push(next);
  }
  const [last = x, other = x] = [stages.at(-1), stages.at(-((steps[0]?.[2] ?? 0) % stages.length) - 1)];
  const results = [
    meets(last, x) ? b.map("add", [last, x]) : b.map("mul", [last, 2]),
    b.map("add", [other, 1]),
  ];
  return b.finish(results.map((value, i) => ({ name: `r${String(i)}`, value })));
}

/** Whether the two broadcast against each other. */
const meets = (v: Value, x: Value): boolean =>
  v.type.shape.every((n, i) => {
    const m = x.type.shape.at(i - v.type.shape.length);
    return i < v.type.shape.length - x.type.shape.length || n === 1 || n === m;
  });

function applyStep(b: GraphBuilder, x: Value, v: Value, fn: ReduceOp, [kind, a, bits]: Step): Value {
  const { shape } = v.type;
  const axes = [...shape.keys()];
  const has = (axis: number): boolean => (bits >> axis) % 2 === 1;
  const full = x.type.shape;
  switch (kind % 9) {
    case 0:
    case 1:
    case 2:
      return b.reduce(fn, v, {
        axis: axes.some(has) ? axes.filter(has) : axes.slice(-1),
        keepdims: a % 3 !== 0,
      });
    case 3:
    case 4: {
      if (shape.length > full.length) return v;
      if (shape.length < full.length) return b.reshape(v, shape.toSpliced(a % (shape.length + 1), 0, 1));
      const grown = shape.map((n, i) => (n === 1 && has(i) ? (full[i] ?? 1) : n));
      return b.broadcastTo(v, a % 4 === 0 ? [4, ...grown] : grown);
    }
    case 5:
    case 6:
      return meets(v, x) ? b.map(kind % 2 === 0 ? "add" : "mul", [v, x]) : v;
    case 7:
      return b.transpose(v, axes.reverse());
    default: {
      const at = a % (shape.length + 1);
      return b.broadcastTo(b.reshape(v, shape.toSpliced(at, 0, 1)), shape.toSpliced(at, 0, 4));
    }
  }
}

const drawn = fc
  .record({
    shape: fc.constantFrom(...SHAPES),
    dtype: fc.constantFrom(...DTYPES),
    fn: fc.constantFrom(...OPERATIONS),
    steps: fc.array(fc.tuple(fc.nat(99), fc.nat(99), fc.nat(15)), {
      minLength: 3,
      maxLength: 9,
      size: "max",
    }),
    seed: fc.nat(999),
  })
  .map(({ shape, dtype, fn, steps, seed }) => {
    const graph = drawGraph(shape, dtype, fn, steps);
    return { graph, inputs: randomInputs(graph, seed) };
  });

const CUT = { usefulWorkgroups: 4096, launchUs: 1e-4, onChipBytes: 64 };
test.each([
  ["shared rows", "default", {}],
  ["rows of one lane", "swiftshader", {}],
  ["every reduction cut into pieces", "default", CUT],
] as const)(
  "drawn ones: %s",
  async (_, name, changed) => {
    const profile = { ...profileNamed(name), ...changed };
    console.log(`${String(PROGRAMS)} random programs, TENSORWEFT_SEED=${String(SEED)}`);
    await fc.assert(
      fc.asyncProperty(drawn, async (one) => {
        const { failures } = await checkProgram(one, { profile, shortestPiece: 2 });
        expect(failures, printGraph(one.graph)).toEqual([]);
      }),
      { numRuns: PROGRAMS, seed: SEED },
    );
  },
  120_000,
);

describeGpu("on a device", () => {
  test("those written by hand agree with the oracle", async () => {
    using device = await openDevice({ backend: "webgpu" });
    const options = { profile: device.profile, device, interpretKernels: false, interpretStages: false };
    for (const [name, one] of Object.entries(PROGRAMS_BY_NAME)) {
      const graph = graphOf(one);
      const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, 3) }, options);
      expect(failures, name).toEqual([]);
    }
  }, 120_000);
});

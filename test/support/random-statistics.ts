/**
 * Random programs made of statistics of statistics: a large tensor, reductions of it, reductions of those over the axes that
 * they have left, and the tensor scaled and shifted by what came out. Results are the tensor and, at times, statistics.
 */
import fc from "fast-check";
import { createGraphBuilder, type GraphBuilder, type Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { ReduceOp } from "../../src/ir/reduce-ops.ts";
import type { RandomProgram } from "./random-graph.ts";
import { randomInputs } from "./random-values.ts";

/** What becomes of the statistics so far; `a` and `b` choose. */
interface Step {
  readonly kind: "reduce" | "norm" | "mean" | "softmax" | "ratio" | "center" | "gain" | "rows";
  readonly a: number;
  readonly b: number;
}

const KINDS: readonly Step["kind"][] = [
  "reduce",
  "norm",
  "mean",
  "softmax",
  "ratio",
  "center",
  "gain",
  "rows",
];
const LENGTHS = [2, 3, 4, 5, 7, 8, 12, 16, 24, 33];
const MAX_ELEMENTS = 4096;

interface Recipe {
  readonly shape: readonly number[];
  readonly first: Step;
  readonly steps: readonly Step[];
  readonly shown: number;
  readonly seed: number;
}

export function randomStatistics(): fc.Arbitrary<RandomProgram> {
  const number = fc.nat({ max: 0xffff });
  const step = fc.record({ kind: fc.constantFrom(...KINDS), a: number, b: number });
  return fc
    .record({
      shape: fc.array(fc.constantFrom(...LENGTHS), { minLength: 2, maxLength: 4 }),
      first: step,
      steps: fc.array(step, { minLength: 1, maxLength: 5 }),
      shown: fc.nat({ max: 15 }),
      seed: number,
    })
    .map((recipe) => {
      const graph = buildStatistics(recipe);
      return { graph, inputs: randomInputs(graph, recipe.seed) };
    });
}

const pick = <T>(from: readonly T[], n: number, otherwise: T): T => from[n % from.length] ?? otherwise;

/** A proper subset of the dimensions that are longer than 1, or all of them where `n` says so. */
function chooseAxes(value: Value, n: number): number[] {
  const long = value.type.shape.flatMap((length, d) => (length > 1 ? [d] : []));
  const chosen = long.filter((_, i) => ((n >> i) & 1) === 1);
  return chosen.length === 0 || n % 7 === 0 ? long : chosen;
}

function buildStatistics({ shape, first, steps, shown }: Recipe): Graph {
  const builder = createGraphBuilder("statistics");
  let count = 1;
  const lengths = shape.map((length) => {
    if (count * length > MAX_ELEMENTS) return 1;
    count *= length;
    return length;
  });
  const x = builder.param("x", { dtype: "f32", shape: lengths });
  const gain = builder.param("gain", { dtype: "f32", shape: lengths.slice(-1) });
  const known: Value[] = [
    applyStep(builder, x, gain, { ...first, kind: pick(["reduce", "norm", "mean"], first.a, "norm") }),
  ];
  for (const step of steps) {
    const from = pick(known.slice(-2), step.b, x);
    known.push(applyStep(builder, from, gain, step));
  }
  const last = pick(known.slice(-1), 0, x);
  const earlier = pick(known, shown, last);
  const scaled = builder.map(pick(["mul", "add", "sub"], shown, "mul"), [x, last]);
  const results = [{ name: "y", value: builder.map("add", [scaled, earlier]) }];
  if (shown % 3 === 0) results.push({ name: "statistic", value: builder.map("neg", [earlier]) });
  if (shown % 5 === 0) results.push({ name: "last", value: builder.map("abs", [last]) });
  return builder.finish(results);
}

function applyStep(builder: GraphBuilder, value: Value, gain: Value, { kind, a, b }: Step): Value {
  const options = { axis: chooseAxes(value, a), keepdims: true };
  const reduce = (fn: ReduceOp, of: Value): Value => builder.reduce(fn, of, options);
  switch (kind) {
    case "reduce":
      return reduce(pick(["sum", "max", "min"], b, "sum"), builder.map("mul", [value, 0.5]));
    case "norm":
      return builder.map("sqrt", [reduce("sum", builder.map("mul", [value, value]))]);
    case "mean":
      return builder.mean(value, options);
    case "softmax": {
      const shifted = builder.map("exp", [builder.map("sub", [value, reduce("max", value)])]);
      return builder.map("div", [shifted, reduce("sum", shifted)]);
    }
    case "ratio": {
      const mean = builder.mean(builder.map("abs", [value]), options);
      return builder.map("div", [value, builder.map("add", [mean, 0.5])]);
    }
    case "center":
      return builder.map("sub", [value, builder.mean(value, options)]);
    case "gain":
      return builder.map("mul", [value, gain]);
    case "rows": {
      const squares = reduce("sum", builder.map("mul", [value, value]));
      return builder.map("mul", [value, builder.map("rsqrt", [builder.map("add", [squares, 1])])]);
    }
  }
}

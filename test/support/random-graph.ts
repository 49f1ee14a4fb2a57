/**
 * Random graphs for fast-check. A graph is drawn as a list of steps, each a kind and three free numbers that are read
 * modulo whatever there is to choose from: every list of steps is a program, and every shorter list or smaller number
 * is one, too, which is what makes them shrink well. A step that does not apply to what it chose adds nothing.
 */
import fc from "fast-check";
import { elementCount, isFloat } from "../../src/ir/dtype.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { applyStep, STEP_KINDS } from "./random-steps.ts";
import type { Step } from "./random-steps.ts";
import { randomInputs } from "./random-values.ts";

export interface RandomProgram {
  readonly graph: Graph;
  /** A value for each param and scalar, of the declared dtype. */
  readonly inputs: ReadonlyMap<string, Float64Array>;
}

export interface RandomGraphOptions {
  /** Steps at most; a step builds one to eight nodes. Default 12. */
  readonly maxSteps?: number;
  /** Elements of any value at most. Default 2048. */
  readonly maxElements?: number;
  /** Length of the outermost dimension of the first param. Default: drawn as the others. */
  readonly leading?: number;
  /** Lengths to draw dimensions from, the simplest first. Default a mix of small, odd and even ones, and rarely 0. */
  readonly lengths?: readonly number[];
  /** Ranks to draw from. Default 0 to 8, mostly 2 and 3. */
  readonly ranks?: readonly number[];
  /** Dtypes of params (repeat one to draw it more often). Casts stay among them. Default mostly f32. */
  readonly dtypes?: readonly DType[];
  /** Kinds of steps to draw from. Default all. */
  readonly kinds?: readonly Step["kind"][];
}

const DEFAULT_DTYPES: readonly DType[] = [
  ..."012345678".split("").map((): DType => "f32"),
  "i32",
  "u32",
  "bool",
  "f16",
  "bf16",
];
/** Simplest first: shrinking moves towards the front. */
const LENGTHS = [1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 64, 67, 130];
const RANKS = [0, 1, 2, 2, 2, 3, 3, 4, 5, 8];

interface Recipe {
  readonly shape: readonly number[];
  readonly params: readonly { readonly dtype: DType; readonly variant: number }[];
  readonly steps: readonly Step[];
  readonly results: readonly number[];
  readonly seed: number;
}

/** Graphs with inputs for them. */
export function randomProgram(options: RandomGraphOptions = {}): fc.Arbitrary<RandomProgram> {
  const number = fc.nat({ max: 0xffff });
  const length = fc.oneof(
    { weight: 60, arbitrary: fc.constantFrom(...(options.lengths ?? LENGTHS)) },
    ...(options.lengths === undefined ? [{ weight: 1, arbitrary: fc.constant(0) }] : []),
  );
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom(...(options.kinds ?? STEP_KINDS)),
    a: number,
    b: number,
    c: number,
  });
  const dtype = fc.constantFrom(...(options.dtypes ?? DEFAULT_DTYPES));
  return fc
    .record({
      shape: fc
        .constantFrom(...(options.ranks ?? RANKS))
        .chain((rank) => fc.array(length, { minLength: rank, maxLength: rank })),
      params: fc.array(fc.record({ dtype, variant: number }), { minLength: 1, maxLength: 3 }),
      // fast-check's own idea of a small array would leave `maxSteps` without effect.
      steps: fc.array(step, { minLength: 1, maxLength: options.maxSteps ?? 12, size: "max" }),
      results: fc.array(number, { maxLength: 2 }),
      seed: number,
    })
    .map((recipe) => {
      const graph = buildGraph(recipe, options);
      return { graph, inputs: randomInputs(graph, recipe.seed) };
    });
}

/** Graphs alone. */
export const randomGraph = (options: RandomGraphOptions = {}): fc.Arbitrary<Graph> =>
  randomProgram(options).map(({ graph }) => graph);

function buildGraph(recipe: Recipe, options: RandomGraphOptions): Graph {
  const maxElements = options.maxElements ?? 2048;
  const builder = createGraphBuilder("random");
  const { leading } = options;
  const drawn = leading === undefined ? recipe.shape : [leading, ...recipe.shape.slice(1)];
  const shape = limitShape(drawn, maxElements);
  const values: Value[] = recipe.params.map(({ dtype, variant }, i) =>
    builder.param(`p${String(i)}`, { dtype, shape: i === 0 ? shape : varyShape(shape, variant) }),
  );
  if (recipe.seed % 3 === 0) values.push(builder.scalar("s"));
  const dtypes = options.dtypes ?? DEFAULT_DTYPES;
  for (const step of recipe.steps) {
    const value = applyStep(builder, values, step, { dtypes, maxElements });
    if (value !== undefined && elementCount(value.type.shape) <= maxElements) values.push(value);
  }
  return builder.finish(chooseResults(builder, values, recipe.results));
}

/** The last value, which most steps lead to, and a few others. */
function chooseResults(
  builder: GraphBuilder,
  values: readonly Value[],
  picks: readonly number[],
): { name: string; value: Value }[] {
  const chosen = [...picks.map((pick) => values[pick % values.length]), values.at(-1)].filter(
    (value) => value !== undefined,
  );
  // An input as a result is legal and dull; a negation keeps it a computed value.
  return [...new Set(chosen)].map((value, i) => ({
    name: `r${String(i)}`,
    value: value.type.shape.length === 0 && isFloat(value.type.dtype) ? builder.map("neg", [value]) : value,
  }));
}

/** Lengths from the front as long as they fit, 1 for the rest. */
function limitShape(shape: readonly number[], maxElements: number): number[] {
  let count = 1;
  return shape.map((length) => {
    if (count * length > maxElements) return 1;
    count *= Math.max(length, 1);
    return length;
  });
}

/** A shape that broadcasts against the given one: the same, with some lengths 1, or without leading dimensions. */
function varyShape(shape: readonly number[], variant: number): number[] {
  const kind = variant % 3;
  const bits = Math.floor(variant / 3);
  if (kind === 0) return [...shape];
  if (kind === 1) return shape.map((length, d) => ((bits >> d) % 2 === 1 ? 1 : length));
  return shape.slice(bits % (shape.length + 1));
}

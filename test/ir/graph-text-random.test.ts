/** Printing and parsing are inverse on random graphs, and what the builder builds is sound. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { DTYPES } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Operand, Value } from "../../src/ir/graph-builder.ts";
import type { Graph, Node } from "../../src/ir/graph.ts";
import { isRepresentable, parseNumber, printNumber, representValue } from "../../src/ir/number-text.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { REDUCE_OPS, isReduceOp } from "../../src/ir/reduce-ops.ts";
import { SCALAR_OP_NAMES, SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";

const REDUCTIONS = Object.keys(REDUCE_OPS).filter(isReduceOp);
const NUMBERS = [
  0,
  -0,
  1,
  -1,
  2,
  0.1,
  1e-7,
  3e9,
  65537,
  1e30,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  true,
] as const;

/** One call of the builder: which op, and small numbers that pick its operands and attributes. */
const stepArbitrary = fc.record({
  op: fc.nat(11),
  picks: fc.array(fc.nat(40), { minLength: 6, maxLength: 6 }),
});
type Step = typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never;

const typeArbitrary = fc.record({
  dtype: fc.constantFrom(...DTYPES),
  shape: fc.array(fc.constantFrom(0, 1, 2, 3, 3, 3), { maxLength: 4 }),
});

const pick = <T>(items: readonly T[], n: number | undefined): T => {
  const item = items[(n ?? 0) % items.length];
  if (item === undefined) throw new Error("nothing to pick from");
  return item;
};

function applyStep(b: GraphBuilder, values: readonly Value[], { op, picks }: Step): Value {
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0] = picks;
  const x = pick(values, p0);
  const rank = x.type.shape.length;
  const perAxis = (salt: number): number[] => x.type.shape.map((_, d) => (salt >> d) % 3);
  const operand = (n: number): Operand => (n % 4 === 0 ? pick(NUMBERS, n >> 2) : pick(values, n));
  switch (op) {
    case 0:
      return b.cast(operand(p1), pick(DTYPES, p2));
    case 1:
      return b.reduce(pick(REDUCTIONS, p1), x, { axis: rank === 0 ? [] : p2 % rank, keepdims: p3 % 2 === 0 });
    case 2:
      return b.mean(x, { keepdims: p1 % 2 === 0 });
    case 3:
      return b.reshape(x, p1 % 2 === 0 ? [1, -1] : [...x.type.shape, 1]);
    case 4:
      return b.transpose(x);
    case 5:
      return b.broadcastTo(x, [2, ...x.type.shape]);
    case 6:
      return b.slice(
        x,
        x.type.shape.map((_, d) => ({ start: (p1 >> d) % 3, step: 1 + ((p2 >> d) % 2) })),
      );
    case 7:
      return b.pad(x, perAxis(p1), perAxis(p2), p3 % 2);
    case 8:
      return b.concat([x, operand(p1), x], rank === 0 ? 0 : p2 % rank);
    case 9:
      return b.iota([2, 3], p1 % 2, pick<DType>(["i32", "u32", "f32"], p2));
    case 10:
      return b.constant(pick(NUMBERS, p1), undefined, [1 + (p2 % 3)]);
    default: {
      const fn = pick(SCALAR_OP_NAMES, p1);
      return b.map(fn, [operand(p2), operand(p3), operand(p4 + p5)].slice(0, SCALAR_OPS[fn].arity));
    }
  }
}

const nameArbitrary = fc.oneof(
  fc.constantFrom("x", "return", "0", "nan", "a b", '"', "a.b", "é", "\n"),
  fc.string({ unit: "binary", minLength: 1 }),
);

interface Program {
  readonly name: string;
  readonly inputs: readonly { readonly dtype: DType; readonly shape: readonly number[] }[];
  readonly inputNames: readonly string[];
  readonly steps: readonly Step[];
  readonly results: readonly string[];
}

const programArbitrary: fc.Arbitrary<Program> = fc.record({
  name: nameArbitrary,
  inputs: fc.array(typeArbitrary, { minLength: 1, maxLength: 3 }),
  inputNames: fc.uniqueArray(nameArbitrary, { minLength: 5, maxLength: 5 }),
  steps: fc.array(stepArbitrary, { maxLength: 25 }),
  results: fc.uniqueArray(nameArbitrary, { minLength: 1, maxLength: 4 }),
});

/** Builds what can be built: a step that the rules refuse is left out. */
function build(program: Program): { readonly graph: Graph; readonly refused: number } {
  const b = createGraphBuilder(program.name);
  const values = program.inputs.map((type, i) => b.param(pick(program.inputNames, i), type));
  values.push(
    b.scalar(pick(program.inputNames, 3)),
    b.scalar(pick(program.inputNames, 4), { default: 1e-7 }),
  );
  let refused = 0;
  for (const step of program.steps) {
    try {
      values.push(applyStep(b, values, step));
    } catch (error) {
      if (!(error instanceof TensorweftError)) throw error;
      refused++;
    }
  }
  const last = values.slice(-program.results.length);
  return { graph: b.finish(last.map((value, i) => ({ name: pick(program.results, i), value }))), refused };
}

test("parsing a printed graph gives the graph back, and builder-made graphs are sound", () => {
  const ops = new Set<Node["op"]>();
  let steps = 0;
  let refusals = 0;
  fc.assert(
    fc.property(programArbitrary, (program) => {
      const { graph, refused } = build(program);
      steps += program.steps.length;
      refusals += refused;
      for (const node of graph.nodes) ops.add(node.op);
      expect(verifyGraph(graph)).toEqual([]);
      const text = printGraph(graph);
      const parsed = parseGraph(text);
      expect(parsed).toStrictEqual(graph);
      expect(printGraph(parsed)).toBe(text);
    }),
    { numRuns: 500 },
  );
  // A property of graphs that were never built would hold as well.
  expect([...ops].sort()).toEqual(
    ["param", "scalar", "const", "iota", "map", "cast", "reduce", "reshape", "transpose", "broadcast"]
      .concat(["slice", "pad", "concat"])
      .sort(),
  );
  expect(refusals).toBeLessThan(steps * 0.6);
});

test("every value of a dtype reads back from its text, in no more digits than needed", () => {
  const value = fc.oneof(fc.float(), fc.integer(), fc.double());
  fc.assert(
    fc.property(value, fc.constantFrom(...DTYPES), (raw, dtype) => {
      const represented = representValue(raw, dtype);
      if (represented === undefined) return;
      expect(isRepresentable(represented, dtype)).toBe(true);
      const text = printNumber(represented, dtype);
      const read = parseNumber(text);
      expect(read === undefined ? undefined : representValue(read, dtype)).toBe(represented);
      if (!Object.is(represented, -0)) expect(text.length).toBeLessThanOrEqual(String(represented).length);
    }),
    { numRuns: 2000 },
  );
});

test("no text crashes the parser: it is read or refused with a place", () => {
  const text = printGraph(
    build({
      name: "f",
      inputs: [{ dtype: "f32", shape: [2, 3] }],
      inputNames: ["x", "y", "z", "s", "t"],
      steps: [{ op: 1, picks: [0, 0, 0, 0, 0, 0] }],
      results: ["y"],
    }).graph,
  );
  const mutated = fc
    .tuple(
      fc.nat(text.length),
      fc.nat(6),
      fc.oneof(fc.string(), fc.constantFrom("%0", "=", "[", "-inf", '"', "return")),
    )
    .map(([at, length, inserted]) => text.slice(0, at) + inserted + text.slice(at + length));
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: "binary" })), (input) => {
      try {
        expect(verifyGraph(parseGraph(input))).toBeInstanceOf(Array);
      } catch (error) {
        if (!(error instanceof TensorweftError)) throw error;
        expect(error.diagnostics.map(({ span }) => span === undefined)).toEqual([false]);
      }
    }),
    { numRuns: 2000 },
  );
});

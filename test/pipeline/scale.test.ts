/**
 * Large graphs compile, and the passes over index notation do work in proportion. Work is counted, never timed:
 * statements are replaced by equal ones that count how often their axes or value are asked for.
 */
import { describe, expect, test } from "vitest";
import { compileGraph, lowerToIndex } from "../../src/compile.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { IndexProgram, Statement } from "../../src/ir/index-notation.ts";
import { verifyIndexProgram } from "../../src/ir/verify-index.ts";
import { alignAxes } from "../../src/passes/index/align-axes.ts";
import { buildIndexNotation } from "../../src/passes/index/build-index-notation.ts";
import { collapseAxes } from "../../src/passes/index/collapse-axes.ts";
import { fuseStatements } from "../../src/passes/index/fuse-statements.ts";
import { inlineReads } from "../../src/passes/index/inline-reads.ts";
import { isolateGroups } from "../../src/passes/index/isolate-groups.ts";
import { materialize } from "../../src/passes/index/materialize.ts";
import { profileNamed } from "../support/pipeline-golden.ts";

const PROFILE = profileNamed("default");

interface Shape {
  readonly name: string;
  readonly build: (b: GraphBuilder, size: number) => readonly Value[];
}

const repeat = (count: number, start: Value, step: (value: Value, i: number) => Value): Value => {
  let value = start;
  for (let i = 0; i < count; i++) value = step(value, i);
  return value;
};
const input = (b: GraphBuilder, shape: readonly number[], name = "x"): Value =>
  b.param(name, { dtype: "f32", shape });

const CHAIN: Shape = {
  name: "a chain",
  // One statement is written for 23 of these: more are needed until the first kernel is full.
  build: (b, n) => [repeat(6 * n, input(b, [64]), (v) => b.map("exp", [v]))],
};
const TWICE: Shape = {
  name: "a chain that uses every value twice",
  build: (b, n) => [repeat(n, input(b, [64]), (v) => b.map("mul", [b.map("sin", [v]), v]))],
};
const AXES: Shape = {
  name: "many small programs side by side, each with axes of its own",
  build: (b, n) => {
    const parts = Array.from({ length: n / 20 }, (_, i) => {
      // Few shapes: programs of one shape share kernels until these bind all buffers that they can.
      const x = input(b, [3 + (i % 3), 4 + (i % 2)], `x${String(i)}`);
      const y = repeat(10, x, (v) => b.map("mul", [b.map("sin", [v]), v]));
      return b.reduce("sum", y, { axis: [0, 1] });
    });
    const [first, ...rest] = parts;
    return first === undefined ? [] : [rest.reduce((sum, part) => b.map("add", [sum, part]), first)];
  },
};
const REDUCTIONS: Shape = {
  name: "reductions in sequence",
  build: (b, n) => [
    repeat(n / 10, input(b, [8, 16]), (v) =>
      b.map("sub", [v, b.reduce("max", v, { axis: [1], keepdims: true })]),
    ),
  ],
};
const RESULTS: Shape = {
  name: "independent results",
  build: (b, n) => {
    const x = input(b, [64]);
    return Array.from({ length: n / 66 }, (_, i) => b.map("sin", [b.map("mul", [x, i + 0.5])]));
  },
};
const TRANSPOSES: Shape = {
  name: "values read transposed",
  build: (b, n) => [repeat(n, input(b, [8, 8]), (v) => b.map("add", [b.map("sin", [v]), b.transpose(v)]))],
};
const SHAPES = [CHAIN, TWICE, AXES, REDUCTIONS, RESULTS, TRANSPOSES];

function buildGraph({ build }: Shape, size: number): Graph {
  const b = createGraphBuilder("large");
  return b.finish(build(b, size).map((value, i) => ({ name: `y${String(i)}`, value })));
}

/** The program with statements that count how often somebody looks at their axes or value. */
function countLooks(program: IndexProgram): {
  readonly program: IndexProgram;
  readonly looks: () => number;
} {
  let count = 0;
  const statements = program.statements.map((statement): Statement => {
    const { axes, value } = statement;
    return Object.defineProperties(
      { ...statement },
      {
        axes: { enumerable: true, get: () => (count++, axes) },
        value: { enumerable: true, get: () => (count++, value) },
      },
    );
  });
  return { program: { ...program, statements }, looks: () => count };
}

const isolated = (program: IndexProgram): unknown =>
  isolateGroups(materialize(program, fuseStatements(program, PROFILE)));
const PASSES: readonly {
  readonly name: string;
  readonly run: (program: IndexProgram) => unknown;
  readonly on: "built" | "optimized";
}[] = [
  { name: "align-axes", run: alignAxes, on: "built" },
  { name: "inline-reads", run: inlineReads, on: "optimized" },
  { name: "collapse-axes", run: collapseAxes, on: "optimized" },
  { name: "verify-index", run: verifyIndexProgram, on: "optimized" },
  { name: "fuse-statements", run: (program) => fuseStatements(program, PROFILE), on: "optimized" },
  { name: "materialize and isolate-groups", run: isolated, on: "optimized" },
];

const SHORT = 1500;
const LONG = 6000;

describe.each(SHAPES)("$name", (shape) => {
  const programs = (size: number): Readonly<Record<"built" | "optimized", IndexProgram>> => {
    const graph = buildGraph(shape, size);
    return { built: buildIndexNotation(graph), optimized: lowerToIndex(graph, { profile: PROFILE }) };
  };
  const short = programs(SHORT);
  const long = programs(LONG);

  test.each(PASSES)("$name looks at a statement as often in a large program as in a small one", (pass) => {
    const looksPerStatement = (program: IndexProgram): number => {
      const counted = countLooks(program);
      pass.run(counted.program);
      return counted.looks() / program.statements.length;
    };
    const few = looksPerStatement(short[pass.on]);
    expect(few).toBeGreaterThan(0);
    // Groups fill up to their limit: until the first is full, a statement is looked at less often.
    expect(looksPerStatement(long[pass.on])).toBeLessThan(few * 1.25 + 1);
  });
});

test("what is isolated for each group adds up to the whole", () => {
  const program = lowerToIndex(buildGraph(TRANSPOSES, LONG), { profile: PROFILE });
  const groups = fuseStatements(program, PROFILE);
  const parts = isolateGroups(materialize(program, groups));
  expect(groups.length).toBeGreaterThan(1000);
  expect(parts.flatMap((part) => part.program.statements).length).toBe(program.statements.length);
  expect(Math.max(...parts.map((part) => part.program.tensors.length))).toBeLessThanOrEqual(8);
});

test.each([
  [CHAIN, 3400],
  [TWICE, 10_000],
  [REDUCTIONS, 20_000],
] as const)("$0.name of 20,000 ops compiles", (shape, size) => {
  const compiled = compileGraph(buildGraph(shape, size), { profile: PROFILE });
  expect(compiled.kernels.length).toBeGreaterThan(1);
  expect(compiled.kernels.length).toBeLessThan(200);
});

/**
 * Gradients of random programs, and gradients of those, against central differences in float64. The same programs at each
 * run, as no test of differences is safe from all that can be drawn; `TENSORWEFT_SEED=n` draws others.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { SCALAR_RULES } from "../../src/autodiff/scalar-rules.ts";
import { VIEW_RULES } from "../../src/autodiff/view-rules.ts";
import type { Node } from "../../src/ir/graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import type { ReduceOp } from "../../src/ir/reduce-ops.ts";
import { SCALAR_OP_NAMES } from "../../src/ir/scalar-ops.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import {
  checkDerivative,
  finishProgram,
  floatInputs,
  gradientOf,
  programOf,
} from "../support/differentiate.ts";
import type { Inputs, Program } from "../support/differentiate.ts";
import { randomProgram } from "../support/random-graph.ts";
import { createRandom, randomElements } from "../support/random-values.ts";

const SEED = Number(process.env["TENSORWEFT_SEED"] ?? 1);

interface Coverage {
  readonly programs: number;
  /** Ops of the programs that could be compared, before they were differentiated. */
  readonly ops: ReadonlySet<string>;
}

const opOf = (node: Node): string =>
  node.op === "map" || node.op === "reduce" ? `${node.op}.${node.fn}` : node.op;

/** Ops that pass a derivative on. */
const SMOOTH_OPS: readonly string[] = [
  ...SCALAR_OP_NAMES.filter((fn) => SCALAR_RULES[fn].some((rule) => rule !== null)).map((fn) => `map.${fn}`),
  ...(["sum", "prod", "max", "min"] as const satisfies readonly ReduceOp[]).map((fn) => `reduce.${fn}`),
  ...(Object.keys(VIEW_RULES) as readonly (keyof typeof VIEW_RULES)[]),
];

/** Derivatives of `order` random programs by the transform agree with differences; returns what could be compared. */
function checkRandomPrograms(order: 1 | 2, runs: number, maxSteps: number): Coverage {
  let compared = 0;
  const ops = new Set<string>();
  const programs = randomProgram({ dtypes: ["f32", "f32", "f32", "i32"], maxElements: 48, maxSteps });
  fc.assert(
    fc.property(programs, fc.nat(), ({ graph, inputs }, seed) => {
      const forward = programOf(graph);
      if (floatInputs(forward).length === 0) return;
      const program = order === 1 ? forward : gradientOf(forward);
      const gradient = finishProgram(gradientOf(program));
      expect(verifyGraph(gradient)).toEqual([]);
      const check = checkDerivative(program, withUpstream(program, inputs, seed), createRandom(seed));
      if (check === undefined) return;
      const { transform, differences, tolerance, scale } = check;
      if (tolerance < 1e-2 * scale) {
        compared++;
        for (const node of graph.nodes) ops.add(opOf(node));
      }
      const report = `${JSON.stringify(check)}\n${printGraph(graph)}\n${printGraph(gradient)}`;
      expect(Math.abs(transform - differences), report).toBeLessThanOrEqual(tolerance);
    }),
    { numRuns: runs, seed: SEED },
  );
  return { programs: compared, ops };
}

/** Inputs of a gradient: those of the program, and a cotangent for each result. */
const withUpstream = ({ inputs: types }: Program, inputs: Inputs, seed: number): Inputs =>
  new Map(
    [...types].map(([name, type], i) => [name, inputs.get(name) ?? randomElements(type, 4 * (seed + i))]),
  );

test("gradients of random programs agree with central differences", () => {
  const { programs, ops } = checkRandomPrograms(1, 1200, 8);
  expect(programs).toBeGreaterThan(100);
  if (SEED === 1) expect(SMOOTH_OPS.filter((op) => !ops.has(op))).toEqual([]);
});

test("second derivatives of random programs agree with central differences", () => {
  expect(checkRandomPrograms(2, 200, 4).programs).toBeGreaterThan(30);
});

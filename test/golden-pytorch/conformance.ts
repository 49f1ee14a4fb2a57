/**
 * One conformance suite for every backend: the forward cases of real PyTorch.
 *
 * Ensures: every case of a group is run; where PyTorch refuses a call, so does the library, with a located-error type of
 *          its own. Prints how many cases ran per op, so that a run which compared little is seen.
 */
import { describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { F32_MAX } from "../../src/ir/error-models.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import { emulateF32 } from "../support/emulate-f32.ts";
import { createRandom } from "../support/random-values.ts";
import { compareEdge, compareGolden } from "./compare-golden.ts";
import type { ActualOutput, EdgeRows, Storage } from "./compare-golden.ts";
import { readGoldenGroup } from "./golden-data.ts";
import type { GoldenCase, GoldenOutput } from "./golden-data.ts";
import { buildGoldenGraph, buildGradientGraph, UNROUNDED } from "./golden-graphs.ts";

export interface BackendOutput extends ActualOutput {
  readonly dtype: DType;
}

export interface Backend {
  readonly name: string;
  /** Whether a driver stands between kernels and results (docs/numerics.md, NaN and infinity). */
  readonly hasDriver: boolean;
  /** Results by name. Inputs are row-major, in values of their dtype. */
  readonly run: (
    graph: Graph,
    inputs: ReadonlyMap<string, ArrayLike<number>>,
  ) => Promise<ReadonlyMap<string, BackendOutput>>;
}

/** Groups under test/data/golden and the number of cases in each: a case that is lost is a failure. */
export const GOLDEN_GROUPS: Readonly<Record<string, number>> = {
  norm: 650,
  weight_norm: 74,
  weight_norm_eps: 21,
  weight_norm_second: 15,
  norm_grad: 35,
  rowwise: 123,
  custom: 13,
  sweep: 160,
  norm_layers: 47,
  weight_norm_module: 11,
  low_precision: 106,
  edge: 122,
  big: 14,
};

/** The number of cases with gradients in the copy of each group. */
export const GRADIENT_GROUPS: Readonly<Record<string, number>> = {
  weight_norm: 61,
  weight_norm_eps: 20,
  norm_grad: 35,
  rowwise: 117,
  custom: 13,
  norm_layers: 44,
  low_precision: 74,
  edge: 122,
};

/**
 * Gradients where a driver may give a number in place of nan. The deviation of one value from itself, `x - x`, is
 * multiplied by nan: llvmpipe makes 0 of it.
 */
const FOLDED_GRADIENTS: ReadonlySet<string> = new Set(["rowwise.0087"]);

/** Hundreds of kernels to compile: seconds on a quiet machine, minutes on one that is shared. */
export const GROUP_TIMEOUT = 300_000;

/** Declares one test per group; its failure lists every case that disagrees. */
export function testConformance(
  backend: Backend,
  groups: readonly string[] = Object.keys(GOLDEN_GROUPS),
): void {
  describe(`PyTorch golden vectors on ${backend.name}`, () => {
    for (const group of groups)
      test(group, { timeout: GROUP_TIMEOUT }, async () => {
        const cases = readGoldenGroup(group);
        // All at once: kernels compile side by side.
        const complaints = await checkCases(backend, cases);
        console.log(`${backend.name}, ${group}: ${countPerOp(cases)}`);
        expect(complaints).toEqual([]);
        expect(cases.length).toBe(GOLDEN_GROUPS[group]);
      });
  });
}

/** What is wrong with the results of these cases, one line each. */
export async function checkCases(backend: Backend, cases: readonly GoldenCase[]): Promise<readonly string[]> {
  return (await Promise.all(cases.map((golden) => checkCase(backend, golden)))).flat();
}

const labelOf = ({ id, op, dtype, attributes }: GoldenCase): string =>
  `${id} (${op} ${dtype} ${JSON.stringify([...attributes].filter(([name]) => name !== "rows"))})`;

async function checkCase(backend: Backend, golden: GoldenCase): Promise<readonly string[]> {
  const label = labelOf(golden);
  if (golden.raises !== undefined) return checkRefusal(golden).map((complaint) => `${label}: ${complaint}`);
  return checkGraph(backend, golden, buildGoldenGraph(golden), golden.outputs);
}

/** Declares one test per group: the gradients of all its cases that have some. */
export function testGradients(
  backend: Backend,
  groups: readonly string[] = Object.keys(GRADIENT_GROUPS),
): void {
  describe(`gradients of PyTorch golden vectors on ${backend.name}`, () => {
    for (const group of groups)
      test(group, { timeout: GROUP_TIMEOUT }, async () => {
        const cases = readGoldenGroup(group).filter(({ gradients }) => gradients !== undefined);
        expect(await checkGradients(backend, cases)).toEqual([]);
        console.log(`${backend.name}, gradients of ${group}: ${countPerOp(cases)}`);
        expect(cases.length).toBe(GRADIENT_GROUPS[group]);
      });
  });
}

/** What is wrong with the gradients of these cases, one line each. */
export async function checkGradients(
  backend: Backend,
  cases: readonly GoldenCase[],
): Promise<readonly string[]> {
  const complaints: string[] = [];
  for (const golden of cases)
    if (golden.gradients !== undefined)
      complaints.push(
        ...(await checkGraph(backend, golden, buildGradientGraph(golden), golden.gradients.outputs)),
      );
  return complaints;
}

async function checkGraph(
  backend: Backend,
  golden: GoldenCase,
  graph: Graph,
  outputs: readonly GoldenOutput[],
): Promise<readonly string[]> {
  const label = labelOf(golden);
  const broken = verifyGraph(graph);
  if (broken.length > 0) return [`${label}: ${broken.join("; ")}`];
  const results = await backend.run(graph, inputsOf(golden));
  const isFolded = backend.hasDriver && FOLDED_GRADIENTS.has(golden.id) && outputs !== golden.outputs;
  return outputs
    .filter((output) => !isFolded || !isZeroForNan(output, results.get(output.name)))
    .flatMap((output) => checkOutput(golden, output, results, graph))
    .map((complaint) => `${label}: ${complaint}`);
}

/** All nan in the truth, all 0 here. */
const isZeroForNan = ({ truth }: GoldenOutput, result: BackendOutput | undefined): boolean =>
  result?.values.length === truth.length &&
  truth.every(Number.isNaN) &&
  Array.from(result.values).every((value) => value === 0);

/** Values of all inputs, upstream ones included. */
const inputsOf = ({ inputs, gradients }: GoldenCase): Map<string, Float64Array> =>
  new Map(
    [...inputs, ...(gradients?.inputs ?? [])].flatMap(([name, input]) =>
      input === null ? [] : [[name, Float64Array.from(input.values())]],
    ),
  );

/** Half the distance of neighbours, relatively. */
const STORAGE: Readonly<Partial<Record<DType, Storage>>> = {
  f16: { unitRoundoff: 2 ** -11 },
  bf16: { unitRoundoff: 2 ** -8 },
};

function checkOutput(
  golden: GoldenCase,
  output: GoldenOutput,
  results: ReadonlyMap<string, BackendOutput>,
  graph: Graph,
): readonly string[] {
  const stored = results.get(output.name);
  if (stored === undefined) return [`${output.name} is missing`];
  const unrounded = results.get(output.name + UNROUNDED) ?? stored;
  if (golden.tags.includes("edge")) {
    const name = results.has(output.name + UNROUNDED) ? output.name + UNROUNDED : output.name;
    let cached: readonly ArrayLike<number>[] | undefined;
    const evaluations = (): readonly ArrayLike<number>[] => (cached ??= evaluateInF32(golden, graph, name));
    const boundOf =
      golden.gradients?.outputs.includes(output) === true ? boundsOf(golden, graph, name) : undefined;
    return compareEdge(output, unrounded, { ...findRows(golden), evaluations, boundOf });
  }
  return [
    ...compareGolden(output, unrounded),
    ...(unrounded === stored ? [] : compareGolden(output, stored, STORAGE[stored.dtype])),
  ];
}

const CHANNEL_OPS: ReadonlySet<string> = new Set(["batch_norm", "instance_norm", "group_norm"]);
const CENTERED_OPS: ReadonlySet<string> = new Set([...CHANNEL_OPS, "layer_norm"]);
const MOMENT_OPS: ReadonlySet<string> = new Set([...CENTERED_OPS, "var", "std"]);

/** Where the rows lie that an edge case names, and how large the terms of their sums are. */
function findRows({ op, attributes, tags, inputs }: GoldenCase): Omit<EdgeRows, "evaluations"> {
  const names = attributes.get("rows");
  const axis = tags.includes("last dim") || tags.includes("middle dim") || CHANNEL_OPS.has(op) ? 1 : 0;
  const x = inputs.get("x");
  const rowOf = (row: number): readonly number[] => {
    const { shape } = x ?? { shape: [] };
    const stride = shape.slice(axis + 1).reduce((n, length) => n * length, 1);
    const isInRow = (_: number, i: number): boolean => Math.floor(i / stride) % (shape[axis] ?? 1) === row;
    return Array.from(x?.values() ?? [])
      .filter(isInRow)
      .filter(Number.isFinite);
  };
  const termsOf = (row: number): number => {
    if (op === "sum" || op === "mean") return Math.max(0, ...rowOf(row).map(Math.abs));
    return CENTERED_OPS.has(op) ? 1 : 0; // normalised rows have size 1
  };
  const differencesOverflow = (row: number): boolean =>
    MOMENT_OPS.has(op) && Math.max(...rowOf(row)) - Math.min(...rowOf(row)) > F32_MAX;
  return {
    names: Array.isArray(names) ? names.map(String) : [],
    axis,
    termsOf,
    differencesOverflow,
  };
}

function boundsOf(golden: GoldenCase, graph: Graph, result: string): (i: number) => number {
  const bounds = interpretGraph(graph, inputsOf(golden), { bounds: true }).get(result)?.bounds;
  return (i) => bounds?.[i] ?? 0;
}

const EVALUATIONS = 40;

/** One result as f32 hardware might have it: rounding, flushing and the order of sums drawn at random, from fixed seeds. */
function evaluateInF32(golden: GoldenCase, graph: Graph, result: string): readonly ArrayLike<number>[] {
  const inputs = inputsOf(golden);
  return Array.from(
    { length: EVALUATIONS },
    (_, seed) => emulateF32(graph, inputs, createRandom(seed)).get(result) ?? [],
  );
}

/** PyTorch refuses the call: so do we, as a mistake of the caller with a way out. */
function checkRefusal(golden: GoldenCase): readonly string[] {
  try {
    buildGoldenGraph(golden);
  } catch (error) {
    if (!(error instanceof TensorweftError)) return [`refused with ${String(error)}`];
    return error.diagnostics.some(({ help }) => help === undefined) ? ["refused without help"] : [];
  }
  return [`accepted, but PyTorch refuses: ${golden.raises ?? ""}`];
}

/** How many cases ran per op and group, as a table for docs/conformance.md. */
export function printCaseTable(groups: readonly string[] = Object.keys(GOLDEN_GROUPS)): string {
  const counts = new Map<string, Map<string, number>>();
  const refused = new Map<string, number>();
  const differentiated = new Map<string, number>();
  for (const group of groups)
    for (const { op, raises, gradients } of readGoldenGroup(group)) {
      const row = counts.get(op) ?? new Map<string, number>();
      counts.set(op, row.set(group, (row.get(group) ?? 0) + 1));
      if (raises !== undefined) refused.set(op, (refused.get(op) ?? 0) + 1);
      if (gradients !== undefined) differentiated.set(op, (differentiated.get(op) ?? 0) + 1);
    }
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, n) => total + n, 0);
  const rows = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, row]) => {
      const where = [...row].map(([group, n]) => `${group} ${n}`).join(", ");
      const [no, gradients] = [refused.get(op) ?? 0, differentiated.get(op) ?? 0];
      return `| ${op} | ${sum(row.values())} | ${no} | ${gradients} | ${where} |`;
    });
  const all = sum([...counts.values()].map((row) => sum(row.values())));
  return [
    "| op | cases | refused | gradients | in groups |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
    `| all | ${all} | ${sum(refused.values())} | ${sum(differentiated.values())} | |`,
  ].join("\n");
}

/** `norm 12 (2 refused), softmax 3` */
export function countPerOp(cases: readonly GoldenCase[]): string {
  const ran = new Map<string, number>();
  const refused = new Map<string, number>();
  for (const { op, raises } of cases) {
    ran.set(op, (ran.get(op) ?? 0) + 1);
    if (raises !== undefined) refused.set(op, (refused.get(op) ?? 0) + 1);
  }
  return [...ran]
    .map(([op, count]) => `${op} ${count}${refused.has(op) ? ` (${refused.get(op) ?? 0} refused)` : ""}`)
    .join(", ");
}

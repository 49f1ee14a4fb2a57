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
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import { emulateF32 } from "../support/emulate-f32.ts";
import { createRandom } from "../support/random-values.ts";
import { compareEdge, compareGolden } from "./compare-golden.ts";
import type { ActualOutput, EdgeRows, Storage } from "./compare-golden.ts";
import { readGoldenGroup } from "./golden-data.ts";
import type { GoldenCase, GoldenOutput } from "./golden-data.ts";
import { buildGoldenGraph, UNROUNDED } from "./golden-graphs.ts";

export interface BackendOutput extends ActualOutput {
  readonly dtype: DType;
}

export interface Backend {
  readonly name: string;
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
  rowwise: 123,
  custom: 13,
  sweep: 160,
  norm_layers: 47,
  weight_norm_module: 11,
  low_precision: 106,
  edge: 122,
  big: 14,
};

/** Hundreds of kernels to compile: seconds on a quiet machine, minutes on one that is shared. */
const GROUP_TIMEOUT = 300_000;

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
        const complaints = (await Promise.all(cases.map((golden) => checkCase(backend, golden)))).flat();
        console.log(`${backend.name}, ${group}: ${countPerOp(cases)}`);
        expect(complaints).toEqual([]);
        expect(cases.length).toBe(GOLDEN_GROUPS[group]);
      });
  });
}

async function checkCase(backend: Backend, golden: GoldenCase): Promise<readonly string[]> {
  const attributes = [...golden.attributes].filter(([name]) => name !== "rows");
  const label = `${golden.id} (${golden.op} ${golden.dtype} ${JSON.stringify(attributes)})`;
  if (golden.raises !== undefined) return checkRefusal(golden).map((complaint) => `${label}: ${complaint}`);
  const graph = buildGoldenGraph(golden);
  const broken = verifyGraph(graph);
  if (broken.length > 0) return [`${label}: ${broken.join("; ")}`];
  const inputs = new Map<string, ArrayLike<number>>();
  for (const [name, tensor] of golden.inputs) if (tensor !== null) inputs.set(name, tensor.values());
  const results = await backend.run(graph, inputs);
  return golden.outputs
    .flatMap((output) => checkOutput(golden, output, results, graph))
    .map((complaint) => `${label}: ${complaint}`);
}

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
    return compareEdge(output, unrounded, { ...findRows(golden), evaluations });
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

const EVALUATIONS = 40;

/** One result as f32 hardware might have it: rounding, flushing and the order of sums drawn at random, from fixed seeds. */
function evaluateInF32(golden: GoldenCase, graph: Graph, result: string): readonly ArrayLike<number>[] {
  const inputs = new Map<string, Float64Array>();
  for (const [name, input] of golden.inputs)
    if (input !== null) inputs.set(name, Float64Array.from(input.values()));
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
  for (const group of groups)
    for (const { op, raises } of readGoldenGroup(group)) {
      const row = counts.get(op) ?? new Map<string, number>();
      counts.set(op, row.set(group, (row.get(group) ?? 0) + 1));
      if (raises !== undefined) refused.set(op, (refused.get(op) ?? 0) + 1);
    }
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, n) => total + n, 0);
  const rows = [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, row]) => {
      const where = [...row].map(([group, n]) => `${group} ${n}`).join(", ");
      return `| ${op} | ${sum(row.values())} | ${refused.get(op) ?? 0} | ${where} |`;
    });
  const all = sum([...counts.values()].map((row) => sum(row.values())));
  return [
    "| op | cases | refused | in groups |",
    "| --- | --- | --- | --- |",
    ...rows,
    `| all | ${all} | ${sum(refused.values())} | |`,
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

/**
 * One conformance suite for every backend: the forward cases of real PyTorch.
 *
 * Ensures: every case of a group is run; where PyTorch refuses a call, so does the library, with a located-error type of
 *          its own. Prints how many cases ran per op, so that a run which compared little is seen.
 */
import { describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import { compareGolden } from "./compare-golden.ts";
import { readGoldenGroup } from "./golden-data.ts";
import type { GoldenCase } from "./golden-data.ts";
import { buildGoldenGraph } from "./golden-graphs.ts";

export interface BackendOutput {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

export interface Backend {
  readonly name: string;
  /** Results by name. Inputs are row-major f32 values. */
  readonly run: (
    graph: Graph,
    inputs: ReadonlyMap<string, Float32Array>,
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
};

/** Declares one test per group; its failure lists every case that disagrees. */
export function testConformance(
  backend: Backend,
  groups: readonly string[] = Object.keys(GOLDEN_GROUPS),
): void {
  describe(`PyTorch golden vectors on ${backend.name}`, () => {
    for (const group of groups)
      test(group, async () => {
        const cases = readGoldenGroup(group);
        const complaints: string[] = [];
        for (const golden of cases) complaints.push(...(await checkCase(backend, golden)));
        console.log(`${backend.name}, ${group}: ${countPerOp(cases)}`);
        expect(complaints).toEqual([]);
        expect(cases.length).toBe(GOLDEN_GROUPS[group]);
      });
  });
}

async function checkCase(backend: Backend, golden: GoldenCase): Promise<readonly string[]> {
  const label = `${golden.id} (${golden.op} ${JSON.stringify([...golden.attributes])})`;
  if (golden.raises !== undefined) return checkRefusal(golden).map((complaint) => `${label}: ${complaint}`);
  const graph = buildGoldenGraph(golden);
  const broken = verifyGraph(graph);
  if (broken.length > 0) return [`${label}: ${broken.join("; ")}`];
  const inputs = new Map<string, Float32Array>();
  for (const [name, tensor] of golden.inputs)
    if (tensor !== null) inputs.set(name, Float32Array.from(tensor.values));
  const results = await backend.run(graph, inputs);
  return golden.outputs.flatMap((output) => {
    const actual = results.get(output.name);
    const complaints = actual === undefined ? [`${output.name} is missing`] : compareGolden(output, actual);
    return complaints.map((complaint) => `${label}: ${complaint}`);
  });
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

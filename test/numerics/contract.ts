/**
 * The contract of numbers, as a judge: what may come out for a row at the edge of what floats hold.
 *
 * The oracle (float64, with bounds on what correct f32 arithmetic may differ by) decides wherever its bounds are finite. Where f32
 * leaves its range on the way, they are not; then the element has to be what evaluations of the formula in f32 give, as it is
 * written, with the roundings, flushes and orders that WGSL leaves open drawn at random. What else is let pass has a name.
 */
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { driverMayFold } from "../support/driver-may-fold.ts";
import { emulateF32 } from "../support/emulate-f32.ts";
import { createRandom } from "../support/random-values.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { EDGES, edgeRows, type Edge, type FloatDType } from "./edges.ts";
import { buildFunction, inputsOf, isOneRow, positionsOf, type NumericFunction } from "./numeric-functions.ts";
import type { StrategyName } from "./strategies.ts";

/** An element that is neither the oracle's nor an evaluation's. */
interface Odd {
  readonly edge: Edge;
  readonly got: number;
  /** The oracle's, and its answer for the same place in a row of zeros. */
  readonly want: number;
  readonly ofZeros: number;
  /** Whether the formula has a variance, and whether rows are merged from parts. */
  readonly hasVariance: boolean;
  readonly isMerged: boolean;
  /** driver-may-fold.ts */
  readonly mayFold: boolean;
}

/** What is let pass, and where: docs/numerics.md says why. */
export const EXCUSES: Readonly<Record<string, (odd: Odd) => boolean>> = {
  // WGSL lets devices read and write subnormals as zeros.
  flushed: ({ edge, got, ofZeros }) => edge.name === "subnormal" && isSame(got, ofZeros),
  // Merging states of moments meets infinity less infinity where two sweeps have an infinity.
  merged: ({ edge, got, hasVariance, isMerged }) =>
    edge.leavesRange === true && hasVariance && isMerged && Number.isNaN(got),
  // A driver that takes nan and infinity for impossible may give a number.
  folded: ({ want, got, mayFold }) => mayFold && !Number.isFinite(want) && Number.isFinite(got),
};

const EVALUATIONS = 12;
/** How near an evaluation's number has to be, relatively: it has other roundings. */
const NEAR = 1e-5;
const LEAST_NORMAL = 2 ** -126;
/** The oracle's bounds are computed in float64, too. */
const SLACK = 1 + 2 ** -40;

/** What one row may be. */
export interface Expectation {
  readonly edge: Edge;
  /** By element: the oracle's value and bound, and what evaluations in f32 give where a bound is infinite or the range is left. */
  readonly values: readonly number[];
  readonly bounds: readonly number[];
  readonly evaluations: readonly (readonly number[])[];
}

export interface Contract {
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, Float64Array>;
  readonly rows: readonly Expectation[];
  /** Where the elements of each row lie in the result. */
  readonly positions: readonly (readonly number[])[];
  readonly mayFold: boolean;
  readonly hasVariance: boolean;
}

/** What comes out for rows of these edges. */
export function contractOf(
  fn: NumericFunction,
  dtype: FloatDType,
  length: number,
  edges: readonly Edge[] = EDGES,
): Contract {
  const rows = edgeRows(length, dtype, edges);
  const size = { count: rows.length, length };
  const graph = buildFunction(fn, size, dtype);
  const inputs = inputsOf(fn, rows);
  const oracle = interpretGraph(graph, inputs, { bounds: true }).get("y");
  const { shape } = graph.nodes[graph.results[0]?.node ?? -1]?.type ?? { shape: [] };
  const positions = positionsOf(shape, fn.resultAxis, rows.length);
  const expectations = edges.map((edge, r): Expectation => {
    const at = positions[r] ?? [];
    const values = at.map((i) => oracle?.values[i] ?? Number.NaN);
    const bounds = at.map((i) => oracle?.bounds?.[i] ?? 0);
    const isOpen = edge.leavesRange === true || bounds.some((bound) => bound === Infinity);
    return { edge, values, bounds, evaluations: isOpen ? evaluateRow(fn, dtype, rows[r] ?? []) : [] };
  });
  const hasVariance = fn.hasVariance === true;
  return { graph, inputs, rows: expectations, positions, hasVariance, mayFold: driverMayFold(graph) };
}

/** Draws no error, no flush. */
const middle = (): number => 0.5;

/** The row alone, in f32: first with every op rounded to nearest, then with liberties. */
function evaluateRow(
  fn: NumericFunction,
  dtype: DType,
  data: readonly number[],
): readonly (readonly number[])[] {
  const graph = buildFunction(fn, { count: 1, length: data.length }, dtype);
  const inputs = inputsOf(fn, [data]);
  const draws = [middle, ...Array.from({ length: EVALUATIONS }, (_, seed) => createRandom(seed))];
  return draws.map((random) => emulateF32(graph, inputs, random).get("y") ?? []);
}

export interface Verdict {
  readonly complaints: readonly string[];
  /** `excuse: edge`, each once. */
  readonly excused: ReadonlySet<string>;
}

/** Judges a result of that strategy. */
export function judge(contract: Contract, actual: ArrayLike<number>, strategy: StrategyName): Verdict {
  const complaints: string[] = [];
  const excused = new Set<string>();
  const zeros = contract.rows.find(({ edge }) => edge.name === "zeros")?.values;
  contract.rows.forEach((row, r) => {
    (contract.positions[r] ?? []).forEach((position, i) => {
      const got = actual[position] ?? Number.NaN;
      if (isAnswer(row, i, got)) return;
      const odd: Odd = {
        ...contract,
        edge: row.edge,
        got,
        want: row.values[i] ?? Number.NaN,
        ofZeros: zeros?.[i] ?? Number.NaN,
        isMerged: strategy === "pieces" || strategy === "one walk",
      };
      const [excuse] = Object.entries(EXCUSES).find(([, allows]) => allows(odd)) ?? [];
      if (excuse !== undefined) excused.add(`${excuse}: ${row.edge.name}`);
      else complaints.push(describe(row, i, got));
    });
  });
  return { complaints, excused };
}

function describe({ edge, values, bounds, evaluations }: Expectation, i: number, got: number): string {
  const inF32 = [...new Set(evaluations.map((e) => e[i] ?? Number.NaN))].slice(0, 3);
  return (
    `${edge.name}[${String(i)}] is ${String(got)}, exact ${String(values[i])} within ${String(bounds[i])}` +
    (inF32.length === 0 ? "" : `, in f32 ${inF32.join(", ")}`)
  );
}

/** Whether the oracle allows the number, or an evaluation in f32 gives it where the oracle says nothing. */
export function isAnswer({ values, bounds, evaluations }: Expectation, i: number, got: number): boolean {
  const [want = Number.NaN, bound = 0] = [values[i], bounds[i]];
  if (isSame(got, want)) return true;
  if (bound !== Infinity) return Math.abs(got - want) <= bound * SLACK;
  return evaluations.some((evaluation) => {
    const answer = evaluation[i] ?? Number.NaN;
    return isSame(got, answer) || Math.abs(got - answer) <= NEAR * Math.abs(answer) + LEAST_NORMAL;
  });
}

const isSame = (got: number, want: number): boolean =>
  got === want || (Number.isNaN(got) && Number.isNaN(want));

/** The edges in groups that one program may hold: all of them, or each by itself where rows are not apart. */
export const edgeGroups = (fn: NumericFunction): readonly (readonly Edge[])[] =>
  isOneRow(fn) ? EDGES.map((edge) => [edge]) : [EDGES];

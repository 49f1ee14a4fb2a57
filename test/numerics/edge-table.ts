/**
 * The table of docs/numerics.md: for each function and edge, what comes out of f32 data. Where the oracle's bounds are finite that is
 * its answer, elsewhere that of the formula evaluated in f32, each op rounded to nearest.
 */
import { contractOf, edgeGroups, type Expectation } from "./contract.ts";
import { EDGES } from "./edges.ts";
import { FUNCTIONS, labelOf, type NumericFunction } from "./numeric-functions.ts";

/** Elements of a row: enough for all that a table distinguishes. */
const LENGTH = 16;
/** What is near enough to exact arithmetic to be called right. */
const NEAR = 1e-5;

/** Ordinary rows are right everywhere; what comes of subnormals is up to the device. */
const SHOWN = EDGES.filter(({ name }) => name !== "ordinary" && name !== "subnormal");

export function printEdgeTable(): string {
  const rows = FUNCTIONS.map((fn) => [labelOf(fn), ...describeFunction(fn)]);
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const head = ["function", ...SHOWN.map(({ name }) => name)];
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function describeFunction(fn: NumericFunction): readonly string[] {
  const groups = edgeGroups(fn).map((edges) => contractOf(fn, "f32", LENGTH, edges));
  const rows = groups.flatMap((contract) => contract.rows);
  return SHOWN.map(({ name }) => {
    const row = rows.find(({ edge }) => edge.name === name);
    return row === undefined ? "" : describeRow(row);
  });
}

/** `*` after what exact arithmetic does not give. */
type Class = "right" | "0" | "nan" | "inf" | "-inf" | "0*" | "nan*" | "inf*" | "-inf*" | "number*";

/** The classes of a row's elements in words. */
function describeRow({ values, bounds, evaluations: [plain = values], edge }: Expectation): string {
  const classes = values.map((want, i) =>
    classOf(want, plain[i] ?? Number.NaN, edge.leavesRange === true ? 0 : (bounds[i] ?? 0)),
  );
  return wordsFor(classes, edge.at);
}

function classOf(want: number, got: number, bound: number): Class {
  const isSame = got === want || (Number.isNaN(got) && Number.isNaN(want));
  const mark = isSame ? "" : "*";
  if (Number.isNaN(got)) return `nan${mark}`;
  if (!Number.isFinite(got)) return got > 0 ? `inf${mark}` : `-inf${mark}`;
  if (got === 0 && want === 0) return "0";
  const near = Math.max(NEAR * Math.abs(want), bound < Infinity ? bound : 0);
  if (Math.abs(got - want) <= near) return "right";
  return got === 0 ? "0*" : "number*";
}

/** `nan`, or `nan at it, else 0`. */
function wordsFor(classes: readonly Class[], at: number | undefined): string {
  const all = wordFor(classes);
  const special = at === undefined ? undefined : classes[at];
  if (special === undefined || isRight(classes)) return all;
  const others = classes.filter((_, i) => i !== at);
  return others.includes(special) ? all : `${special} at it, else ${wordFor(others)}`;
}

const isRight = (classes: readonly Class[]): boolean => classes.every((c) => c === "right" || c === "0");

/** Zeros among right numbers are right as well. */
function wordFor(classes: readonly Class[]): string {
  const kinds = new Set(classes);
  if (kinds.has("right")) kinds.delete("0");
  for (const mark of ["", "*"] as const) {
    if (!kinds.has(`inf${mark}`) || !kinds.has(`-inf${mark}`)) continue;
    kinds.delete(`inf${mark}`);
    kinds.delete(`-inf${mark}`);
    return [...kinds, `+-inf${mark}`].sort().join(", ");
  }
  return [...kinds].sort().join(", ");
}

/**
 * What statements are called where users read of them: by what they do, and by the line that they stem from, as in
 * `sum over j (norms.ts:12)`. Names such as t58 are for dumps.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { ScalarExpr, Statement } from "./index-notation.ts";
import type { MonoidName } from "./monoids.ts";

export interface NamedStatement {
  /** In index notation, and in what `printGroups` prints. */
  readonly name: string;
  /** What it does, told from all else that the same line does: `exp`, `sum over j`, `mul t5`, `exp again`. */
  readonly operation: string;
  /** The operation and its place. */
  readonly label: string;
  readonly span?: Span | undefined;
}

/** Reductions whose name is not what a user wrote. */
const REDUCTIONS: Partial<Readonly<Record<MonoidName, string>>> = {
  argmax_last: "argmax",
  argmin_last: "argmin",
  exp_sum: "sum of exponentials",
  moments: "sum of squared deviations",
  co_moment: "sum of deviations",
};

/** `exp`, `sum over j`: a reduction with its axes, or the outermost op. */
export function describeStatement({ reduce, value }: Statement): string {
  if (reduce === undefined) return outermostOp(value);
  const fn = REDUCTIONS[reduce.fn] ?? reduce.fn;
  return reduce.axes.length === 0 ? fn : `${fn} over ${reduce.axes.join(",")}`;
}

function outermostOp(value: ScalarExpr): string {
  switch (value.kind) {
    case "map":
      return value.fn;
    case "cast":
      return `cast to ${value.dtype}`;
    case "guard":
      return value.otherwise.kind === "const" ? "pad" : "concat";
    case "index":
      return "iota";
    case "const":
    case "scalar":
      return "constant";
    case "tensor":
    case "value":
    case "tuple":
      return "copy";
  }
}

/** `norms.ts:12`: the file without its folders. */
export const printPlace = ({ file, line }: Span): string => {
  const [path = file] = file.split(/[?#]/, 1);
  return `${path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1)}:${String(line)}`;
};

/**
 * What to call statements, by name.
 *
 * @param statements those that fusion decided on
 * @param clones values that several kernels make, each for itself, under names of their own
 */
export function nameStatements(
  statements: readonly Statement[],
  clones: readonly Statement[] = [],
): ReadonlyMap<string, NamedStatement> {
  const meant = Map.groupBy(statements, labelOf);
  const known = new Set(statements.map((s) => s.name));
  const named = [...statements, ...clones.filter((s) => !known.has(s.name))].map((s): NamedStatement => {
    const { name, span } = s;
    const isAlone = (meant.get(labelOf(s)) ?? []).length <= 1;
    const what = describeStatement(s);
    const operation =
      span === undefined || !isAlone ? `${what} ${name}` : known.has(name) ? what : `${what} again`;
    return { name, operation, label: placed(operation, span), ...(span === undefined ? {} : { span }) };
  });
  return new Map(named.map((s) => [s.name, s]));
}

const placed = (operation: string, span: Span | undefined): string =>
  span === undefined ? operation : `${operation} (${printPlace(span)})`;

const labelOf = (statement: Statement): string => placed(describeStatement(statement), statement.span);

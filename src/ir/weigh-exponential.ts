/**
 * Reads a sum of products with an exponential as a sum of exponentials with weights. What depends on the maximum, or on another
 * sum of the same walk, and is the same for the whole row is taken out of the sum: it is there after the walk only.
 *
 *     m[i] = max(j) f      s[i] = sum(j) exp(f - m[i])      y[i,j] = exp(f - m[i]) / s[i]
 *     r[i] = sum(j) c * y[i,j]          =>          r[i] = (sum(j) c * exp(f - m[i])) / s[i]
 *
 * Everything else stays with the weights, where it is: a factor of 0 or infinity does to a sum what it does to its terms only
 * where they have one sign.
 *
 * Ensures: the search is bounded, however long the statements are that the sum hangs on.
 */
import { axesRead, expandRow, readOwn, rowProducer, type StatementsByName } from "./expand-row.ts";
import {
  valuesIn,
  valuesRead,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "./index-notation.ts";
import { printScalarExpr } from "./print-index.ts";

/** Expressions of a product, and statements behind a factor, that are looked at. */
const SEARCH_LIMIT = 64;

export interface WeighedExponential {
  /** The maximum. */
  readonly first: Statement;
  /** What the exponentials are multiplied by; undefined: 1. */
  readonly weight: ScalarExpr | undefined;
  /** The sum, given the sum of the weighted exponentials. */
  readonly applied: (sum: ScalarExpr) => ScalarExpr;
}

/** A product: exp(f - m), then what it is multiplied with or divided by, one after the other. */
interface Product {
  readonly first: Statement;
  readonly factors: readonly { readonly fn: "mul" | "div"; readonly by: ScalarExpr }[];
}

/** `pairs`: those of sums that stand before this one. */
export function weighExponential(
  statements: StatementsByName,
  second: Statement,
  pairs: readonly ReductionPair[],
): WeighedExponential | undefined {
  const search = { statements, second, row: new Set(second.reduce?.axes ?? []), visits: 0 };
  const product = findProduct(search, second.value);
  if (product === undefined) return undefined;
  const { first, factors } = product;
  const siblings = pairs.filter((pair) => pair.first === first.name).map((pair) => pair.second);
  const waited = new Set([first.name, ...siblings]);
  let weight: ScalarExpr | undefined;
  const outside: Product["factors"][number][] = [];
  for (const factor of factors) {
    const { fn, by } = factor;
    if (!waits(statements, by, waited))
      weight = weight === undefined && fn === "mul" ? by : times(weight ?? ONE, factor);
    else if ([...axesRead(by)].some((axis) => search.row.has(axis))) return undefined;
    else outside.push(factor);
  }
  return { first, weight, applied: (sum) => outside.reduce(times, sum) };
}

const ONE: ScalarExpr = { kind: "const", dtype: "f32", value: 1 };

const times = (of: ScalarExpr, { fn, by }: Product["factors"][number]): ScalarExpr => ({
  kind: "map",
  fn,
  dtype: "f32",
  args: [of, by],
});

interface Search {
  readonly statements: StatementsByName;
  readonly second: Statement;
  readonly row: ReadonlySet<string>;
  visits: number;
}

function findProduct(search: Search, e: ScalarExpr): Product | undefined {
  if (search.visits++ > SEARCH_LIMIT) return undefined;
  const producer = rowProducer(search.statements, e, search.row);
  if (producer !== undefined) return findProduct(search, producer.value);
  if (e.kind !== "map") return undefined;
  const [p, q] = e.args;
  const within = (
    part: ScalarExpr | undefined,
    fn: "mul" | "div",
    by: ScalarExpr | undefined,
  ): Product | undefined => {
    const found = part === undefined || by === undefined ? undefined : findProduct(search, part);
    return found === undefined || by === undefined
      ? undefined
      : { first: found.first, factors: [...found.factors, { fn, by }] };
  };
  switch (e.fn) {
    case "exp": {
      const first = maximumBelow(search, p);
      return first === undefined ? undefined : { first, factors: [] };
    }
    case "neg":
      return within(p, "mul", { kind: "const", dtype: "f32", value: -1 });
    case "div":
      return within(p, "div", q);
    case "mul":
      return within(p, "mul", q) ?? within(q, "mul", p);
    default:
      return undefined;
  }
}

/** m of f - m, where it is the maximum of f over the row. */
function maximumBelow(
  { statements, second, row }: Search,
  argument: ScalarExpr | undefined,
): Statement | undefined {
  const shifted = argument === undefined ? undefined : expandRow(statements, argument, row);
  if (shifted?.kind !== "map" || shifted.fn !== "sub") return undefined;
  const [f, m] = shifted.args;
  const first = readOwn(statements, m);
  const isMaximum =
    f !== undefined && first?.reduce?.fn === "max" && isReductionOf(statements, first, second, f);
  return isMaximum ? first : undefined;
}

/** Whether `first` reduces f over the same axes to the same points as `second` does. */
export function isReductionOf(
  statements: StatementsByName,
  first: Statement,
  second: Statement,
  f: ScalarExpr,
): boolean {
  const [a, b] = [first.reduce?.axes ?? [], second.reduce?.axes ?? []];
  const operand =
    areSame(a, b) && areSame(first.axes, second.axes)
      ? expandRow(statements, first.value, new Set(a))
      : undefined;
  return operand !== undefined && printScalarExpr(operand) === printScalarExpr(f);
}

const areSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((axis) => b.includes(axis));

/** Whether a factor depends on what the walk finds; where that takes long to tell, it does. */
function waits(statements: StatementsByName, factor: ScalarExpr, waited: ReadonlySet<string>): boolean {
  const seen = new Set<string>();
  const pending = valuesIn(factor);
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (waited.has(name) || seen.size > SEARCH_LIMIT) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    const producer = statements.get(name);
    if (producer !== undefined && producer.reduce === undefined) pending.push(...valuesRead(producer));
  }
  return false;
}

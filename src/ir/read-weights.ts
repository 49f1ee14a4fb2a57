/**
 * Reads a sum of products, one factor of which needs another reduction of the same row, as a sum of such factors with weights.
 * What depends on the first reduction, or on another sum of the same walk, and is the same for the whole row is taken out of
 * the sum: it is there after the walk only.
 *
 *     m[i] = max(j) f      s[i] = sum(j) exp(f - m[i])      y[i,j] = exp(f - m[i]) / s[i]
 *     r[i] = sum(j) c * y[i,j]          =>          r[i] = (sum(j) c * exp(f - m[i])) / s[i]
 *
 * Everything else stays with the weights, where it is: a factor of 0 or infinity does to a sum what it does to its terms only
 * where they have one sign.
 *
 * Ensures: the search is bounded, however long the statements are that the sum hangs on.
 */
import { maximumBelow, meanBelow, type RowContext } from "./dependent-factors.ts";
import { axesRead, rowProducer, type StatementsByName } from "./expand-row.ts";
import {
  valuesIn,
  valuesRead,
  type ReductionPair,
  type ScalarExpr,
  type Statement,
} from "./index-notation.ts";

/** Expressions of a product, and statements behind a factor, that are looked at. */
const SEARCH_LIMIT = 64;

export interface WeightedSum {
  /** What takes the place of the sum: of exp(f - max f), or of f less its mean. */
  readonly monoid: "exp_sum" | "co_moment";
  /** The maximum, or the sum, of f. */
  readonly first: Statement;
  /** exp(f - m), or f - u. */
  readonly factor: ScalarExpr;
  /** What those are multiplied by; undefined: 1. */
  readonly weight: ScalarExpr | undefined;
  /** The sum as it is in the program, given that of the weighted factors. */
  readonly applied: (sum: ScalarExpr) => ScalarExpr;
}

/** A product: the factor that needs `first`, then what it is multiplied with or divided by, one after the other. */
interface Product extends Pick<WeightedSum, "monoid" | "first" | "factor"> {
  readonly factors: readonly Factor[];
}

interface Factor {
  readonly fn: "mul" | "div";
  readonly by: ScalarExpr;
}

/** `pairs`: those of sums that stand before this one. */
export function readWeights(
  context: RowContext,
  sum: Statement,
  pairs: readonly ReductionPair[],
): WeightedSum | undefined {
  const row = new Set(sum.reduce?.axes ?? []);
  const product = findProduct({ context, sum, row, visits: 0 }, sum.value);
  if (product === undefined) return undefined;
  const { monoid, first, factor: dependent, factors } = product;
  const siblings = pairs.filter((pair) => pair.first === first.name).map((pair) => pair.second);
  const waited = new Set([first.name, ...siblings]);
  let weight: ScalarExpr | undefined;
  const outside: Factor[] = [];
  for (const factor of factors) {
    const { fn, by } = factor;
    if (!waits(context.statements, by, waited))
      weight = weight === undefined && fn === "mul" ? by : times(weight ?? ONE, factor);
    else if ([...axesRead(by)].some((axis) => row.has(axis))) return undefined;
    else outside.push(factor);
  }
  const applied = (of: ScalarExpr): ScalarExpr => outside.reduce(times, of);
  return { monoid, first, factor: dependent, weight, applied };
}

const ONE: ScalarExpr = { kind: "const", dtype: "f32", value: 1 };
const MINUS_ONE: ScalarExpr = { kind: "const", dtype: "f32", value: -1 };

const times = (of: ScalarExpr, { fn, by }: Factor): ScalarExpr => ({
  kind: "map",
  fn,
  dtype: "f32",
  args: [of, by],
});

interface Search {
  readonly context: RowContext;
  readonly sum: Statement;
  readonly row: ReadonlySet<string>;
  visits: number;
}

function findProduct(search: Search, e: ScalarExpr): Product | undefined {
  if (search.visits++ > SEARCH_LIMIT) return undefined;
  const { context, sum, row } = search;
  const producer = rowProducer(context.statements, e, row);
  if (producer !== undefined) return findProduct(search, producer.value);
  if (e.kind !== "map") return undefined;
  const [p, q] = e.args;
  switch (e.fn) {
    case "exp":
      return alone("exp_sum", e, maximumBelow(context, sum, p));
    case "sub":
      return alone("co_moment", e, meanBelow(context, sum, e));
    case "neg":
      return within(search, p, { fn: "mul", by: MINUS_ONE });
    case "div":
      return q === undefined ? undefined : within(search, p, { fn: "div", by: q });
    case "mul":
      return p === undefined || q === undefined
        ? undefined
        : (within(search, p, { fn: "mul", by: q }) ?? within(search, q, { fn: "mul", by: p }));
    default:
      return undefined;
  }
}

const alone = (
  monoid: Product["monoid"],
  factor: ScalarExpr,
  first: Statement | undefined,
): Product | undefined => (first === undefined ? undefined : { monoid, first, factor, factors: [] });

function within(search: Search, part: ScalarExpr | undefined, factor: Factor): Product | undefined {
  const found = part === undefined ? undefined : findProduct(search, part);
  return found === undefined ? undefined : { ...found, factors: [...found.factors, factor] };
}

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

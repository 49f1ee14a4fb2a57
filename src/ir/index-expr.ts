/**
 * Integer index expressions over named axes: an offset plus terms. A term is a multiple of an axis or, where a reshape
 * could not be refined away, a multiple of `floor(of / divide) mod modulo` (modulo 0: no remainder is taken) or, where the
 * last piece of an axis is shorter than the others, of `min(of, atMost)`.
 *
 * Requires: axes count from 0 to size - 1; expressions under `divide`/`modulo` are non-negative wherever they are used.
 * Ensures:  every function returns a canonical expression (terms merged and sorted, none with coefficient 0), so equal
 *           printed keys mean equal values.
 */
export interface AxisTerm {
  readonly coefficient: number;
  readonly axis: string;
}
export interface DivTerm {
  readonly coefficient: number;
  readonly divide: number;
  readonly modulo: number;
  readonly of: IndexExpr;
}
export interface ClampTerm {
  readonly coefficient: number;
  readonly atMost: number;
  readonly of: IndexExpr;
}
export type IndexTerm = AxisTerm | DivTerm | ClampTerm;
export interface IndexExpr {
  readonly offset: number;
  readonly terms: readonly IndexTerm[];
}
/** Size of each axis in scope. */
export type AxisSizes = ReadonlyMap<string, number>;

export const indexConst = (offset: number): IndexExpr => ({ offset, terms: [] });
export const indexAxis = (axis: string, coefficient = 1): IndexExpr => ({
  offset: 0,
  terms: [{ coefficient, axis }],
});
export const isAxisTerm = (term: IndexTerm): term is AxisTerm => "axis" in term;
export const isClampTerm = (term: IndexTerm): term is ClampTerm => "atMost" in term;
const isDivTerm = (term: IndexTerm): term is DivTerm => "divide" in term;
export const isAffine = (expr: IndexExpr): boolean => expr.terms.every(isAxisTerm);

/** The axis that the expression is, or undefined when it is anything but a plain axis. */
export function plainAxis(expr: IndexExpr): string | undefined {
  const [term] = expr.terms;
  if (expr.offset !== 0 || expr.terms.length !== 1 || term === undefined || !isAxisTerm(term))
    return undefined;
  return term.coefficient === 1 ? term.axis : undefined;
}

const termKey = (term: IndexTerm): string => printFactor(term);

/** A term without its coefficient. */
function printFactor(term: IndexTerm): string {
  if (isAxisTerm(term)) return term.axis;
  const of = printIndex(term.of);
  if (isClampTerm(term)) return `min(${of}, ${String(term.atMost)})`;
  const divide = term.divide === 1 ? "" : ` / ${String(term.divide)}`;
  return `((${of})${divide}${term.modulo === 0 ? "" : ` mod ${String(term.modulo)}`})`;
}

/** Canonical text: `6*i + j + 2`, `3*((4*i + j) / 3 mod 8)`, `9*min(8*i + j, 61)`. */
export function printIndex(expr: IndexExpr): string {
  const parts = expr.terms.map((term) => {
    const body = printFactor(term);
    return term.coefficient === 1 ? body : `${String(term.coefficient)}*${body}`;
  });
  if (expr.offset !== 0 || parts.length === 0) parts.push(String(expr.offset));
  return parts.join(" + ");
}

function canonical(offset: number, terms: readonly IndexTerm[]): IndexExpr {
  if (terms.length <= 1 && terms.every((t) => t.coefficient !== 0)) return { offset, terms };
  const merged = new Map<string, IndexTerm>();
  for (const term of terms) {
    const key = termKey(term);
    const earlier = merged.get(key);
    merged.set(
      key,
      earlier === undefined ? term : { ...term, coefficient: earlier.coefficient + term.coefficient },
    );
  }
  const kept = [...merged].filter(([, term]) => term.coefficient !== 0);
  kept.sort(([ka, a], [kb, b]) => b.coefficient - a.coefficient || (ka < kb ? -1 : 1));
  return { offset, terms: kept.map(([, term]) => term) };
}

export const indexAdd = (a: IndexExpr, b: IndexExpr): IndexExpr =>
  rejoin(canonical(a.offset + b.offset, [...a.terms, ...b.terms]));

export const indexScale = (a: IndexExpr, factor: number): IndexExpr =>
  factor === 0
    ? indexConst(0)
    : canonical(
        a.offset * factor,
        a.terms.map((t) => ({ ...t, coefficient: t.coefficient * factor })),
      );

/** Undoes a split: k*d*floor(e/d)%m + k*(e%d) is k*(e % (d*m)). Reading back a stored value meets this. */
function rejoin(expr: IndexExpr): IndexExpr {
  for (const low of expr.terms) {
    if (!isDivTerm(low) || low.divide !== 1 || low.modulo === 0) continue;
    const of = printIndex(low.of);
    const high = expr.terms.find(
      (t): t is DivTerm =>
        isDivTerm(t) &&
        t.divide === low.modulo &&
        t.coefficient === low.coefficient * low.modulo &&
        printIndex(t.of) === of,
    );
    if (high === undefined) continue;
    const rest = expr.terms.filter((t) => t !== low && t !== high);
    const joined: IndexExpr =
      high.modulo === 0
        ? indexScale(low.of, low.coefficient)
        : {
            offset: 0,
            terms: [
              { coefficient: low.coefficient, divide: 1, modulo: low.modulo * high.modulo, of: low.of },
            ],
          };
    return indexAdd({ offset: expr.offset, terms: rest }, joined);
  }
  return expr;
}

/** Least and greatest value. */
export function indexRange(expr: IndexExpr, sizes: AxisSizes): readonly [number, number] {
  let low = expr.offset;
  let high = expr.offset;
  for (const term of expr.terms) {
    const [least, most] = termRange(term, sizes);
    low += Math.min(least * term.coefficient, most * term.coefficient);
    high += Math.max(least * term.coefficient, most * term.coefficient);
  }
  return [low, high];
}

function termRange(term: IndexTerm, sizes: AxisSizes): readonly [number, number] {
  if (isAxisTerm(term)) return [0, sizeOf(term.axis, sizes) - 1];
  const [low, high] = indexRange(term.of, sizes);
  if (isClampTerm(term)) return [Math.min(low, term.atMost), Math.min(high, term.atMost)];
  const most = Math.floor(high / term.divide);
  return term.modulo !== 0 && most >= term.modulo
    ? [0, term.modulo - 1]
    : [Math.max(0, Math.floor(low / term.divide)), most];
}

export function sizeOf(axis: string, sizes: AxisSizes): number {
  const size = sizes.get(axis);
  if (size === undefined) throw new RangeError(`axis ${axis} has no size`);
  return size;
}

/** floor(expr / divisor), simplified where the sizes allow. */
export function indexDiv(expr: IndexExpr, divisor: number, sizes: AxisSizes): IndexExpr {
  if (divisor === 1) return expr;
  const { whole, rest } = splitBy(expr, divisor, sizes);
  if (rest === undefined)
    return { offset: 0, terms: [{ coefficient: 1, divide: divisor, modulo: 0, of: expr }] };
  return whole;
}

/** expr mod divisor, simplified where the sizes allow. */
export function indexMod(expr: IndexExpr, divisor: number, sizes: AxisSizes): IndexExpr {
  const { rest } = splitBy(expr, divisor, sizes);
  if (rest !== undefined) return rest;
  const [term] = expr.terms;
  // (floor(e/d) % m) % n and floor(e/d) % n are the same thing when n divides m.
  if (
    expr.terms.length === 1 &&
    expr.offset === 0 &&
    term !== undefined &&
    isDivTerm(term) &&
    term.coefficient === 1
  ) {
    if (term.modulo === 0 || term.modulo % divisor === 0) {
      return { offset: 0, terms: [{ ...term, modulo: divisor }] };
    }
  }
  return { offset: 0, terms: [{ coefficient: 1, divide: 1, modulo: divisor, of: expr }] };
}

/** expr = divisor * whole + rest with 0 <= rest < divisor; `rest` is undefined when that cannot be told. */
function splitBy(
  expr: IndexExpr,
  divisor: number,
  sizes: AxisSizes,
): { readonly whole: IndexExpr; readonly rest: IndexExpr | undefined } {
  const offsetWhole = Math.floor(expr.offset / divisor);
  const whole: IndexTerm[] = [];
  const rest: IndexTerm[] = [];
  for (const term of expr.terms) {
    if (term.coefficient % divisor === 0) whole.push({ ...term, coefficient: term.coefficient / divisor });
    else rest.push(term);
  }
  const remainder = canonical(expr.offset - offsetWhole * divisor, rest);
  const [low, high] = indexRange(remainder, sizes);
  const fits = low >= 0 && high < divisor;
  return { whole: canonical(offsetWhole, whole), rest: fits ? remainder : undefined };
}

/** min(expr, atMost), simplified where the sizes allow. */
export function indexClamp(expr: IndexExpr, atMost: number, sizes: AxisSizes): IndexExpr {
  if (indexRange(expr, sizes)[1] <= atMost) return expr;
  return { offset: 0, terms: [{ coefficient: 1, atMost, of: expr }] };
}

/** Replaces axes by expressions; axes without an entry stay. */
export function indexSubstitute(
  expr: IndexExpr,
  by: ReadonlyMap<string, IndexExpr>,
  sizes: AxisSizes,
): IndexExpr {
  let out = indexConst(expr.offset);
  for (const term of expr.terms) {
    if (isAxisTerm(term)) {
      out = indexAdd(out, indexScale(by.get(term.axis) ?? indexAxis(term.axis), term.coefficient));
    } else if (isClampTerm(term)) {
      const clamped = indexClamp(indexSubstitute(term.of, by, sizes), term.atMost, sizes);
      out = indexAdd(out, indexScale(clamped, term.coefficient));
    } else {
      const of = indexSubstitute(term.of, by, sizes);
      const divided = indexDiv(of, term.divide, sizes);
      const value = term.modulo === 0 ? divided : indexMod(divided, term.modulo, sizes);
      out = indexAdd(out, indexScale(value, term.coefficient));
    }
  }
  return out;
}

/** The index of a tensor over these axes, slowest first, without gaps. */
export function rowMajor(axes: readonly string[], sizes: AxisSizes): IndexExpr {
  let stride = 1;
  let index = indexConst(0);
  for (const axis of [...axes].reverse()) {
    index = indexAdd(index, indexScale(indexAxis(axis), stride));
    stride *= sizes.get(axis) ?? 1;
  }
  return index;
}

/** All axes that the expression depends on. */
export function indexAxes(expr: IndexExpr, into = new Set<string>()): Set<string> {
  for (const term of expr.terms) {
    if (isAxisTerm(term)) into.add(term.axis);
    else indexAxes(term.of, into);
  }
  return into;
}

/** What an access reads or writes, as text: `x[8*i + j]`. */
export const readKey = (tensor: string, at: IndexExpr): string => `${tensor}[${printIndex(at)}]`;

/** Multiples of axes, also those that are clamped: how the index moves along each axis, but for its end. */
export const axisTerms = ({ terms }: IndexExpr): readonly AxisTerm[] =>
  terms.flatMap((term): readonly AxisTerm[] => {
    if (isAxisTerm(term)) return [term];
    if (!isClampTerm(term)) return [];
    return axisTerms(term.of).map((t) => ({ ...t, coefficient: t.coefficient * term.coefficient }));
  });

/** Coefficient of an axis among these, 0 when absent there. */
export const coefficientOf = (expr: IndexExpr, axis: string): number =>
  axisTerms(expr).find((t) => t.axis === axis)?.coefficient ?? 0;

/** The values `coefficient * (0 .. count - 1)` of a term. */
export interface IndexDigit {
  readonly coefficient: number;
  readonly count: number;
}

/** What the terms of an expression count independently of each other; undefined where that is not known. */
export function indexDigits({ terms }: IndexExpr, sizes: AxisSizes): readonly IndexDigit[] | undefined {
  const axes = new Set<string>();
  const digits: IndexDigit[] = [];
  for (const term of terms) {
    if (isDivTerm(term)) return undefined;
    const own = isAxisTerm(term) ? [term.axis] : [...indexAxes(term.of)];
    if (own.some((axis) => axes.has(axis))) return undefined;
    for (const axis of own) axes.add(axis);
    if (isClampTerm(term) && countSteps(term.of, sizes) === undefined) return undefined;
    const count = isAxisTerm(term) ? sizeOf(term.axis, sizes) : term.atMost + 1;
    digits.push({ coefficient: term.coefficient, count });
  }
  return digits;
}

/** n where the expression takes the values 0 to n - 1, each once. */
export function countSteps(expr: IndexExpr, sizes: AxisSizes): number | undefined {
  const digits = expr.offset === 0 ? indexDigits(expr, sizes) : undefined;
  let next = 1;
  for (const { coefficient, count } of [...(digits ?? [])].sort((a, b) => a.coefficient - b.coefficient)) {
    if (coefficient !== next) return undefined;
    next *= count;
  }
  return digits === undefined ? undefined : next;
}

/** Value at one point. */
export function evaluateIndex(expr: IndexExpr, at: ReadonlyMap<string, number>): number {
  let sum = expr.offset;
  for (const term of expr.terms) {
    const value = isAxisTerm(term) ? (at.get(term.axis) ?? 0) : applyTerm(term, evaluateIndex(term.of, at));
    sum += term.coefficient * value;
  }
  return sum;
}

/** A quotient, remainder or minimum of a number, without the term's coefficient. */
export function applyTerm(term: DivTerm | ClampTerm, of: number): number {
  if (isClampTerm(term)) return Math.min(of, term.atMost);
  const value = Math.floor(of / term.divide);
  return term.modulo === 0 ? value : ((value % term.modulo) + term.modulo) % term.modulo;
}

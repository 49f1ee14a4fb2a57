/**
 * Indices as sums of independent variables with known ranges, and how many different values such a sum takes.
 *
 *     (workgroup * 256 + (k * 64 + lane)) * 4, vectors of 4
 *       = 1024 workgroup + 256 k + 4 lane + component      64 * 4 * 64 * 4 values, as the ranges nest like digits
 *
 * A variable is a workgroup index, a lane, a loop counter, a coordinate of a delinearized number, or a named sum that
 * counts 0, 1, ... without gaps (dense): such a name hides what it is made of, so that a bound on it can be applied.
 *
 * Ensures: a number only where it is exact; undefined where the form says too little.
 */
import type { Expr, Kernel } from "./kernel.ts";
import type { Definition } from "./kernel-sites.ts";

/** What values depend on in the end: the workgroup, the lane, a counter, a coordinate of a delinearized number. */
interface Root {
  readonly key: string;
  /** Coordinates of one delinearize statement are independent of each other. */
  readonly group: string | undefined;
  /** Keys of what the delinearized number depends on. */
  readonly above: ReadonlySet<string>;
}

export interface Variable {
  readonly key: string;
  /** Values 0 to range - 1. */
  readonly range: number;
  readonly roots: readonly Root[];
  /** Bounds `key < n` on other variables that this one keeps, by clamping, without losing a value. */
  readonly keeps: ReadonlySet<string>;
}

export interface Affine {
  readonly constant: number;
  readonly terms: ReadonlyMap<Variable, number>;
}

const constant = (value: number): Affine => ({ constant: value, terms: new Map() });
const single = (variable: Variable): Affine => ({ constant: 0, terms: new Map([[variable, 1]]) });

/** The variable that a form is, if it is just that. */
export function variableOf(form: Affine | undefined): Variable | undefined {
  if (form?.constant !== 0 || form.terms.size !== 1) return undefined;
  const [[variable, coefficient]] = [...form.terms] as [[Variable, number]];
  return coefficient === 1 ? variable : undefined;
}

const largest = (form: Affine): number =>
  [...form.terms].reduce((sum, [{ range }, c]) => sum + Math.max(0, c * (range - 1)), form.constant);
const smallest = (form: Affine): number =>
  [...form.terms].reduce((sum, [{ range }, c]) => sum + Math.min(0, c * (range - 1)), form.constant);

function combine(a: Affine, b: Affine, factor: number): Affine {
  const terms = new Map(a.terms);
  for (const [variable, c] of b.terms) {
    const sum = (terms.get(variable) ?? 0) + factor * c;
    if (sum === 0) terms.delete(variable);
    else terms.set(variable, sum);
  }
  return { constant: a.constant + factor * b.constant, terms };
}

const scale = (a: Affine, factor: number): Affine => combine(constant(0), a, factor);

const reach = ({ key, above }: Root): readonly string[] => [key, ...above];

function dependOnOne(a: Root, b: Root): boolean {
  if (a.key === b.key) return true;
  if (a.group !== undefined && a.group === b.group) return false;
  const keys = new Set(reach(a));
  return reach(b).some((key) => keys.has(key));
}

/** Whether the two depend on something in common. */
export const areRelated = (a: Variable, b: Variable): boolean =>
  a.roots.some((root) => b.roots.some((other) => dependOnOne(root, other)));

/** Whether the variables take all combinations of their values. */
export const areIndependent = (variables: readonly Variable[]): boolean =>
  variables.every((a, i) => !variables.slice(i + 1).some((b) => areRelated(a, b)));

/** M where the form takes each of 0 to M - 1 exactly once. */
function denseRange(form: Affine): number | undefined {
  if (form.constant !== 0 || !areIndependent([...form.terms.keys()])) return undefined;
  let range = 1;
  for (const [variable, c] of [...form.terms].sort(([, a], [, b]) => a - b)) {
    if (variable.range === 1) continue;
    if (c !== range) return undefined;
    range *= variable.range;
  }
  return range;
}

const rootsOf = (form: Affine): readonly Root[] => [...form.terms.keys()].flatMap(({ roots }) => roots);

/** A variable in place of a form without gaps. */
function makeDense(key: string, form: Affine): Affine {
  const range = denseRange(form);
  if (range === undefined || form.terms.size < 2) return form;
  return single({ key, range, roots: rootsOf(form), keeps: new Set() });
}

/** Reads index expressions as affine forms; names once each. */
export function openAffineReader(
  kernel: Kernel,
  definitions: ReadonlyMap<string, Definition>,
): (expr: Expr) => Affine | undefined {
  const leaf = (key: string, range: number): Affine =>
    single({ key, range, roots: [{ key, group: undefined, above: new Set() }], keeps: new Set() });
  const workgroup = leaf("workgroup", kernel.workgroupCount);
  const lane = leaf("lane", kernel.workgroupSize);
  const known = new Map<string, Affine | undefined>();
  const readName = (name: string): Affine | undefined => {
    if (known.has(name)) return known.get(name);
    const definition = definitions.get(name);
    let form: Affine | undefined;
    if (definition?.kind === "counter") form = leaf(`%${name}`, definition.trips);
    else if (definition?.kind === "let") {
      const value = read(definition.value);
      form = value === undefined ? undefined : makeDense(`%${name}`, value);
    } else if (definition !== undefined) form = readCoordinate(name, definition, read(definition.from));
    known.set(name, form);
    return form;
  };
  const read = (expr: Expr): Affine | undefined => {
    switch (expr.kind) {
      case "const":
        return constant(expr.value);
      case "workgroup":
        return workgroup;
      case "lane":
        return lane;
      case "name":
        return readName(expr.name);
      case "index": {
        const [a, b] = [read(expr.args[0]), read(expr.args[1])];
        const form = a === undefined || b === undefined ? undefined : readArithmetic(expr.fn, a, b);
        // Arithmetic wraps; a form that could is left to evaluation.
        return form === undefined || smallest(form) < 0 || largest(form) >= 2 ** 32 ? undefined : form;
      }
      default:
        return undefined;
    }
  };
  return read;
}

function readArithmetic(fn: string, a: Affine, b: Affine): Affine | undefined {
  if (fn === "add") return combine(a, b, 1);
  if (fn === "sub") return combine(a, b, -1);
  const [factor, form] = b.terms.size === 0 ? [b.constant, a] : [a.constant, b];
  if (fn === "mul") return a.terms.size === 0 || b.terms.size === 0 ? scale(form, factor) : undefined;
  if (b.terms.size > 0) return undefined;
  if (fn === "min") return clampForm(a, b.constant);
  return divideForm(a, b.constant, fn === "div");
}

/** min(form, last): a form without gaps still takes every value up to `last`. */
function clampForm(form: Affine, last: number): Affine | undefined {
  if (largest(form) <= last) return form;
  if (form.terms.size === 0) return constant(last);
  if (denseRange(form) === undefined) return undefined;
  const clamped = variableOf(form);
  return single({
    key: `min(${[...form.terms].map(([{ key }, c]) => `${String(c)}${key}`).join("+")},${String(last)})`,
    range: last + 1,
    roots: rootsOf(form),
    keeps: new Set(clamped === undefined ? [] : [boundName(clamped, last + 1)]),
  });
}

export const boundName = (variable: Variable, bound: number): string => `${variable.key} < ${String(bound)}`;

/** Quotient or remainder, where the terms fall into multiples of the divisor and a rest below it. */
function divideForm(form: Affine, divisor: number, isQuotient: boolean): Affine | undefined {
  const high = new Map<Variable, number>();
  const low = new Map<Variable, number>();
  for (const [variable, c] of form.terms) (c % divisor === 0 ? high : low).set(variable, c);
  const rest: Affine = { constant: form.constant % divisor, terms: low };
  if (smallest(rest) < 0 || largest(rest) >= divisor) return undefined;
  if (!isQuotient) return rest;
  const quotient = new Map([...high].map(([variable, c]) => [variable, c / divisor]));
  return { constant: Math.floor(form.constant / divisor), terms: quotient };
}

function readCoordinate(
  name: string,
  definition: Definition & { kind: "coordinate" },
  from: Affine | undefined,
): Affine | undefined {
  const whole = from === undefined ? undefined : denseRange(from);
  if (from === undefined || whole === undefined || whole % definition.stride !== 0) return undefined;
  const range = Math.min(definition.size, whole / definition.stride);
  // All coordinates have to be full, or the slowest alone be shorter: else they are not independent.
  if (range < 1 || whole % (definition.stride * range) !== 0) return undefined;
  const root: Root = {
    key: `%${name}`,
    group: `%${definition.group}`,
    above: new Set(rootsOf(from).flatMap(reach)),
  };
  const keeps = variableOf(from)?.keeps ?? new Set<string>();
  return single({ key: root.key, range, roots: [root], keeps });
}

/** How many different values the terms give, `width` neighbours each; ranges may be narrowed by `rangeOf`. */
export function countValues(
  form: Affine,
  width: number,
  rangeOf: (variable: Variable) => number,
): number | undefined {
  if (!areIndependent([...form.terms.keys()])) return undefined;
  const terms = [...form.terms].map(([variable, c]) => [Math.abs(c), rangeOf(variable)] as const);
  let count = 1;
  let span = 0;
  let step: number | undefined = 1; // undefined once the values are no arithmetic progression
  for (const [c, range] of [[1, width] as const, ...terms].sort(([a], [b]) => a - b)) {
    if (range === 0) return 0;
    if (range === 1) continue;
    if (c > span) {
      if (count === 1) step = c;
      else if (step !== undefined && c !== span + step) step = undefined;
      count *= range;
      span += c * (range - 1);
    } else if (step !== undefined && c % step === 0) {
      span += c * (range - 1);
      count = span / step + 1;
    } else return undefined;
  }
  return count;
}

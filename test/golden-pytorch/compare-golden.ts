/**
 * Compares a result with PyTorch's as the golden format prescribes: absolute bounds on the 2-norm and on the greatest
 * deviation, over the elements that are finite in the truth; other elements have to be of the same class (NaN, or the
 * same infinity).
 */
import type { GoldenOutput } from "./golden-data.ts";

export interface ActualOutput {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** For results in 16 bits: the greatest relative error of storing a number so. */
export interface Storage {
  readonly unitRoundoff: number;
}

const isSameClass = (got: number, want: number): boolean =>
  Object.is(got, want) || (got === want && !Number.isFinite(want));

/** What is wrong with the result, one line each; nothing where it agrees. */
export function compareGolden(
  output: GoldenOutput,
  actual: ActualOutput,
  storage?: Storage,
): readonly string[] {
  const { truth, at, tolerance, name, shape } = output;
  const count = at === undefined ? truth.length : shape.reduce((n, length) => n * length, 1);
  if (actual.shape.join() !== shape.join() || actual.values.length !== count)
    return [`${name} has shape [${actual.shape.join(",")}], PyTorch's is [${shape.join(",")}]`];
  const complaints: string[] = [];
  let squares = 0;
  let greatest = 0;
  let size = 0;
  let peak = 0;
  truth.forEach((want, i) => {
    const got = actual.values[at === undefined ? i : (at[i] ?? 0)] ?? Number.NaN;
    if (!Number.isFinite(want)) {
      if (!isSameClass(got, want)) complaints.push(`${name}[${i}] is ${got}, PyTorch's is ${want}`);
      return;
    }
    const deviation = Math.abs(got - want);
    squares += deviation * deviation;
    size += want * want;
    peak = Math.max(peak, Math.abs(want));
    // NaN has to stay: Math.max keeps it.
    greatest = Math.max(greatest, deviation);
  });
  if (tolerance === undefined) {
    if (greatest !== 0) complaints.push(`${name} deviates by ${greatest} where no deviation is allowed`);
    return complaints;
  }
  const l2 = Math.sqrt(squares);
  const stored = storage === undefined ? 0 : (output.rounding ?? 0) * Math.sqrt(size) * ROUNDING_MARGIN;
  const allowed = {
    l2: tolerance.l2 + stored,
    max: tolerance.max + (storage === undefined ? 0 : storage.unitRoundoff * peak),
  };
  if (!(l2 <= allowed.l2)) complaints.push(`${name} deviates by ${l2} in the 2-norm, allowed ${allowed.l2}`);
  if (!(greatest <= allowed.max)) complaints.push(`${name} deviates by ${greatest}, allowed ${allowed.max}`);
  return [...complaints, ...compareTotals(output, actual.values)];
}

/** The format's figure is for rounding the true answer; a value near a tie may round to the other side. */
const ROUNDING_MARGIN = 1.01;

/** Sums over all elements, where only samples are stored: as many deviations as there are elements, of either sign. */
function compareTotals(
  { name, totals, tolerance, at }: GoldenOutput,
  values: ArrayLike<number>,
): readonly string[] {
  if (totals === undefined || tolerance === undefined || at === undefined) return [];
  let sum = 0;
  let absolute = 0;
  let squares = 0;
  for (const value of Float64Array.from(values)) {
    sum += value;
    absolute += Math.abs(value);
    squares += value * value;
  }
  const each = tolerance.max * values.length;
  const within = (got: number, want: number, allowed: number, what: string): readonly string[] =>
    Math.abs(got - want) <= allowed ? [] : [`${what} of ${name} is ${got}, PyTorch's is ${want}`];
  return [
    ...within(sum, totals.sum, each, "the sum"),
    ...within(absolute, totals.absolute, each, "the sum of magnitudes"),
    ...within(
      squares,
      totals.squares,
      2 * tolerance.max * totals.absolute + each * tolerance.max,
      "the sum of squares",
    ),
  ];
}

/** The rows of an edge case. */
export interface EdgeRows {
  readonly names: readonly string[];
  /** The axis of the output along which they lie. */
  readonly axis: number;
  /** What a deviation in a row may be measured against where sums cancel: the size of their terms. */
  readonly termsOf: (row: number) => number;
  /** Rows whose differences leave f32, which running moments (Welford) turn into nan and two passes need not. */
  readonly differencesOverflow: (row: number) => boolean;
  /**
   * How far an f32 evaluation may lie from the element (`Infinity`: nothing can be said). Given for gradients, which are
   * often differences of equal terms.
   */
  readonly boundOf?: ((i: number) => number) | undefined;
  /** What evaluations in f32 give that take other liberties of WGSL, where neither the truth nor PyTorch is met. */
  readonly evaluations: () => readonly ArrayLike<number>[];
}

const EDGE_RELATIVE = 1e-5;
const LEAST_NORMAL = 2 ** -126;

/**
 * Edge cases have no tolerance: each element is that of the truth or of PyTorch in float32 (nan for nan, the same
 * infinity, otherwise within 1e-5), and in rows of subnormals, which WGSL may flush, that of the row of zeros. What a sum
 * of cancelling terms gives depends on the order, so there 1e-5 is of the terms. PyTorch takes some float32 moments in
 * float64, whose squares overflow later: where f32 is all there is, an element may be that of any evaluation in f32.
 * Gradients may also lie off by what the oracle allows an evaluation in f32.
 */
export function compareEdge(output: GoldenOutput, actual: ActualOutput, rows: EdgeRows): readonly string[] {
  const { name, shape, truth, torch } = output;
  if (actual.shape.join() !== shape.join())
    return [`${name} has shape [${actual.shape.join(",")}], PyTorch's is [${shape.join(",")}]`];
  const stride = shape.slice(rows.axis + 1).reduce((n, length) => n * length, 1);
  const length = rows.names.length === 1 ? 1 : (shape[rows.axis] ?? 1);
  const zeroRow = rows.names.indexOf("zero row");
  return [...truth].flatMap((want, i) => {
    const row = Math.floor(i / stride) % length;
    const got = actual.values[i] ?? Number.NaN;
    // What f32 cannot hold is an infinity there.
    const accepted = [want, torch?.[i] ?? want, Math.fround(want)];
    if ((rows.names[row] ?? "").includes("denormal") && zeroRow >= 0) {
      const twin = i + (zeroRow - row) * stride;
      accepted.push(truth[twin] ?? want, torch?.[twin] ?? want);
    }
    if (rows.differencesOverflow(row)) accepted.push(Number.NaN);
    const terms = rows.termsOf(row);
    const bound = rows.boundOf?.(i) ?? 0;
    // Squares leave f32, and the oracle promises nothing for what is made of them.
    if (bound === Number.POSITIVE_INFINITY && /huge|largest|tiny/.test(rows.names[row] ?? "")) return [];
    const slack = LEAST_NORMAL + (Number.isFinite(bound) ? bound : 0);
    const isAnswer = (answer: number): boolean =>
      isSameClass(got, answer) ||
      Math.abs(got - answer) <= EDGE_RELATIVE * Math.max(Math.abs(answer), terms) + slack;
    if (accepted.some(isAnswer)) return [];
    if (rows.evaluations().some((values) => isAnswer(values[i] ?? Number.POSITIVE_INFINITY))) return [];
    return [
      `${name}[${i}], ${rows.names[row] ?? "?"}: ${got}, PyTorch's is ${want} (in float32 ${accepted[1] ?? "?"})`,
    ];
  });
}

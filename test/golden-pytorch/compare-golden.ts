/**
 * Compares a result with PyTorch's as the golden format prescribes: absolute bounds on the 2-norm and on the greatest
 * deviation, over the elements that are finite in the truth; other elements have to be of the same class (NaN, or the
 * same infinity).
 */
import type { GoldenOutput } from "./golden-data.ts";

const isSameClass = (got: number, want: number): boolean =>
  Object.is(got, want) || (got === want && !Number.isFinite(want));

/** What is wrong with the result, one line each; nothing where it agrees. */
export function compareGolden(
  output: GoldenOutput,
  actual: { readonly shape: readonly number[]; readonly values: ArrayLike<number> },
): readonly string[] {
  const { truth, tolerance, name } = output;
  if (actual.shape.join() !== truth.shape.join() || actual.values.length !== truth.values.length)
    return [`${name} has shape [${actual.shape.join(",")}], PyTorch's is [${truth.shape.join(",")}]`];
  const complaints: string[] = [];
  let squares = 0;
  let greatest = 0;
  truth.values.forEach((want, i) => {
    const got = actual.values[i] ?? Number.NaN;
    if (!Number.isFinite(want)) {
      if (!isSameClass(got, want)) complaints.push(`${name}[${i}] is ${got}, PyTorch's is ${want}`);
      return;
    }
    const deviation = Math.abs(got - want);
    squares += deviation * deviation;
    // NaN has to stay: Math.max keeps it.
    greatest = Math.max(greatest, deviation);
  });
  if (tolerance === undefined) {
    if (greatest !== 0) complaints.push(`${name} deviates by ${greatest} where no deviation is allowed`);
    return complaints;
  }
  const l2 = Math.sqrt(squares);
  if (!(l2 <= tolerance.l2))
    complaints.push(`${name} deviates by ${l2} in the 2-norm, allowed ${tolerance.l2}`);
  if (!(greatest <= tolerance.max))
    complaints.push(`${name} deviates by ${greatest}, allowed ${tolerance.max}`);
  return complaints;
}

/** Statistics that do not fall for outliers: a machine that is busy elsewhere makes some rounds slow, never fast. */

export interface Spread {
  readonly median: number;
  /** Distance of the quartiles. */
  readonly iqr: number;
}

/** The q-quantile, between neighbours by straight lines. Of nothing it is NaN. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const spreadOf = (values: readonly number[]): Spread => ({
  median: median(values),
  iqr: quantile(values, 0.75) - quantile(values, 0.25),
});

/** How long something takes, over how long the standard does. Times below the clock's resolution are 0: equal ones are equal. */
export const ratioTo = (standardUs: number, us: number): number => (us === standardUs ? 1 : us / standardUs);

/** What a group reduction means: which lanes make up a row, and what becomes of their states. */
import type { LaneOrder, SubgroupRuns, ValueType } from "./kernel.ts";
import { combineNumbers, type MonoidName } from "./monoids.ts";

export interface LaneRows {
  readonly rows: number;
  readonly lanes: number;
  readonly laneOf: (row: number, t: number) => number;
}

/** Combines over the lanes of each row, from the first lane on. */
export function reduceRows(
  { rows, lanes, laneOf }: LaneRows,
  fn: MonoidName,
  { width, scalar }: ValueType,
  partials: readonly Float64Array[],
): readonly Float64Array[] {
  const [first = new Float64Array(0)] = partials;
  const out = partials.map(() => new Float64Array(first.length));
  for (let row = 0; row < rows; row++)
    for (let c = 0; c < width; c++) {
      const stateOf = (t: number): number[] =>
        partials.map((partial) => partial[laneOf(row, t) * width + c] ?? 0);
      let total: readonly number[] = stateOf(0);
      for (let t = 1; t < lanes; t++) total = combineNumbers(fn, scalar, total, stateOf(t));
      for (let t = 0; t < lanes; t++)
        out.forEach((component, i) => (component[laneOf(row, t) * width + c] = total[i] ?? 0));
    }
  return out;
}

/** The lane that is the t-th of a row. */
export function laneFinder(
  order: Exclude<LaneOrder, SubgroupRuns>,
  lanes: number,
  rows: number,
): (row: number, t: number) => number {
  if (order === "inner") return (row, t) => row * lanes + t;
  if (order === "outer") return (row, t) => t * rows + row;
  return (row, t) => {
    let [restRow, restLane, lane, stride] = [row, t, 0, 1];
    for (const { size, shared } of [...order].reverse()) {
      lane += stride * ((shared ? restLane : restRow) % size);
      if (shared) restLane = Math.floor(restLane / size);
      else restRow = Math.floor(restRow / size);
      stride *= size;
    }
    return lane;
  };
}

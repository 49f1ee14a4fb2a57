/**
 * Whether what a kernel has stored is right: at some grid points by the oracle's bounds, everywhere else by lying no
 * farther from what the standard kernel has stored than two correct kernels can be apart.
 *
 * The points are the corners of the grid, where whatever a schedule does at edges shows, and some in between. Elements of
 * other points have no bound of their own: twice the greatest of the points' serves, absolute or relative, since inputs
 * are alike everywhere. Where the oracle says nothing at all, bits must be equal.
 */
import { elementCount } from "./ir/dtype.ts";
import { axisSizes, type FusionGroup, type IndexProgram } from "./ir/index-notation.ts";
import {
  hasOwnPoints,
  interpretGroup,
  pointSize,
  type GridPoint,
  type StoredElements,
} from "./ir/interpret-group.ts";
import type { PlanTensor } from "./ir/plan.ts";
import { fillTensor } from "./runtime/fill-tensor.ts";
import { fromGpuBytes, readElement, type HostTensor } from "./runtime/tensor-data.ts";
import type { IsolatedGroup } from "./passes/index/isolate-groups.ts";

/** Elements of all points together: some tenths of a second. */
const BUDGET = 2 ** 19;
/** Elements of one point at most: beyond, the oracle would take seconds. */
const LARGEST_POINT = 2 ** 21;
const MOST_POINTS = 48;

/** The results of one kernel, in the order of the plan's outputs. */
export type Results = readonly ArrayBuffer[];

export interface Judge {
  /** Takes the results as those of the standard; false where they are wrong. */
  readonly acceptStandard: (results: Results) => boolean;
  readonly isRight: (results: Results) => boolean;
}

/** Null where the group is too large for the oracle. */
export function createJudge(
  { program, group }: IsolatedGroup,
  inputs: readonly PlanTensor[],
  outputs: readonly PlanTensor[],
): Judge | null {
  // Values that are read at other points than their own need the whole group.
  const gridded = hasOwnPoints(program, group) ? group : { ...group, gridAxes: [] };
  const size = pointSize(program, gridded);
  if (size > LARGEST_POINT) return null;
  const stored = interpretGroup(program, gridded, choosePoints(program, gridded, size), {
    ...readInputs(program, inputs),
  });
  let standard: readonly HostData[] = [];
  const decode = (results: Results): readonly HostData[] =>
    outputs.map(({ dtype, shape }, i) => ({
      dtype,
      data: fromGpuBytes(dtype, elementCount(shape), results[i] ?? new ArrayBuffer(0)),
    }));
  const agrees = (given: readonly HostData[]): boolean =>
    outputs.every(({ name }, i) => {
      const own = given[i];
      return own !== undefined && stored.every((s) => s.tensor !== name || isWithinBounds(own, s));
    });
  return {
    acceptStandard: (results) => {
      standard = decode(results);
      return agrees(standard);
    },
    isRight: (results) => {
      const given = decode(results);
      return (
        agrees(given) &&
        outputs.every(({ name }, i) => {
          const [own, other] = [given[i], standard[i]];
          return own !== undefined && other !== undefined && isNear(own, other, reachOf(stored, name));
        })
      );
    },
  };
}

type HostData = Pick<HostTensor, "dtype" | "data">;

function readInputs(
  program: IndexProgram,
  inputs: readonly PlanTensor[],
): Parameters<typeof interpretGroup>[3] {
  const data = new Map(
    inputs.map((tensor, index): readonly [string, HostData] => [
      tensor.name,
      {
        dtype: tensor.dtype,
        data: fromGpuBytes(tensor.dtype, elementCount(tensor.shape), fillTensor(tensor, index).buffer),
      },
    ]),
  );
  const scalars = new Map(program.scalars.map((s) => [s.name, s.default ?? 1]));
  return {
    read: (tensor, position) => {
      const host = data.get(tensor);
      // A read under a guard that does not hold may lie outside.
      return host === undefined || !(position >= 0 && position < host.data.length)
        ? 0
        : readElement(host, position);
    },
    scalar: (name) => scalars.get(name) ?? 1,
  };
}

/** Corners first, then points spread over the grid: the same ones each time. */
function choosePoints(program: IndexProgram, { gridAxes }: FusionGroup, size: number): readonly GridPoint[] {
  const sizes = axisSizes(program);
  const lengths = gridAxes.map((axis) => sizes.get(axis) ?? 1);
  const most = Math.max(1, Math.min(MOST_POINTS, Math.floor(BUDGET / size)));
  const points = new Map<string, GridPoint>();
  const add = (point: GridPoint): void => {
    if (points.size < most) points.set(point.join(), point);
  };
  add(lengths.map((length) => length - 1));
  for (let corner = 0; corner < 2 ** Math.min(4, lengths.length); corner++)
    add(lengths.map((length, d) => ((corner >> Math.min(d, 4)) % 2 === 1 ? length - 1 : 0)));
  // Steps of the golden ratio spread evenly over any length (Weyl, 1916).
  for (let n = 1; n <= most; n++)
    add(lengths.map((length, d) => Math.floor(((n * (0.6180339887 + 0.1 * d)) % 1) * length)));
  return [...points.values()];
}

function isWithinBounds(given: HostData, { positions, values, bounds }: StoredElements): boolean {
  return values.every((want, i) => {
    const bound = bounds[i] ?? 0;
    // Drivers may assume nan and infinity away: these say nothing.
    if (bound === Infinity || !Number.isFinite(want)) return true;
    return Math.abs(readElement(given, positions[i] ?? 0) - want) <= bound * (1 + 2 ** -40);
  });
}

interface Reach {
  readonly absolute: number;
  readonly relative: number;
}

/** The greatest bounds of a tensor's elements at the points. */
function reachOf(stored: readonly StoredElements[], tensor: string): Reach {
  let [absolute, relative] = [0, 0];
  for (const s of stored) {
    if (s.tensor !== tensor) continue;
    for (const [i, want] of s.values.entries()) {
      const bound = s.bounds[i] ?? 0;
      if (bound === Infinity || !Number.isFinite(want)) continue;
      absolute = Math.max(absolute, bound);
      if (want !== 0) relative = Math.max(relative, bound / Math.abs(want));
    }
  }
  return { absolute, relative };
}

function isNear(given: HostData, standard: HostData, { absolute, relative }: Reach): boolean {
  for (let i = 0; i < standard.data.length; i++) {
    if (given.data[i] === standard.data[i]) continue;
    const [own, other] = [readElement(given, i), readElement(standard, i)];
    if (!Number.isFinite(own) && !Number.isFinite(other)) continue;
    if (!(Math.abs(own - other) <= 2 * Math.max(absolute, relative * Math.abs(other)))) return false;
  }
  return true;
}

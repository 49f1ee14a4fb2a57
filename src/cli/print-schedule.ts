/** A schedule in words. */
import type { KernelSchedule } from "../ir/schedule.ts";

export function printSchedule(schedule: KernelSchedule): string {
  const { lanes, coarsening, unroll, vectorWidth, residency, pairing, reduction, turns, tile } = schedule;
  return [
    lanes.length === 0 ? "one lane" : `lanes ${lanes.map((l) => `${l.axis}=${l.lanes}`).join(" ")}`,
    ...(coarsening === 1 ? [] : [`${coarsening} lanes to an invocation`]),
    ...(unroll === 1 ? [] : [`${unroll} steps a turn`]),
    vectorWidth === 1 ? "scalars" : `vectors of ${vectorWidth}`,
    `residency ${residency}`,
    `${reduction} reduction`,
    ...(pairing === "one-walk" ? ["pairs in one walk"] : []),
    ...(tile === null
      ? []
      : tile.memory === "registers"
        ? [`blocks of ${tile.steps} along ${tile.axis} in registers`]
        : [`a tile along ${tile.axis} in workgroup memory`]),
    ...(turns === null ? [] : [`${turns.count} blocks along ${turns.axis} in turn`]),
  ].join(", ");
}

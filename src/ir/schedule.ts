/**
 * How a fusion group runs, apart from what it computes. Plain data: chosen by `schedule/`, obeyed by `lower/`, printable
 * and overridable by hand. Serial rows, rows shared by a workgroup, columns and pointwise groups are points of this space.
 */
import type { Width } from "./kernel.ts";

export interface KernelSchedule {
  /** Invocations that share one grid point (a power of two); 1 = a row is one invocation's serial loop. */
  readonly threadsPerRow: number;
  /** Grid points that a workgroup computes side by side. */
  readonly rowsPerWorkgroup: number;
  /** Which lanes are neighbours: those of one row (the row is contiguous) or those of neighbouring grid points. */
  readonly laneAxis: "row" | "grid";
  /** Elements per memory access, along `vectorAxis`. */
  readonly vectorWidth: Width;
  /** Name of the contiguous axis that vectors run along, or null for width 1. */
  readonly vectorAxis: string | null;
  /** Where inputs that several phases read wait in between: registers (loops unrolled), or read again. */
  readonly residency: "registers" | "reload";
  /** How lanes of a row combine their partial results. */
  readonly reduction: "serial" | "tree" | "subgroup";
  /** Order of grid axes, slowest first. */
  readonly gridAxes: readonly string[];
  /** Order of row axes, slowest first. */
  readonly rowAxes: readonly string[];
  /** How many of `rowAxes`, from the front, every thread walks in plain loops; the rest are shared by the threads. */
  readonly serialAxes: number;
}

/** What the compiler makes of a workload, without any device: one row of the table that steers work on fusion. */
import { compileGraph, explainCompiled, type Explanation } from "../index.ts";
import type { Graph } from "../ir/graph.ts";
import type { DeviceProfile } from "../ir/profile.ts";

/** Derived figures of one compilation. All bytes are those of `explainCompiled`. */
export interface Traffic {
  readonly dispatches: number;
  readonly bytesMoved: number;
  readonly bytesFloor: number;
  /** Sectors touched over the least, of the kernels together, weighted by their bytes; 1 = coalesced. */
  readonly sectors: number;
  /** Of the kernel that fills the device, or what its work could fill of it, least (`occupancyOf`); 1 at most. */
  readonly occupancy: number;
}

export interface ExplainedWorkload {
  readonly fused: Traffic;
  readonly unfused: Traffic;
}

export function explainWorkload(graph: Graph, profile: DeviceProfile): ExplainedWorkload {
  const explain = (fuse: boolean): Traffic =>
    trafficOf(explainCompiled(compileGraph(graph, { profile, fuse }), profile));
  return { fused: explain(true), unfused: explain(false) };
}

export function trafficOf({ kernels, dispatches, bytes }: Explanation): Traffic {
  const weight = kernels.reduce((total, k) => total + k.bytesRead + k.bytesWritten, 0);
  const sectors = kernels.reduce((total, k) => total + k.sectors * (k.bytesRead + k.bytesWritten), 0);
  return {
    dispatches,
    bytesMoved: bytes.moved,
    bytesFloor: bytes.floor,
    sectors: weight === 0 ? 1 : sectors / weight,
    occupancy: kernels.reduce((least, k) => Math.min(least, k.occupancy), 1),
  };
}

/**
 * The cost model of fusion: launch + bytes / (bandwidth x min(1, workgroups / useful workgroups)), in microseconds, as
 * DESIGN.md section 3 has it. It sees a candidate group as tensors read and written, grid points and row length.
 */
import { elementCount, storageBytes } from "../../ir/dtype.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import type { StoredTensor } from "../../ir/index-notation.ts";

export interface CandidateTraffic {
  /** Bytes read once per sweep, and how many sweeps (1 where the row stays on the chip). */
  readonly readBytes: number;
  readonly sweeps: number;
  readonly writtenBytes: number;
  readonly gridPoints: number;
  readonly rowLength: number;
}

/** Elements that one workgroup walks at once: parallelism inside a row counts up to here. */
const ELEMENTS_PER_WORKGROUP = 1024;

export function kernelTime(profile: DeviceProfile, traffic: CandidateTraffic): number {
  const bytes = traffic.readBytes * traffic.sweeps + traffic.writtenBytes;
  const workgroups = Math.max(
    1,
    (traffic.gridPoints * Math.min(traffic.rowLength, ELEMENTS_PER_WORKGROUP)) / ELEMENTS_PER_WORKGROUP,
  );
  const share = Math.min(1, workgroups / profile.usefulWorkgroups);
  return profile.launchUs + bytes / (profile.copyGBps * 1e3 * share);
}

export const tensorBytes = (tensor: StoredTensor): number =>
  elementCount(tensor.shape) * storageBytes(tensor.dtype);

export const printBytes = (bytes: number): string =>
  bytes < 1e4
    ? `${String(bytes)} B`
    : bytes < 1e7
      ? `${(bytes / 1e3).toFixed(1)} kB`
      : `${(bytes / 1e6).toFixed(1)} MB`;

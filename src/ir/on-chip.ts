/**
 * What one workgroup can keep of its rows. Fusion asks whether rows stay on the chip before there is a schedule, the choice of
 * a schedule asks for lanes and steps that keep them there: both ask here.
 */
import type { DeviceProfile } from "./profile.ts";

/** Lanes of a workgroup on hardware, as a rule: several such share a core. */
export const WORKGROUP_LANES = 256;
/** Registers (f32) of one lane that what waits between phases may take. More only after timing. */
const LANE_REGISTERS = 64;
/**
 * `onChipBytes` is for workgroups as large as the device has them, of which a core runs one or two. Usual ones are among
 * more, and get by with what is left.
 */
const USUAL_SHARE = 2;

/** Registers that each of so many lanes may keep, on hardware. */
export function registersPerLane({ onChipBytes }: DeviceProfile, lanes: number): number {
  const bytes = lanes <= WORKGROUP_LANES ? USUAL_SHARE * onChipBytes : onChipBytes;
  return Math.min(LANE_REGISTERS, Math.floor(bytes / (4 * lanes)));
}

/** Lanes of the largest workgroup. */
export const mostLanes = ({ limits }: DeviceProfile): number =>
  Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);

/**
 * Whether a workgroup keeps so many bytes, as well as they can be dealt out: in the registers of a usual workgroup or of a
 * larger one, or in workgroup memory. On a CPU it is the caches that keep them.
 */
export function fitsOnChip(bytes: number, profile: DeviceProfile): boolean {
  if (profile.software) return bytes <= profile.onChipBytes;
  const most = mostLanes(profile);
  const inRegisters = [Math.min(WORKGROUP_LANES, most), most].map(
    (lanes) => 4 * lanes * registersPerLane(profile, lanes),
  );
  return bytes <= Math.max(...inRegisters, workgroupBytes(profile, 0));
}

/** Bytes of workgroup memory that rows may take beside the scratch of reductions. */
export const workgroupBytes = ({ limits, onChipBytes }: DeviceProfile, scratch: number): number =>
  Math.min(onChipBytes, limits.maxComputeWorkgroupStorageSize - scratch);

/**
 * Measures what a device's work costs, in place of the figures of the built-in profile that its description matches.
 *
 *     copyGBps           a copy of whole vectors, as large as lasts long enough for the clock
 *     usefulWorkgroups   how few workgroups of 256 reach nearly the same bandwidth; on CPUs that of the built-in profile
 *     launchUs           one more dispatch in a pass that waits for the one before
 *     barrierUs          one more barrier in a workgroup of 256 invocations
 *
 * Each is the difference between much and little of the same work, so that the cost of a submit drops out. The host's
 * clock serves: timestamps are optional, and rounded.
 *
 * Ensures: takes well under a second; a figure that could not be measured stays that of the built-in profile. What is
 * measured differs from run to run, so nobody gets a calibrated profile who did not ask for one.
 */
import type { DeviceProfile } from "../ir/profile.ts";
import {
  BARRIER_KERNEL,
  COPY_KERNEL,
  type CalibrationKernel,
  type CalibrationRig,
  createRig,
  TICK_KERNEL,
} from "./calibration-rig.ts";
import type { Device } from "./device.ts";

/** The measured part of a profile. */
export type MeasuredCosts = Pick<DeviceProfile, "copyGBps" | "usefulWorkgroups" | "launchUs" | "barrierUs">;

/** What no device is beyond: outside, the clock was disturbed or the device did nothing. */
const PLAUSIBLE: Readonly<Record<keyof MeasuredCosts, readonly [number, number]>> = {
  copyGBps: [0.01, 50_000],
  usefulWorkgroups: [1, 65_535],
  launchUs: [0.01, 10_000],
  barrierUs: [0.001, 10_000],
};

/** Milliseconds that a sample should last, that each figure may take, and beyond which no sample is repeated. */
const SAMPLE_MS = 4;
const FIGURE_MS = 150;
const LONG_MS = 60;
const LEAST_BYTES = 2 ** 21;
const MOST_BYTES = 2 ** 26;
/** The share of the best bandwidth that counts as the same. */
const NEARLY = 0.85;

/** The device's profile with measured costs. The CPU device is not measured: its profile is never used to compile. */
export async function calibrateProfile(device: Device): Promise<DeviceProfile> {
  if (device.gpuDevice === null) return device.profile;
  const costs = await measureCosts(device.gpuDevice, device.profile);
  return applyCosts(device.profile, costs);
}

/** The profile with these costs, and a name that says so; without any, the profile itself. */
export function applyCosts(profile: DeviceProfile, costs: Partial<MeasuredCosts>): DeviceProfile {
  if (Object.keys(costs).length === 0) return profile;
  const name = profile.name.endsWith(CALIBRATED) ? profile.name : `${profile.name}${CALIBRATED}`;
  return { ...profile, ...costs, name };
}
const CALIBRATED = ", calibrated";

/** Costs that are finite and within what devices do; others are left out. */
export function keepPlausible(costs: Readonly<Record<string, unknown>>): Partial<MeasuredCosts> {
  const kept: { -readonly [K in keyof MeasuredCosts]?: number } = {};
  for (const name of Object.keys(PLAUSIBLE) as (keyof MeasuredCosts)[]) {
    const [value, [least, most]] = [costs[name], PLAUSIBLE[name]];
    if (typeof value === "number" && value >= least && value <= most)
      // No digits that the next run would change; counts stay whole.
      kept[name] = name === "usefulWorkgroups" ? Math.round(value) : Number(value.toPrecision(3));
  }
  return kept;
}

/** Every figure is there. */
export const isComplete = (costs: Partial<MeasuredCosts>): costs is MeasuredCosts =>
  Object.keys(PLAUSIBLE).every((name) => name in costs);

export async function measureCosts(gpu: GPUDevice, profile: DeviceProfile): Promise<Partial<MeasuredCosts>> {
  const { limits } = profile;
  const bytes = Math.min(MOST_BYTES, limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  const rig = await createRig(gpu, bytes);
  if (rig === null) return {};
  try {
    // Drivers finish compiling at the first dispatch.
    for (const kernel of [TICK_KERNEL, COPY_KERNEL, BARRIER_KERNEL] as const)
      await rig.time({ kernel, dispatches: 1, amount: 1, workgroups: 1 });
    const most = Math.min(4096, limits.maxComputeWorkgroupsPerDimension);
    const { copyGBps, usefulWorkgroups } = await measureCopy(rig, most);
    return keepPlausible({
      copyGBps,
      // One core of a CPU may use up the memory's bandwidth, but arithmetic wants them all; and how many are free for
      // the moment that a measurement takes says little.
      usefulWorkgroups: profile.software ? profile.usefulWorkgroups : usefulWorkgroups,
      launchUs: await measureStep(rig, TICK_KERNEL, (count) => ({ dispatches: count, amount: 1 })),
      barrierUs: await measureStep(rig, BARRIER_KERNEL, (count) => ({ dispatches: 1, amount: count })),
    });
  } catch {
    return {}; // a device that is lost meanwhile says so in the first real call
  } finally {
    rig.destroy();
  }
}

async function measureCopy(
  rig: CalibrationRig,
  most: number,
): Promise<Pick<MeasuredCosts, "copyGBps" | "usefulWorkgroups">> {
  const started = rig.now();
  const empty = await least(rig, 8, { kernel: TICK_KERNEL, dispatches: 1, amount: 1, workgroups: 1 });
  let bytes = Math.min(LEAST_BYTES, rig.bytes);
  let dispatches = 1;
  const time = async (workgroups: number): Promise<number> =>
    (await least(rig, 3, { kernel: COPY_KERNEL, dispatches, amount: bytes / 16, workgroups })) - empty;
  /** More would have nothing to copy. */
  const widest = (): number => Math.max(1, Math.min(most, 2 ** Math.floor(Math.log2(bytes / 16 / 256))));
  // Larger buffers first, which caches hold less of; then several copies in one submit.
  let ms = await time(widest());
  while (ms < SAMPLE_MS && dispatches < 256 && rig.now() - started < FIGURE_MS) {
    if (bytes * 4 <= rig.bytes) bytes *= 4;
    else dispatches *= 4;
    ms = await time(widest());
  }
  const samples: { readonly workgroups: number; readonly ms: number }[] = [];
  let [best, slower] = [ms, 0];
  for (let workgroups = widest(); workgroups >= 1; workgroups = Math.floor(workgroups / 2)) {
    ms = await time(workgroups);
    best = Math.min(best, ms);
    samples.push({ workgroups, ms });
    slower = ms > 2 * best ? slower + 1 : 0;
    // One slow sample may be the machine's; two are the device's. And on an unknown device, time must end.
    if (slower === 2 || rig.now() - started > 2 * FIGURE_MS) break;
  }
  const useful = samples.findLast((sample) => sample.ms * NEARLY <= best)?.workgroups;
  return { copyGBps: (2 * bytes * dispatches) / best / 1e6, usefulWorkgroups: useful ?? widest() };
}

/** Microseconds of one more unit of work, where `workOf` says what `count` units are. */
async function measureStep(
  rig: CalibrationRig,
  kernel: CalibrationKernel,
  workOf: (count: number) => { readonly dispatches: number; readonly amount: number },
): Promise<number> {
  const started = rig.now();
  const time = (count: number): Promise<number> => least(rig, 3, { kernel, workgroups: 1, ...workOf(count) });
  let count = 128; // enough that a hiccup of the machine is small beside it, little enough for slow devices
  let ms = await time(count);
  while (ms < SAMPLE_MS && count < 2 ** 14 && rig.now() - started < FIGURE_MS / 2) {
    count *= 4;
    ms = await time(count);
  }
  return ((ms - (await time(1))) * 1000) / (count - 1);
}

/** The least of several times: what disturbs the machine only ever adds. */
async function least(
  rig: CalibrationRig,
  times: number,
  work: Parameters<CalibrationRig["time"]>[0],
): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < times; i++) {
    best = Math.min(best, await rig.time(work));
    if (best > LONG_MS) break; // long samples are exact enough, and time must end
  }
  return best;
}

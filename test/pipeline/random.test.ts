/**
 * Random programs through every stage, each held to the oracle: graph passes, index passes, kernels under the kernel
 * interpreter for devices of different kinds, and the device at hand. `TENSORWEFT_SEED=n` repeats a run.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DType } from "../../src/ir/dtype.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import type { DeviceProfile, ProfileName } from "../../src/ir/profile.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import type { ProgramCheckOptions } from "../support/check-program.ts";
import { forceSchedules } from "../support/force-schedules.ts";
import { describeGpu } from "../support/gpu.ts";
import { randomProgram } from "../support/random-graph.ts";
import type { RandomProgram } from "../support/random-graph.ts";

const SEED = Number(process.env["TENSORWEFT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const PROGRAMS = 500;
/** Bounds say nothing about an element after a cancellation or near a jump: that must stay the exception. */
const COMPARED = 0.5;

/** Inputs with their names, for a failure that can be run again by hand. */
const printInputs = ({ inputs }: RandomProgram): string =>
  [...inputs].map(([name, values]) => `${name}: ${values.slice(0, 32).join(" ")}`).join("\n");

const DTYPES: readonly DType[] = ["f32", "f32", "f32", "f32", "i32", "u32", "bool"];
const NARROW_DTYPES: readonly DType[] = ["f32", "f16", "bf16"];

interface RandomCheckOptions extends ProgramCheckOptions {
  /** Every kernel takes any legal schedule instead of the one that would be chosen. */
  readonly anySchedule?: boolean;
}

async function checkRandomPrograms(
  count: number,
  { anySchedule = false, ...options }: RandomCheckOptions,
  dtypes: readonly DType[] = DTYPES,
  maxSteps = 12,
): Promise<void> {
  let compared = 0;
  let excluded = 0;
  console.log(`${String(count)} random programs, TENSORWEFT_SEED=${String(SEED)}`);
  await fc.assert(
    fc.asyncProperty(randomProgram({ dtypes, maxSteps }), async (program) => {
      const forced = anySchedule ? { schedule: forceSchedules(program.graph, SEED) } : {};
      const result = await checkProgram(program, { ...options, ...forced });
      compared += result.compared;
      excluded += result.excluded;
      expect(result.failures, `${printGraph(program.graph)}${printInputs(program)}`).toEqual([]);
    }),
    { numRuns: count, seed: SEED },
  );
  expect(1 - excluded / compared).toBeGreaterThan(COMPARED);
}

function profileOf(name: ProfileName): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
}

describe("random programs under the kernel interpreter", () => {
  test("default", () => checkRandomPrograms(PROGRAMS, { profile: profileOf("default") }), 300_000);
  // More lanes and bindings; other trade-offs between merging and recomputing.
  test(
    "longer programs",
    () => checkRandomPrograms(PROGRAMS / 5, { profile: profileOf("default") }, DTYPES, 40),
    300_000,
  );
  test("nvidia", () => checkRandomPrograms(PROGRAMS / 4, { profile: profileOf("nvidia") }), 300_000);
  // One invocation per row: other loops than with shared rows.
  test(
    "swiftshader",
    () => checkRandomPrograms(PROGRAMS / 4, { profile: profileOf("swiftshader") }),
    300_000,
  );
  test(
    "16-bit storage",
    () => checkRandomPrograms(PROGRAMS / 5, { profile: profileOf("default") }, NARROW_DTYPES),
    300_000,
  );
  // So few workgroups, and so cheap a launch, that every reduction is cut into pieces and no row stays on the chip.
  test("a device that is never full", () => {
    const profile = { ...profileOf("default"), usefulWorkgroups: 4096, launchUs: 1e-4, onChipBytes: 64 };
    return checkRandomPrograms(PROGRAMS / 4, { profile, shortestPiece: 2 });
  }, 300_000);
  // Sums over rows are carried along by workgroups that walk the rows.
  test("rows walked", () => {
    const profile = { ...profileOf("default"), usefulWorkgroups: 2, launchUs: 1e-4 };
    return checkRandomPrograms(PROGRAMS / 4, { profile, partialShare: 100 });
  }, 300_000);
  // So slow a device that nearly every kernel is dispatched in parts.
  test("kernels in parts", () => {
    const profile = { ...profileOf("swiftshader"), copyGBps: 1e-7 };
    return checkRandomPrograms(PROGRAMS / 4, { profile });
  }, 300_000);
  test(
    "any schedule",
    () => checkRandomPrograms(PROGRAMS / 2, { profile: profileOf("nvidia"), anySchedule: true }),
    300_000,
  );
  test("any schedule of rows walked", () => {
    const profile = { ...profileOf("default"), usefulWorkgroups: 2, launchUs: 1e-4 };
    return checkRandomPrograms(PROGRAMS / 4, { profile, partialShare: 100, anySchedule: true });
  }, 300_000);
  test(
    "without fusion",
    () => checkRandomPrograms(PROGRAMS / 4, { profile: profileOf("default"), fuse: false }),
    300_000,
  );
});

describeGpu("random programs on WebGPU", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    // Tests of this suite skip where there is no adapter; opening must not fail before they can.
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());

  test("as the adapter's profile has it", async () => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    await checkRandomPrograms(PROGRAMS, {
      profile: opened.profile,
      device: opened,
      interpretKernels: false,
    });
  }, 300_000);

  test("any schedule", async () => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    await checkRandomPrograms(PROGRAMS / 10, {
      profile: opened.profile,
      device: opened,
      interpretKernels: false,
      anySchedule: true,
    });
  }, 300_000);
});

/** What a call costs the host: checks, buffers from the pool, recording and submitting, until the results are returned. */
import type { Plan } from "../ir/plan.ts";
import type { Device } from "../runtime/device.ts";
import type { BufferSet } from "../runtime/prepare-plan.ts";
import { type Spread, spreadOf } from "../runtime/statistics.ts";
import type { HostClock } from "../runtime/stopwatch.ts";

const CALLS = 15;
/** The first calls create buffers and bind groups. */
const WARM_CALLS = 3;

/** Microseconds of a call through the public device, waiting for the device between calls. */
export async function measureHost(
  device: Device,
  plan: Plan,
  set: BufferSet | undefined,
  now: HostClock,
): Promise<Spread> {
  const program = device.load({ plan });
  await program.ready;
  const inputs = (set?.inputs ?? []).map((buffer, index) => {
    const { shape = [], dtype } = plan.inputs[index] ?? {};
    return device.wrap(buffer, shape, { dtype });
  });
  const scalars = Object.fromEntries(plan.scalars.map((s) => [s.name, s.default ?? 1]));
  const times: number[] = [];
  for (let call = 0; call < CALLS + WARM_CALLS; call++) {
    await device.gpuDevice?.queue.onSubmittedWorkDone();
    const start = now();
    const results = program.run(inputs, scalars);
    if (call >= WARM_CALLS) times.push((now() - start) * 1000);
    for (const result of results) result.dispose();
  }
  await device.gpuDevice?.queue.onSubmittedWorkDone();
  for (const input of inputs) input.dispose();
  return spreadOf(times);
}

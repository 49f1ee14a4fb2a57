/**
 * Kernels as text, one per fusion group, each under the schedule that the profile's device gets; verified, interpreted.
 * `; schedule: {...}` overrides fields of it, so that a golden of lowering does not hang on what the chooser prefers.
 * Kernels that are dispatched in parts are followed by these.
 */
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { printKernel } from "../../src/ir/print-kernel.ts";
import { testGoldens } from "../support/golden.ts";
import { compileGolden } from "../support/pipeline-golden.ts";

testGoldens("lower", async (golden) => {
  const fields = JSON.parse(golden.header.get("schedule")?.[0] ?? "{}") as Partial<KernelSchedule>;
  const { kernels } = await compileGolden(golden, { schedule: (chosen) => ({ ...chosen, ...fields }) });
  return kernels
    .map(({ dispatched, parts }) => {
      const lines = (parts?.parts ?? []).map((part) => `; part ${JSON.stringify(part)}\n`);
      return printKernel(dispatched) + lines.join("");
    })
    .join("\n");
});

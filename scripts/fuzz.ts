/**
 * Leaves the random test running: `npm run fuzz -- [graphs] [seed] [profile] [dtypes] [steps] [--schedules]`. Prints the seed
 * first, then the failure with its shrunk program; exits with 1 when there was one. With --schedules every kernel takes any
 * legal schedule instead of the one that would be chosen.
 *
 *     npm run fuzz                                   on the adapter at hand
 *     npm run fuzz -- 5000 1 nvidia f32,f16,bf16     compiled for that profile, under the kernel interpreter
 *     npm run fuzz -- 5000 --schedules               on the adapter, every kernel under some legal schedule
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import { isDType } from "../src/ir/dtype.ts";
import { findProfile } from "../src/ir/profile.ts";
import { printGraph } from "../src/ir/print-graph.ts";
import { openDevice } from "../src/runtime/open-device.ts";
import { checkProgram } from "../test/support/check-program.ts";
import { forceSchedules } from "../test/support/force-schedules.ts";
import { randomProgram } from "../test/support/random-graph.ts";
import { randomStatistics } from "../test/support/random-statistics.ts";

const { values: flags, positionals } = parseArgs({
  options: { schedules: { type: "boolean", default: false } },
  allowPositionals: true,
});
const [
  graphs = "20000",
  seedText = String(Date.now() % 2 ** 31),
  profileName = "device",
  dtypeList = "f32,f32,f32,f32,i32,u32,bool",
  steps = "12",
] = positionals;
const dtypes = dtypeList.split(",").filter(isDType);
const seed = Number(seedText);
const how = flags.schedules ? ", any schedules" : "";
console.log(`${graphs} graphs, seed ${String(seed)}, profile ${profileName}${how}`);
const device = profileName === "device" ? await openDevice({ backend: "webgpu" }) : undefined;
const profile = device?.profile ?? findProfile(profileName);
if (profile === undefined) throw new Error(`no profile ${profileName}`);
const totals = { programs: 0, kernels: 0, compared: 0, excluded: 0 };
const outcome = await fc.check(
  fc.asyncProperty(
    fc.oneof(
      { weight: 5, arbitrary: randomProgram({ dtypes, maxSteps: Number(steps) }) },
      { weight: 1, arbitrary: randomStatistics() },
    ),
    async (program) => {
      const result = await checkProgram(program, {
        profile,
        device,
        schedule: flags.schedules ? forceSchedules(program.graph, seed) : undefined,
      });
      totals.programs++;
      totals.kernels += result.kernels;
      totals.compared += result.compared;
      totals.excluded += result.excluded;
      if (totals.programs % 500 === 0) console.log(`${String(totals.programs)} programs`);
      if (result.failures.length > 0) throw new Error(result.failures.slice(0, 6).join("\n"));
    },
  ),
  { numRuns: Number(graphs), seed, endOnFailure: false },
);
console.log(JSON.stringify(totals));
if (outcome.failed) {
  const [program] = outcome.counterexample ?? [];
  console.log(`seed ${String(outcome.seed)} path ${outcome.counterexamplePath ?? ""}`);
  console.log(outcome.errorInstance instanceof Error ? outcome.errorInstance.stack : outcome.errorInstance);
  if (program !== undefined) {
    console.log(printGraph(program.graph));
    for (const [name, values] of program.inputs) console.log(name, [...values].slice(0, 64).join(" "));
  }
  process.exitCode = 1;
}
device?.dispose();

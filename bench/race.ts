/**
 * The race: generated kernels against hand-written ones, interleaved in one run on the same buffers.
 *
 *     npm run bench -- race FOLDER [--rounds N] [--filter TEXT]
 *
 * FOLDER (or the environment variable TENSORWEFT_HAND) has a `cases.json`, or one in `swiftshader/` and one in `gpu/`, of
 * which the device's kind chooses. Both results are read back and compared before anything is timed.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { compileGraph, type Plan } from "tensorweft";
import { interleave } from "../src/bench/measure-workload.ts";
import {
  type BufferSet,
  countSets,
  createBufferSets,
  destroyBufferSets,
  interfaceBytes,
  preparePlan,
} from "../src/runtime/prepare-plan.ts";
import { type OpenedBench, openBench } from "../src/bench/run-benchmark.ts";
import { median, spreadOf } from "../src/runtime/statistics.ts";
import { printTable } from "../src/cli/print-table.ts";
import { graphOf, type HandCase, handPlan, readCases } from "./race-cases.ts";
import { readBuffer } from "../src/runtime/read-buffer.ts";

/** f32 sums of a million terms in two orders, each of log-depth, differ by less; a wrong kernel differs by far more. */
const TOLERANCE = 1e-4;

interface Outcome {
  readonly name: string;
  readonly ours: number;
  readonly hand: number;
  /** Median of the rounds' ratios: below 1 the generated kernel wins. */
  readonly ratio: number;
  readonly iqr: number;
  readonly difference: number;
}

/** Runs the race; the exit status. */
export async function runRace(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { rounds: { type: "string", default: "15" }, filter: { type: "string", default: "" } },
    allowPositionals: true,
  });
  const root = positionals[0] ?? process.env["TENSORWEFT_HAND"];
  if (root === undefined) {
    console.error("usage: npm run bench -- race FOLDER (or set TENSORWEFT_HAND)");
    return 2;
  }
  const opened = await openBench(() => performance.now());
  const own = join(root, opened.device.profile.software ? "swiftshader" : "gpu");
  const folder = existsSync(join(root, "cases.json")) ? root : own;
  const outcomes: Outcome[] = [];
  try {
    for (const [name, handCase] of Object.entries(readCases(folder))) {
      if (!name.includes(values.filter)) continue;
      outcomes.push(await raceCase(folder, name, handCase, Number(values.rounds), opened));
      console.error(`${name} done`);
    }
  } finally {
    opened.dispose();
  }
  console.log(printOutcomes(outcomes).join("\n"));
  return outcomes.every(({ difference }) => difference <= TOLERANCE) ? 0 : 1;
}

async function raceCase(
  folder: string,
  name: string,
  handCase: HandCase,
  rounds: number,
  { device, gpu, stopwatch }: OpenedBench,
): Promise<Outcome> {
  const { plan } = compileGraph(graphOf(name, handCase), { profile: device.profile });
  const hand = handPlan(folder, name, handCase, plan);
  const sets = createBufferSets(gpu, plan, countSets(device.profile.software, interfaceBytes(plan)));
  const prepared = [await preparePlan(gpu, plan, sets), await preparePlan(gpu, hand, sets)];
  try {
    const results: Float32Array[][] = [];
    for (const each of prepared) {
      const encoder = gpu.createCommandEncoder();
      each.record(encoder, 1);
      gpu.queue.submit([encoder.finish()]);
      results.push(await readOutputs(gpu, plan, sets[0]));
    }
    const [ours = [], theirs = []] = await interleave(prepared, { stopwatch, rounds });
    const ratios = spreadOf(ours.map((us, round) => us / (theirs[round] ?? Number.NaN)));
    return {
      name,
      ours: median(ours),
      hand: median(theirs),
      ratio: ratios.median,
      iqr: ratios.iqr,
      difference: compareResults(results),
    };
  } finally {
    for (const each of prepared) each.destroy();
    destroyBufferSets(sets);
  }
}

async function readOutputs(
  gpu: GPUDevice,
  { outputs }: Plan,
  set: BufferSet | undefined,
): Promise<Float32Array[]> {
  const read: Float32Array[] = [];
  for (const [index, { shape }] of outputs.entries()) {
    const buffer = set?.outputs[index];
    if (buffer === undefined) continue;
    const bytes = 4 * shape.reduce((n, d) => n * d, 1);
    read.push(new Float32Array(await readBuffer(gpu, buffer, bytes)));
    // Whoever writes nothing must not pass with the other's results.
    gpu.queue.writeBuffer(buffer, 0, new Uint8Array(bytes));
  }
  return read;
}

/** The greatest difference, relative to the greatest element of its tensor. */
function compareResults([ours = [], theirs = []]: readonly (readonly Float32Array[])[]): number {
  return ours.reduce((worst, tensor, index) => {
    let [scale, difference] = [0, 0];
    for (const [i, value] of tensor.entries()) {
      const expected = theirs[index]?.[i] ?? Number.NaN;
      scale = Math.max(scale, Math.abs(expected));
      difference = Math.max(difference, Math.abs(value - expected));
    }
    // A NaN anywhere must not pass as no difference.
    const relative = scale === 0 ? difference : difference / scale;
    return Number.isNaN(relative) ? Number.POSITIVE_INFINITY : Math.max(worst, relative);
  }, 0);
}

function printOutcomes(outcomes: readonly Outcome[]): readonly string[] {
  const titles = ["generated us", "by hand us", "ratio", "iqr", "difference"];
  const rows = outcomes.map((o) => [
    o.name,
    o.ours.toFixed(1),
    o.hand.toFixed(1),
    o.ratio.toFixed(2),
    o.iqr.toFixed(2),
    o.difference.toExponential(1) + (o.difference > TOLERANCE ? " WRONG" : ""),
  ]);
  const mean = Math.exp(outcomes.reduce((total, { ratio }) => total + Math.log(ratio), 0) / outcomes.length);
  return [
    ...printTable([{ title: "case" }, ...titles.map((title) => ({ title, align: "right" as const }))], rows),
    "",
    `ratio: median of generated over by hand in each round (below 1 the generated kernel wins); geometric mean ${mean.toFixed(2)}`,
  ];
}

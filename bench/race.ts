/**
 * The race: generated kernels against hand-written ones, interleaved in one run on the same buffers.
 *
 *     npm run bench -- race FOLDER [--rounds N] [--filter TEXT] [--tuned]
 *
 * FOLDER (or the environment variable TENSORWEFT_HAND) has a `cases.json`, or one in `swiftshader/` and one in `gpu/`, of
 * which the device's kind chooses. All results are read back and compared before anything is timed. With --tuned, the kernels
 * are tuned first (nothing of it is kept) and run beside the others.
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
  type PreparedPlan,
  preparePlan,
} from "../src/runtime/prepare-plan.ts";
import { type OpenedBench, openBench } from "../src/bench/run-benchmark.ts";
import { median, type Spread, spreadOf } from "../src/runtime/statistics.ts";
import { printTable } from "../src/cli/print-table.ts";
import { tuneGraph } from "../src/tune.ts";
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
  /** The same for tuned kernels, where they were asked for. */
  readonly tuned?: { readonly us: number; readonly ratio: number; readonly iqr: number };
}

/** Runs the race; the exit status. */
export async function runRace(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: "string", default: "15" },
      filter: { type: "string", default: "" },
      tuned: { type: "boolean", default: false },
    },
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
      const rounds = Number(values.rounds);
      outcomes.push(await raceCase({ folder, name, handCase, rounds, tuned: values.tuned }, opened));
      console.error(`${name} done`);
    }
  } finally {
    opened.dispose();
  }
  console.log(printOutcomes(outcomes).join("\n"));
  return outcomes.every(({ difference }) => difference <= TOLERANCE) ? 0 : 1;
}

interface RaceCase {
  readonly folder: string;
  readonly name: string;
  readonly handCase: HandCase;
  readonly rounds: number;
  readonly tuned: boolean;
}

async function raceCase(
  { folder, name, handCase, rounds, tuned }: RaceCase,
  { device, gpu, stopwatch }: OpenedBench,
): Promise<Outcome> {
  const graph = graphOf(name, handCase);
  const { plan } = compileGraph(graph, { profile: device.profile });
  const best = tuned ? (await tuneGraph(device, graph, { cacheFolder: null })).compiled.plan : undefined;
  const hand = handPlan(folder, name, handCase, plan);
  const sets = createBufferSets(gpu, plan, countSets(device.profile.software, interfaceBytes(plan)));
  const prepared: PreparedPlan[] = [];
  for (const each of [plan, hand, ...(best === undefined ? [] : [best])])
    prepared.push(await preparePlan(gpu, each, sets));
  try {
    const results: Float32Array[][] = [];
    for (const each of prepared) {
      const encoder = gpu.createCommandEncoder();
      each.record(encoder, 1);
      gpu.queue.submit([encoder.finish()]);
      results.push(await readOutputs(gpu, plan, sets[0]));
    }
    const [ours = [], theirs = [], bests] = await interleave(prepared, { stopwatch, rounds });
    const over = (own: readonly number[]): Spread =>
      spreadOf(own.map((us, round) => us / (theirs[round] ?? Number.NaN)));
    const ratios = over(ours);
    const [first = [], ...others] = results;
    return {
      name,
      ours: median(ours),
      hand: median(theirs),
      ratio: ratios.median,
      iqr: ratios.iqr,
      difference: Math.max(...others.map((other) => compareResults(first, other))),
      ...(bests === undefined
        ? {}
        : { tuned: { us: median(bests), ratio: over(bests).median, iqr: over(bests).iqr } }),
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
function compareResults(ours: readonly Float32Array[], theirs: readonly Float32Array[]): number {
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
  const isTuned = outcomes.some(({ tuned }) => tuned !== undefined);
  const titles = [
    ...["generated us", "by hand us", "ratio", "iqr", "difference"],
    ...(isTuned ? ["tuned us", "ratio", "iqr"] : []),
  ];
  const rows = outcomes.map((o) => [
    o.name,
    o.ours.toFixed(1),
    o.hand.toFixed(1),
    o.ratio.toFixed(2),
    o.iqr.toFixed(2),
    o.difference.toExponential(1) + (o.difference > TOLERANCE ? " WRONG" : ""),
    ...(o.tuned === undefined
      ? []
      : [o.tuned.us.toFixed(1), o.tuned.ratio.toFixed(2), o.tuned.iqr.toFixed(2)]),
  ]);
  const meanOf = (ratios: readonly number[]): string =>
    Math.exp(ratios.reduce((total, ratio) => total + Math.log(ratio), 0) / ratios.length).toFixed(2);
  const means = [
    meanOf(outcomes.map(({ ratio }) => ratio)),
    ...(isTuned ? [`tuned ${meanOf(outcomes.map(({ tuned }) => tuned?.ratio ?? Number.NaN))}`] : []),
  ];
  return [
    ...printTable([{ title: "case" }, ...titles.map((title) => ({ title, align: "right" as const }))], rows),
    "",
    `ratio: median of generated over by hand in each round (below 1 the generated kernel wins); geometric mean ${means.join(", ")}`,
  ];
}

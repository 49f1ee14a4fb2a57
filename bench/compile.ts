/**
 * Times the compiler: graph to plan at several sizes, importing the package in fresh processes, and the first and later
 * calls of a jitted function.
 *
 *     npm run bench -- compile [--profile NAME]
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileGraph, findProfile, jit, openDevice, rmsNorm, type TracedTensor } from "tensorweft";
import { median } from "../src/runtime/statistics.ts";
import { printTable } from "../src/cli/print-table.ts";
import { compilePrograms } from "./compile-programs.ts";

const RUNS = 11;
const IMPORT_GOAL_MS = 60;

/** Milliseconds by the clock, and of the processor: on an idle machine they are the same. */
interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

/** What was timed, how long it took the first time and then, and what the project aims at (in time of the processor). */
interface Row {
  readonly name: string;
  readonly first: number;
  readonly again: Sample;
  readonly goal?: number | undefined;
}

const cpuMs = (): number => {
  // Since Node 23.9; before, the other threads count as well.
  const { user, system } =
    (process.threadCpuUsage as typeof process.cpuUsage | undefined)?.() ?? process.cpuUsage();
  return (user + system) / 1000;
};

function sample(work: () => unknown): Sample {
  const [start, cpu] = [performance.now(), cpuMs()];
  work();
  return { wall: performance.now() - start, cpu: cpuMs() - cpu };
}

const medians = (samples: readonly Sample[]): Sample => ({
  wall: median(samples.map(({ wall }) => wall)),
  cpu: median(samples.map(({ cpu }) => cpu)),
});

const isMet = ({ again, goal }: Row): boolean => goal === undefined || again.cpu <= goal;

/** Runs the benchmarks; the exit status is 1 where a goal was missed. */
export async function runCompileBenchmarks(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { profile: { type: "string", default: "nvidia" } },
  });
  const rows = [...timeCompilation(values.profile), ...timeImports(), ...(await timeCalls())];
  const cells = rows.map((row) => [
    row.name,
    row.first.toFixed(2),
    row.again.wall.toFixed(2),
    row.again.cpu.toFixed(2),
    row.goal === undefined ? "" : String(row.goal),
    row.goal === undefined ? "" : isMet(row) ? "met" : "MISSED",
  ]);
  const numbers = ["first ms", "median ms", "cpu ms", "goal", ""];
  const columns = [{ title: "what" }, ...numbers.map((title) => ({ title, align: "right" as const }))];
  console.log(printTable(columns, cells).join("\n"));
  return rows.every(isMet) ? 0 : 1;
}

function timeCompilation(profileName: string): readonly Row[] {
  const profile = findProfile(profileName);
  if (profile === undefined) throw new Error(`there is no profile ${profileName}`);
  return compilePrograms().map(({ name, graph, goalMs }): Row => {
    const times = Array.from({ length: RUNS }, () => sample(() => compileGraph(graph, { profile })));
    const label = `compile ${name} (${String(graph.nodes.length)} nodes)`;
    return { name: label, first: times[0]?.wall ?? Number.NaN, again: medians(times.slice(1)), goal: goalMs };
  });
}

const IMPORT = `
  const cpu = () => { const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)(); return user + system; };
  const [start, before] = [performance.now(), cpu()];
  await import("tensorweft");
  console.log(JSON.stringify({ wall: performance.now() - start, cpu: (cpu() - before) / 1000 }));
`;

/** Fresh processes, because a module is loaded once. The start of Node itself does not count. */
function timeImports(): readonly Row[] {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const time = (options: string): Sample => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ["--input-type=module", "--eval", IMPORT],
      {
        cwd: root,
        env: { ...process.env, NODE_OPTIONS: options },
        encoding: "utf8",
      },
    );
    if (status !== 0) throw new Error(`the package does not load: ${stderr}`);
    return JSON.parse(stdout) as Sample;
  };
  const row = (name: string, options: string, goal?: number): Row => {
    const times = Array.from({ length: RUNS }, () => time(options));
    return { name, first: times[0]?.wall ?? Number.NaN, again: medians(times), goal };
  };
  const sources = row("import from src/ (types erased by Node)", "--conditions=tensorweft-source");
  if (!existsSync(new URL("../dist/index.js", import.meta.url))) {
    console.error("dist/ is not built: npm run build");
    return [sources];
  }
  return [sources, row("import from dist/", "", IMPORT_GOAL_MS)];
}

/** A call's time on the host: with tracing and compilation, then as a look-up. */
async function timeCalls(): Promise<readonly Row[]> {
  using device = await openDevice();
  using x = device.tensor(new Float32Array(64 * 256).fill(1), [64, 256]);
  using weight = device.tensor(new Float32Array(256).fill(1));
  const norm = jit((a: TracedTensor, w: TracedTensor) => rmsNorm(a, { weight: w }), { name: "norm" });
  const call = async (): Promise<readonly [Sample, Sample]> => {
    const [start, cpu] = [performance.now(), cpuMs()];
    const since = (): Sample => ({ wall: performance.now() - start, cpu: cpuMs() - cpu });
    using y = norm(x, weight);
    const host = since();
    await y.read();
    return [host, since()];
  };
  const times: (readonly [Sample, Sample])[] = [];
  for (let i = 0; i < 3 * RUNS; i++) times.push(await call());
  const row = (name: string, part: 0 | 1): Row => ({
    name: `${name} (${device.backend})`,
    first: times[0]?.[part].wall ?? Number.NaN,
    again: medians(times.slice(RUNS).map((pair) => pair[part])),
  });
  return [row("jit call, until it returns", 0), row("jit call, until its result is read", 1)];
}

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
import { median } from "../src/bench/statistics.ts";
import { printTable } from "../src/cli/print-table.ts";
import { compilePrograms } from "./compile-programs.ts";

const RUNS = 11;
const IMPORT_GOAL_MS = 60;

/** What was timed, how long it took the first time and then, and what the project aims at. */
interface Row {
  readonly name: string;
  readonly first: number;
  readonly again: number;
  readonly goal?: number | undefined;
}

/** Runs the benchmarks; the exit status is 1 where a goal was missed. */
export async function runCompileBenchmarks(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { profile: { type: "string", default: "nvidia" } },
  });
  const rows = [...timeCompilation(values.profile), ...timeImports(), ...(await timeCalls())];
  const cells = rows.map(({ name, first, again, goal }) => [
    name,
    first.toFixed(2),
    again.toFixed(2),
    goal === undefined ? "" : String(goal),
    goal === undefined ? "" : again <= goal ? "met" : "MISSED",
  ]);
  const numbers = ["first ms", "median ms", "goal", ""];
  const columns = [{ title: "what" }, ...numbers.map((title) => ({ title, align: "right" as const }))];
  console.log(printTable(columns, cells).join("\n"));
  return rows.every(({ again, goal }) => goal === undefined || again <= goal) ? 0 : 1;
}

function timeCompilation(profileName: string): readonly Row[] {
  const profile = findProfile(profileName);
  if (profile === undefined) throw new Error(`there is no profile ${profileName}`);
  return compilePrograms().map(({ name, graph, goalMs }): Row => {
    const times = Array.from({ length: RUNS }, () => {
      const start = performance.now();
      compileGraph(graph, { profile });
      return performance.now() - start;
    });
    const label = `compile ${name} (${String(graph.nodes.length)} nodes)`;
    return { name: label, first: times[0] ?? Number.NaN, again: median(times.slice(1)), goal: goalMs };
  });
}

const IMPORT = `
  const start = performance.now();
  await import("tensorweft");
  console.log(performance.now() - start);
`;

/** Fresh processes, because a module is loaded once. The start of Node itself does not count. */
function timeImports(): readonly Row[] {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const time = (options: string): number => {
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
    return Number(stdout);
  };
  const row = (name: string, options: string, goal?: number): Row => {
    const times = Array.from({ length: RUNS }, () => time(options));
    return { name, first: times[0] ?? Number.NaN, again: median(times), goal };
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
  const call = async (): Promise<readonly [number, number]> => {
    const start = performance.now();
    using y = norm(x, weight);
    const host = performance.now() - start;
    await y.read();
    return [host, performance.now() - start];
  };
  const times: (readonly [number, number])[] = [];
  for (let i = 0; i < 3 * RUNS; i++) times.push(await call());
  const row = (name: string, part: 0 | 1): Row => ({
    name: `${name} (${device.backend})`,
    first: times[0]?.[part] ?? Number.NaN,
    again: median(times.slice(RUNS).map((pair) => pair[part])),
  });
  return [row("jit call, until it returns", 0), row("jit call, until its result is read", 1)];
}

/**
 * `weft bench`: fused kernels against unfused ones and against a copy of the same bytes, for the built-in workloads or a
 * kernel of a text program. With --explain nothing runs: the compiler's own figures make the table.
 */
import { performance } from "node:perf_hooks";
import { SingleBar } from "cli-progress";
import { explainWorkload } from "../bench/explain-workload.ts";
import type { BenchmarkRun } from "../bench/measurement.ts";
import { runBenchmark, type Subject } from "../bench/run-benchmark.ts";
import { printShape } from "../bench/workload.ts";
import { WORKLOADS } from "../bench/workloads.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { findProfile } from "../ir/profile.ts";
import { deriveShapes } from "../derive-shapes.ts";
import type { Shapes } from "./parse-options.ts";
import { printExplained, printMeasured } from "./print-benchmark.ts";
import type { Session } from "./terminal.ts";
import { chooseKernel, instantiate, readProgram } from "./text-program.ts";
import { writeTextAndSay } from "./write-text.ts";

export interface BenchOptions {
  readonly kernel?: string;
  readonly shape?: Shapes;
  readonly dim?: ReadonlyMap<string, number>;
  readonly filter?: string;
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly explain?: boolean;
  readonly profile: string;
  readonly json?: string;
  readonly html?: string;
}

const ROUNDS = 15;
const QUICK_ROUNDS = 5;

/** Runs the command. */
export async function runBench(
  file: string | undefined,
  options: BenchOptions,
  session: Session,
): Promise<void> {
  const subjects =
    file === undefined ? chooseWorkloads(options) : [await readSubject(file, options, session)];
  if (options.explain === true) {
    session.terminal.write(`${explainSubjects(subjects, options).join("\n")}\n`);
    return;
  }
  // Before minutes are spent on measuring: the report may lack what it needs.
  const renderReport = options.html === undefined ? undefined : await loadReport();
  const run = await measureSubjects(subjects, options);
  session.terminal.write(`${printMeasured(run).join("\n")}\n`);
  if (options.json !== undefined)
    await writeTextAndSay(options.json, `${JSON.stringify(run, null, 2)}\n`, session);
  if (options.html !== undefined && renderReport !== undefined)
    await writeTextAndSay(options.html, renderReport(run), session);
}

async function measureSubjects(
  subjects: readonly Subject[],
  { rounds, quick = false }: BenchOptions,
): Promise<BenchmarkRun> {
  // Writes to standard error, and nothing where that is no terminal.
  const bar = new SingleBar({
    format: "{bar} {value}/{total} {subject}",
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(subjects.length, 0, { subject: "" });
  try {
    return await runBenchmark(subjects, {
      rounds: rounds ?? (quick ? QUICK_ROUNDS : ROUNDS),
      now: () => performance.now(),
      onStart: ({ name, shape }, index) => {
        bar.update(index, { subject: `${name} ${shape}` });
      },
    });
  } finally {
    bar.stop();
  }
}

/** Plotting is for those who ask for a report: it does not come with the package. */
async function loadReport(): Promise<(run: BenchmarkRun) => string> {
  try {
    return (await import("../bench/report-html.ts")).renderReport;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    return fail("wrong-argument", "--html needs packages that are not installed", {
      help: "npm install @observablehq/plot linkedom",
    });
  }
}

function chooseWorkloads({ filter = "", quick = false }: BenchOptions): readonly Subject[] {
  const subjects = WORKLOADS.map(({ name, lower, ...workload }): Subject => {
    const shape = quick ? workload.quickShape : workload.shape;
    return { name, shape: printShape(shape), lower: () => lower(shape) };
  });
  const chosen = subjects.filter(({ name, shape }) => `${name} ${shape}`.includes(filter));
  if (chosen.length > 0) return chosen;
  return fail("wrong-argument", `no workload's name and shape hold "${filter}"`, {
    help: "weft bench --explain lists them",
  });
}

async function readSubject(path: string, options: BenchOptions, session: Session): Promise<Subject> {
  const module = await readProgram(path, session);
  const kernel = chooseKernel(module, options.kernel);
  const shapes = deriveShapes(
    kernel,
    options.shape ?? new Map<string, readonly number[]>(),
    options.dim ?? new Map<string, number>(),
  );
  const graph = instantiate(module, kernel, shapes, undefined, session);
  const first = graph.nodes.find((node) => node.op === "param")?.type.shape ?? [];
  return { name: kernel.name, shape: printShape(first), lower: () => graph };
}

function explainSubjects(subjects: readonly Subject[], options: BenchOptions): readonly string[] {
  const profile =
    findProfile(options.profile) ??
    fail("wrong-argument", `there is no profile ${options.profile}`, { help: "weft help bench lists them" });
  const rows = subjects.map(({ name, shape, lower }) => ({
    name,
    shape,
    ...explainWorkload(lower(), profile),
  }));
  return printExplained(rows, profile);
}

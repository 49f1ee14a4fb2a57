/**
 * `weft tune`: times the legal schedules of a kernel's kernels on this device and keeps the fastest, for
 * `openDevice({ tuned: true })` and `jit(f, { tune: true })`.
 */
import { SingleBar } from "cli-progress";
import { openDevice } from "../index.ts";
import type { DType } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { type TunedReport, tuneGraph, type TuneProgress } from "../tune.ts";
import { deriveShapes } from "../derive-shapes.ts";
import type { Shapes } from "./parse-options.ts";
import { printSchedule } from "./print-schedule.ts";
import { type Column, printTable } from "./print-table.ts";
import type { Session } from "./terminal.ts";
import { chooseKernel, instantiate, readProgram, withOptionsInHelp } from "./text-program.ts";
import { writeText } from "./write-text.ts";

export interface TuneCommandOptions {
  readonly kernel?: string;
  readonly shape?: Shapes;
  readonly dim?: ReadonlyMap<string, number>;
  readonly dtype?: DType;
  readonly renew?: boolean;
  readonly candidates?: number;
  readonly cache?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** The contract of `weft tune --json`. */
interface TuneReport {
  readonly kernel: string;
  readonly profile: string;
  readonly kernels: readonly TunedReport[];
}

/** Runs the command. */
export async function tuneKernel(path: string, options: TuneCommandOptions, session: Session): Promise<void> {
  const module = await readProgram(path, session);
  const kernel = chooseKernel(module, options.kernel);
  const shapes = deriveShapes(
    kernel,
    options.shape ?? new Map<string, readonly number[]>(),
    options.dim ?? new Map<string, number>(),
  );
  const graph = withOptionsInHelp(kernel, () => instantiate(module, kernel, shapes, options.dtype, session));
  const { reports, profile, record } = await tuneOnDevice(graph, options);
  const report: TuneReport = { kernel: kernel.name, profile, kernels: reports };
  const { write } = session.terminal;
  write(
    options.json === true ? `${JSON.stringify(report, null, 2)}\n` : `${printReport(report).join("\n")}\n`,
  );
  if (options.out === undefined) return;
  await writeText(options.out, `${JSON.stringify(record, null, 2)}\n`);
  if (options.json !== true)
    write(
      `record written to ${options.out}: device.tuning.import, or weft explain --profile ${profile} --record\n`,
    );
}

async function tuneOnDevice(
  graph: Graph,
  { renew, candidates, cache: cacheFolder }: TuneCommandOptions,
): Promise<{ readonly reports: readonly TunedReport[]; readonly profile: string; readonly record: unknown }> {
  const device = await openDevice({ backend: "webgpu" });
  // Writes to standard error, and nothing where that is no terminal.
  const bar = new SingleBar({
    format: "{bar} {percentage} % {subject}",
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(1, 0, { subject: "" });
  try {
    const onProgress = ({ kernel, done, total, fraction }: TuneProgress): void => {
      bar.update((done + fraction) / total, { subject: `${kernel}, ${done + 1} of ${total}` });
    };
    const { reports } = await tuneGraph(device, graph, { renew, candidates, cacheFolder, onProgress });
    return { reports, profile: device.profile.name, record: device.tuning.export() };
  } finally {
    bar.stop();
    device.dispose();
  }
}

const COLUMNS: readonly Column[] = [
  { title: "kernel" },
  { title: "default us", align: "right" },
  { title: "best us", align: "right" },
  { title: "gain", align: "right" },
  { title: "tried", align: "right" },
  { title: "rejected", align: "right" },
  { title: "schedule" },
];

const printRow = (report: TunedReport): readonly string[] => {
  const { kernel, status, candidates, rejected, defaultUs, us, ratio, schedule, isDefault } = report;
  const words = printSchedule(schedule);
  const times =
    status === "left" ? ["-", "-", "-"] : [defaultUs.toFixed(1), us.toFixed(1), `${(1 / ratio).toFixed(2)}x`];
  const counts = status === "timed" ? [String(candidates), String(rejected)] : ["-", "-"];
  return [kernel, ...times, ...counts, isDefault ? `the default: ${words}` : words];
};

const NOTES: Readonly<Record<TunedReport["status"], string>> = {
  timed: "timed now and stored",
  known: "known from before (--renew times it again)",
  left: "left alone: too large for its results to be judged",
};

function printReport({ kernel, profile, kernels }: TuneReport): readonly string[] {
  const counts = (Object.keys(NOTES) as (keyof typeof NOTES)[]).flatMap((status) => {
    const count = kernels.filter((k) => k.status === status).length;
    return count === 0 ? [] : [`${count} ${NOTES[status]}`];
  });
  return [
    `${kernel} on ${profile}: ${counts.join("; ")}`,
    "",
    ...printTable(COLUMNS, kernels.map(printRow)),
    "",
    "openDevice({ tuned: true }) compiles by what is stored; jit(f, { tune: true }) also times what is not",
  ];
}

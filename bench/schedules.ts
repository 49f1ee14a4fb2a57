/**
 * How good the rules are that choose schedules: each kernel's default against the other candidates of its space.
 *
 *     npm run bench -- schedules [FOLDER] [--filter TEXT] [--all]
 *
 * The workloads are those of `weft bench`, or the cases of FOLDER (as for the race). `default/best` is a median of paired
 * ratios: 1.30 says that another schedule takes 1 / 1.3 of the time. --all lists every candidate with its own ratio. The exit
 * status is 1 where a default is beyond 1.3.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openDevice, type Graph } from "tensorweft";
import { printShape } from "../src/bench/workload.ts";
import { WORKLOADS } from "../src/bench/workloads.ts";
import { printSchedule } from "../src/cli/print-schedule.ts";
import { printTable } from "../src/cli/print-table.ts";
import { type TunedReport, tuneGraph } from "../src/tune.ts";
import { graphOf, readCases } from "./race-cases.ts";

const GOAL = 1.3;

interface Subject {
  readonly name: string;
  readonly lower: () => Graph;
}

/** Runs the benchmark; the exit status. */
export async function runSchedulesBenchmark(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    options: { filter: { type: "string", default: "" }, all: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const device = await openDevice({ backend: "webgpu" });
  const rows: string[][] = [];
  let isGood = true;
  try {
    for (const { name, lower } of subjectsOf(positionals[0], device.profile.software)) {
      if (!name.includes(values.filter)) continue;
      const { reports } = await tuneGraph(device, lower(), { cacheFolder: null, renew: true });
      for (const report of reports) {
        rows.push(printRow(name, report));
        if (values.all) rows.push(...report.tried.map((tried) => printTried(tried)));
        isGood &&= 1 / report.ratio <= GOAL;
      }
      // The whole takes minutes: what is known already should not wait for the table.
      const found = reports.map((report) => `${report.kernel} ${printRatio(report)}`);
      console.error(`${name}: ${found.join(", ")}`);
    }
  } finally {
    device.dispose();
  }
  const titles = ["default us", "best us", "default/best", "tried", "rejected"];
  const columns = [
    { title: "case" },
    { title: "kernel" },
    ...titles.map((title) => ({ title, align: "right" as const })),
    { title: "best schedule" },
  ];
  console.log(printTable(columns, rows).join("\n"));
  return isGood ? 0 : 1;
}

function subjectsOf(root: string | undefined, software: boolean): readonly Subject[] {
  if (root === undefined)
    return WORKLOADS.map(({ name, shape, lower }) => ({
      name: `${name} ${printShape(shape)}`,
      lower: () => lower(shape),
    }));
  const own = join(root, software ? "swiftshader" : "gpu");
  const folder = existsSync(join(root, "cases.json")) ? root : own;
  return Object.entries(readCases(folder)).map(([name, handCase]) => ({
    name,
    lower: () => graphOf(name, handCase),
  }));
}

const printRatio = ({ ratio }: TunedReport): string =>
  (1 / ratio).toFixed(2) + (1 / ratio > GOAL ? " !" : "");

const printRow = (name: string, report: TunedReport): string[] => [
  name,
  report.kernel,
  report.defaultUs.toFixed(1),
  report.us.toFixed(1),
  printRatio(report),
  String(report.candidates),
  String(report.rejected),
  report.isDefault ? "the default" : printSchedule(report.schedule),
];

const printTried = ({ schedule, ratio }: TunedReport["tried"][number]): string[] => [
  "",
  "",
  "",
  "",
  ratio === null ? "-" : (1 / ratio).toFixed(2),
  "",
  "",
  printSchedule(schedule),
];

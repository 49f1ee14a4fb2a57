/** Runs `weft fold` in a process of its own, for its peak memory. */
import { spawnSync } from "node:child_process";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";

export interface FoldRun {
  readonly status: number;
  readonly out: string;
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
}

const PEAK = /\npeak (\d+)\n$/;
const source = (path: string): string => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);
/** On Linux, maxRSS starts from what the parent had when it forked; VmHWM is the process's own. */
const PROGRAM = `
  import { readFileSync } from "node:fs";
  import { main } from ${source("cli/main.ts")};
  process.exitCode = await main(process.argv.slice(1));
  const own = process.platform === "linux" ? /VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8")) : null;
  console.log("\\npeak " + (own === null ? process.resourceUsage().maxRSS : Number(own[1])) * 1024);`;

/** What the command promises: twice the largest tensor and this. */
export const PROMISED_BEYOND = 200e6;

export function runFold(argv: readonly string[]): FoldRun {
  const start = performance.now();
  const run = spawnSync(
    process.execPath,
    ["--input-type=module-typescript", "--eval", PROGRAM, "fold", ...argv],
    {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  return {
    status: run.status ?? 1,
    out: run.stdout.replace(PEAK, ""),
    seconds: (performance.now() - start) / 1000,
    peak: Number(PEAK.exec(run.stdout)?.[1] ?? Number.NaN),
  };
}

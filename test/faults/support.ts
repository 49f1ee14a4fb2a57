/** What tests of faults share. `npm test` runs them in a short form, `npm run faults` in the long one. */
import { spawn, type SpawnOptions } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { listEntries } from "../../src/cache/disk-folder.ts";
import { readEntryFile } from "../../src/cache/entry-file.ts";
import { compileGraph } from "../../src/compile.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { printPlan } from "../../src/ir/read-plan.ts";
import { newFolder, nodeModules } from "../cache/support.ts";

export const isLong = process.env["MODE"] === "long";
export const rounds = (short: number, long: number): number => (isLong ? long : short);

export const WORKER = fileURLToPath(new URL("worker.ts", import.meta.url));

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** Starts a process; `onOutput` is told of its first output. */
export function start(
  command: readonly [string, ...string[]],
  options: { readonly onOutput?: (kill: () => void) => void } & SpawnOptions = {},
): Promise<Ended> {
  const { onOutput, ...spawning } = options;
  const [program, ...given] = command;
  const child = spawn(program, given, { ...spawning, stdio: ["ignore", "pipe", "pipe"] });
  return new Promise((resolve, reject) => {
    let [out, err] = ["", ""];
    child.stdout.on("data", (data: Buffer) => {
      if (out === "") onOutput?.(() => void child.kill("SIGKILL"));
      out += data.toString();
    });
    child.stderr.on("data", (data: Buffer) => (err += data.toString()));
    child.once("error", reject);
    child.once("close", (status, signal) => {
      resolve({ status, signal, out, err });
    });
  });
}

export const startWorker = (
  given: readonly string[],
  options: Parameters<typeof start>[1] = {},
): Promise<Ended> => start([process.execPath, WORKER, ...given], options);

/** Plans of small programs, as the workers read them. */
export function writePrograms(count: number): string {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("there is no such profile");
  const programs = Array.from({ length: count }, (_, i) => {
    const text = `func @f${i}(%x: f32[8,${i + 2}]) -> (y: f32[8,1]) {
  %0 = mul %x, %x : f32[8,${i + 2}]
  %1 = reduce.sum %0 axes=[1] : f32[8,1]
  return %1
}
`;
    return { key: `key of ${text}`, plan: printPlan(compileGraph(parseGraph(text), { profile }).plan) };
  });
  const file = join(newFolder(), "programs.json");
  writeFileSync(file, JSON.stringify(programs));
  return file;
}

/** Entries that are not whole. */
export const brokenEntries = (folder: string): readonly string[] =>
  listEntries(nodeModules(), folder).flatMap(({ file }) => {
    const found = readEntryFile(nodeModules(), file);
    return found.kind === "broken" ? [`${file} ${found.reason}`] : [];
  });

/**
 * A process that uses a cache folder, for tests that harm it:
 *
 *     node worker.ts fill FOLDER PROGRAMS SEED MAX_BYTES    asks for every program, in an order of its own
 *     node worker.ts write FOLDER                           writes large entries until it is killed
 *     node worker.ts die FOLDER MOMENT                      writes one entry and kills itself at that moment
 *
 * PROGRAMS is a JSON file of `{ key, plan }`. Compilation is reading the plan there: what is tested is the cache.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { DiskLevel } from "../../src/cache/disk-level.ts";
import { findNodeModules } from "../../src/cache/node-modules.ts";
import type { PlanContent } from "../../src/cache/entry.ts";
import { PlanCache } from "../../src/cache/plan-cache.ts";
import { printPlan, readPlan } from "../../src/ir/read-plan.ts";
import { verifyPlan } from "../../src/ir/verify-plan.ts";
import { largeText } from "./large-text.ts";

const [mode = "", folder = "", ...rest] = process.argv.slice(2);
const node = findNodeModules();
if (node === null) throw new Error("this is Node");

interface Program {
  readonly key: string;
  readonly plan: string;
}

function fill(file: string, seed: number, maxBytes: number): void {
  if (node === null) return;
  const programs = JSON.parse(readFileSync(file, "utf8")) as readonly Program[];
  const cache = new PlanCache("build", new DiskLevel(node, { folder, maxBytes }));
  const start = seed % programs.length;
  for (const { key, plan } of [...programs.slice(start), ...programs.slice(0, start)]) {
    const { content } = cache.find({
      key,
      tuned: { size: 0, find: () => undefined },
      accept: (candidate): candidate is PlanContent =>
        "plan" in candidate && verifyPlan(candidate.plan).length === 0,
      compile: () => {
        const compiled = readPlan(plan);
        if (compiled === null) throw new Error("the test has no plan");
        return { plan: compiled };
      },
    });
    if (printPlan(content.plan) !== plan) throw new Error(`a wrong plan for ${key}`);
  }
  console.log(JSON.stringify(cache.counters));
}

function writeForever(): void {
  if (node === null) return;
  const level = new DiskLevel(node, { folder, maxBytes: 2 ** 30 });
  for (let i = 0; ; i++) {
    level.write(`key ${i % 4}`, largeText(`key ${i % 4}`));
    if (i === 0) process.stdout.write("ready\n");
  }
}

function dieAt(moment: string): void {
  if (node === null) return;
  const { fs } = node;
  const die = (): void => void process.kill(process.pid, "SIGKILL");
  const dying: Partial<typeof fs> = {
    writeFileSync: (file, data, options) => {
      if (moment === "before the draft") die();
      const bytes = data as Uint8Array;
      if (moment !== "within the draft") fs.writeFileSync(file, bytes, options);
      else fs.writeFileSync(file, bytes.subarray(0, bytes.byteLength / 2), options);
      if (moment === "within the draft" || moment === "behind the draft") die();
    },
    renameSync: (from, to) => {
      fs.renameSync(from, to);
      if (moment === "behind the move") die();
    },
  };
  new DiskLevel({ ...node, fs: { ...fs, ...dying } }, { folder, maxBytes: 2 ** 30 }).write("key", "new text");
  console.log("survived");
}

if (mode === "fill") fill(rest[0] ?? "", Number(rest[1]), Number(rest[2]));
else if (mode === "write") writeForever();
else dieAt(rest[0] ?? "");

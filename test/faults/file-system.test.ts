/**
 * File systems that refuse: every call of every operation fails once, with every error that matters; then real ones: files
 * that may not grow (RLIMIT_FSIZE), a full disk and a read-only one (small file systems in memory, where the machine lets
 * us mount them).
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DiskLevel } from "../../src/cache/disk-level.ts";
import type { NodeModules } from "../../src/cache/node-modules.ts";
import { filesIn, newFolder, nodeModules } from "../cache/support.ts";
import { brokenEntries, start, WORKER, writePrograms } from "./support.ts";

const CODES = ["ENOSPC", "EROFS", "EACCES", "EIO", "EMFILE", "EDQUOT", "ENOENT", "EISDIR"] as const;

/** Node's modules, with a file system whose call number `at` fails; how often it was called. */
function failingAt(at: number, code: string): { readonly node: NodeModules; readonly calls: () => number } {
  const real = nodeModules();
  let calls = 0;
  const fs = new Proxy(real.fs, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name);
      // A descriptor that cannot be closed is nothing that the cache could mend.
      if (typeof member !== "function" || name === "closeSync") return member;
      return (...given: readonly unknown[]): unknown => {
        calls += 1;
        if (calls === at) throw Object.assign(new Error(`${code}: made up`), { code });
        return Reflect.apply(member, target, given) as unknown;
      };
    },
  });
  return { node: { ...real, fs }, calls: () => calls };
}

describe.each(CODES)("%s at any call", (code) => {
  test("never throws, never gives a wrong text, and leaves a sound folder", () => {
    let at = 1;
    for (; ; at++) {
      const folder = newFolder();
      const sound = new DiskLevel(nodeModules(), { folder, maxBytes: 2 ** 20 });
      sound.write("old", "old text");
      const [file = ""] = filesIn(folder);
      utimesSync(join(folder, file), 1000, 1000); // so that reading it renews its time
      mkdirSync(join(folder, "00"), { recursive: true });
      writeFileSync(join(folder, `00/.${"a".repeat(32)}.tmp`), "");
      const { node, calls } = failingAt(at, code);
      const level = new DiskLevel(node, { folder, maxBytes: 2 ** 20 });
      expect([null, "old text"]).toContain(level.read("old"));
      level.write("new", "new text");
      expect([null, "new text"]).toContain(level.read("new"));
      level.drop("old");
      expect(brokenEntries(folder)).toEqual([]);
      const after = new DiskLevel(nodeModules(), { folder, maxBytes: 2 ** 20 });
      expect([null, "new text"]).toContain(after.read("new"));
      after.write("new", "new text");
      expect(after.read("new")).toBe("new text");
      if (calls() < at) break;
    }
    expect(at).toBeGreaterThan(10);
  });
});

/** Runs a worker by a shell line that first makes the file system; null where the machine does not let us. */
async function fillUnder(setup: string, folder: string, programs: string) {
  const probe = spawnSync("unshare", ["-rm", "sh", "-c", setup, "sh", folder], { encoding: "utf8" });
  if (probe.status !== 0) return null;
  const line = `${setup} && "$2" "$3" fill "$1" "$4" 0 1048576 && ls -a "$1"`;
  return start(["unshare", "-rm", "sh", "-c", line, "sh", folder, process.execPath, WORKER, programs]);
}

const countersIn = (out: string): unknown => JSON.parse(out.slice(0, out.indexOf("\n")));

describe.skipIf(process.platform !== "linux")("real file systems", () => {
  test("files that may not grow beyond 512 bytes: all is compiled, nothing is left behind", async () => {
    const folder = newFolder();
    const line = 'ulimit -f 1 && "$1" "$2" fill "$3" "$4" 0 1048576';
    const ended = await start(["sh", "-c", line, "sh", process.execPath, WORKER, folder, writePrograms(4)]);
    expect(ended).toMatchObject({ status: 0, err: "" });
    expect(JSON.parse(ended.out)).toMatchObject({ compiles: 4, writes: 0, failedWrites: 4 });
    expect(filesIn(folder)).toEqual([]);
  });

  test("a disk that is full after a few entries", async (context) => {
    const setup = 'mount -t tmpfs -o size=16k none "$1"';
    const ended = await fillUnder(setup, newFolder(), writePrograms(12));
    if (ended === null) return context.skip("this machine mounts no file system for us");
    expect(ended).toMatchObject({ status: 0, err: "" });
    const counters = countersIn(ended.out) as { readonly writes: number; readonly failedWrites: number };
    expect(counters).toMatchObject({ compiles: 12, dropped: 0 });
    expect(counters.writes).toBeGreaterThan(0);
    expect(counters.failedWrites).toBeGreaterThan(0);
    expect(ended.out).not.toContain(".tmp");
    return undefined;
  });

  test("a read-only disk: entries are read, nothing is written", async (context) => {
    const folder = newFolder();
    const programs = writePrograms(4);
    await start([process.execPath, WORKER, "fill", folder, writePrograms(2), "0", "1048576"]);
    expect(filesIn(folder)).toHaveLength(2);
    for (const file of filesIn(folder)) utimesSync(join(folder, file), 1000, 1000);
    const setup = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"';
    const ended = await fillUnder(setup, folder, programs);
    if (ended === null) return context.skip("this machine mounts no file system for us");
    expect(ended).toMatchObject({ status: 0, err: "" });
    expect(countersIn(ended.out)).toMatchObject({ storedHits: 2, compiles: 2, writes: 0, failedWrites: 2 });
    expect(filesIn(folder)).toHaveLength(2);
    return undefined;
  });

  test("a folder of which a part is a file", async () => {
    const file = join(newFolder(), "file");
    writeFileSync(file, "");
    const folder = join(file, "cache");
    const ended = await start([process.execPath, WORKER, "fill", folder, writePrograms(2), "0", "1048576"]);
    expect(ended).toMatchObject({ status: 0, err: "" });
    expect(JSON.parse(ended.out)).toMatchObject({ compiles: 2, failedWrites: 2, writes: 0 });
    expect(existsSync(folder)).toBe(false);
  });
});

import { readFileSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { findBuildId } from "../../src/cache/build-id.ts";
import { DiskLevel } from "../../src/cache/disk-level.ts";
import { printEntry } from "../../src/cache/entry.ts";
import { printPlanKey } from "../../src/cache/plan-key.ts";
import { compileGraph } from "../../src/compile.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { filesIn, nodeModules } from "../cache/support.ts";
import { makeFolder, runWeft } from "./run-weft.ts";

const node = nodeModules();

/** Keeps a program as a process of the build would; its file. */
function keep(folder: string, name: string, buildId = findBuildId(node) ?? ""): string {
  const profile = findProfile("nvidia");
  if (profile === undefined) throw new Error("there is no such profile");
  const graph = parseGraph(`func @${name}(%x: f32[8,4]) -> (y: f32[8,1]) {
  %0 = reduce.sum %x axes=[1] : f32[8,1]
  return %0
}
`);
  const key = printPlanKey({ version: "0.1.0", buildId }, graph, { profile, options: {} });
  const { plan } = compileGraph(graph, { profile });
  const before = new Set(filesIn(folder));
  new DiskLevel(node, { folder, maxBytes: 2 ** 20 }).write(
    key,
    printEntry(key, { content: { plan }, answers: new Map() }),
  );
  return join(folder, filesIn(folder).find((file) => !before.has(file)) ?? "");
}

const weft = (folder: string, command: string, ...more: readonly string[]) =>
  runWeft("cache", command, "--folder", folder, ...more);

describe("weft cache", () => {
  test("path says where programs keep what they compile", async () => {
    const folder = makeFolder();
    expect(await weft(folder, "path")).toEqual({ status: 0, out: `${folder}\n`, err: "" });
    vi.stubEnv("TENSORWEFT_CACHE", folder);
    expect((await runWeft("cache", "path")).out).toBe(`${join(folder, "plans")}\n`);
    vi.unstubAllEnvs();
  });

  test("ls lists programs, those used last first, damaged ones included", async () => {
    const folder = makeFolder();
    const files = [keep(folder, "first"), keep(folder, "second", "other"), keep(folder, "third")];
    truncateSync(files[2] ?? "", 500);
    for (const [i, file] of files.entries()) {
      const used = Date.now() / 1000 - (i === 0 ? 90 : i * 200_000);
      utimesSync(file, used, used);
    }
    const { status, out } = await weft(folder, "ls");
    expect(status).toBe(0);
    const [title, ...lines] = out.trimEnd().split("\n");
    expect(title).toMatch(/^program +inputs +kernels +profile +build +size +used$/);
    expect(lines[0]).toMatch(/^first +f32\[8,4\] +1 +nvidia +this +\S+ KiB +1 min$/);
    expect(lines[1]).toMatch(/^second +f32\[8,4\] +1 +nvidia +other, 0\.1\.0 +\S+ KiB +2 d$/);
    expect(lines[2]).toMatch(/^\(has \d+ of \d+ bytes\) +500 B +4 d$/);
    const json = JSON.parse((await weft(folder, "ls", "--json")).out) as readonly object[];
    expect(json[0]).toMatchObject({ program: "first", isThisBuild: true, profile: "nvidia", problem: null });
    expect(json[1]).toMatchObject({
      program: "second",
      isThisBuild: false,
      inputs: [{ name: "x", type: "f32[8,4]" }],
    });
    expect(json[2]).toMatchObject({ problem: expect.stringMatching(/^has \d+ of/) as unknown, bytes: 500 });
  });

  test("stats counts by build", async () => {
    const folder = makeFolder();
    keep(folder, "a");
    keep(folder, "b");
    keep(folder, "c", "other");
    writeFileSync(keep(folder, "d"), "");
    const { out } = await weft(folder, "stats");
    expect(out).toMatch(
      /^\S+\nthis build +2 entries +\S+ KiB\nother builds +1 entry +\S+ KiB\ndamaged +1 entry +0 B\n\S+ KiB of 128 MiB, the bound/,
    );
    const json: unknown = JSON.parse((await weft(folder, "stats", "--json")).out);
    expect(json).toMatchObject({
      folder,
      thisBuild: { entries: 2 },
      otherBuilds: { entries: 1 },
      damaged: { entries: 1, bytes: 0 },
    });
  });

  test("verify names what is damaged and fails; with --remove it goes", async () => {
    const folder = makeFolder();
    const [sound, cut, moved] = [keep(folder, "a"), keep(folder, "b"), keep(folder, "c")];
    truncateSync(cut, 50);
    writeFileSync(moved, readFileSync(sound));
    const found = await weft(folder, "verify");
    expect(found.status).toBe(1);
    expect(found.out).toContain(`${cut} has no header\n`);
    expect(found.out).toContain(`${moved} has the key of another entry\n`);
    expect(found.out).toContain("1 sound entry, 2 damaged\n");
    expect(found.err).toContain("2 of 3 entries");
    expect(await weft(folder, "verify", "--remove")).toMatchObject({ status: 0, err: "" });
    expect(filesIn(folder)).toHaveLength(1);
    expect(await weft(folder, "verify")).toMatchObject({ status: 0, out: "1 sound entry, 0 damaged\n" });
  });

  test("clear removes all, the old ones, or those of other builds, and nothing that is not ours", async () => {
    const folder = makeFolder();
    const [a] = [keep(folder, "a"), keep(folder, "b"), keep(folder, "c", "other")];
    writeFileSync(join(folder, "notes.txt"), "mine");
    utimesSync(a, 1000, 1000);
    expect((await weft(folder, "clear", "--days", "30")).out).toMatch(/^removed 1 entry, \S+ KiB\n$/);
    expect((await weft(folder, "clear", "--other-builds")).out).toMatch(/^removed 1 entry, /);
    expect((await weft(folder, "ls")).out).toContain("\nb ");
    expect((await weft(folder, "clear")).out).toMatch(/^removed 1 entry, /);
    expect(filesIn(folder)).toEqual(["notes.txt"]);
  });

  test("an empty or missing folder is no mistake", async () => {
    const folder = join(makeFolder(), "missing");
    for (const command of ["ls", "stats", "verify", "clear"])
      expect(await weft(folder, command)).toMatchObject({ status: 0, err: "" });
  });
});

describe("weft cache export and import", () => {
  test("carry all sound entries to another folder", async () => {
    const [here, there] = [makeFolder(), makeFolder()];
    keep(here, "a");
    keep(here, "b", "other");
    writeFileSync(keep(here, "c"), "");
    const file = join(makeFolder(), "plans.weft-cache");
    expect(await weft(here, "export", file)).toMatchObject({
      status: 0,
      out: `2 entries written to ${file}, 1 damaged left out\n`,
    });
    expect(await weft(there, "import", file)).toMatchObject({
      status: 0,
      out: "2 entries taken over; 1 of other builds, which this one will not use\n",
    });
    expect(filesIn(there)).toHaveLength(2);
    for (const name of filesIn(there))
      expect(readFileSync(join(there, name))).toEqual(readFileSync(join(here, name)));
    expect(await weft(there, "verify")).toMatchObject({ status: 0 });
  });

  test("stop at what is damaged, and keep what came before", async () => {
    const [here, there] = [makeFolder(), makeFolder()];
    keep(here, "a");
    keep(here, "b");
    const file = join(makeFolder(), "plans.weft-cache");
    await weft(here, "export", file);
    const bytes = readFileSync(file);
    bytes.writeUInt8((bytes.at(-5) ?? 0) ^ 1, bytes.length - 5);
    writeFileSync(file, bytes);
    const run = await weft(there, "import", file);
    expect(run.status).toBe(1);
    expect(run.err).toMatch(/what is at byte \d+ of .* has another checksum than it says/);
    expect(filesIn(there)).toHaveLength(1);
  });

  test("refuse files of another kind, and say so", async () => {
    const folder = makeFolder();
    const file = join(folder, "file");
    writeFileSync(file, "no cache");
    expect((await weft(folder, "import", file)).err).toContain("what is at byte 0 of");
    expect((await weft(folder, "import", join(folder, "nothing"))).err).toContain("there is no such file");
    expect((await weft(folder, "export", join(folder, "no", "file"))).status).toBe(1);
  });
});

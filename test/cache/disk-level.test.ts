import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DiskLevel } from "../../src/cache/disk-level.ts";
import { printEntryFile } from "../../src/cache/entry-file.ts";
import { MOST_ENTRY_BYTES } from "../../src/cache/stored-level.ts";
import { filesIn, newFolder, nodeModules } from "./support.ts";

const node = nodeModules();
const open = (folder: string, maxBytes = 2 ** 20): DiskLevel => new DiskLevel(node, { folder, maxBytes });

/** A level with one entry, and the entry's file. */
function withEntry(text = "text of the entry"): { level: DiskLevel; folder: string; file: string } {
  const folder = newFolder();
  const level = open(folder);
  level.write("key", text);
  return { level, folder, file: join(folder, filesIn(folder)[0] ?? "") };
}

test("what was written is read, by others as well, in a file named by the hash of the key", () => {
  const { level, folder } = withEntry("tést \ud83d\ude00");
  expect(filesIn(folder)).toEqual(["2c/70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683.plan"]);
  for (const reader of [level, open(folder)]) expect(reader.read("key")).toBe("tést \ud83d\ude00");
  expect(level.read("another key")).toBeNull();
  expect(level.counts).toEqual({ writes: 1, failedWrites: 0, dropped: 0, evicted: 0 });
});

test("only the owner may read entries", () => {
  if (process.platform === "win32") return;
  const { file } = withEntry();
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("a second write of a key replaces the first", () => {
  const { level, folder } = withEntry("old");
  level.write("key", "new");
  expect(level.read("key")).toBe("new");
  expect(filesIn(folder)).toHaveLength(1);
});

describe("is dropped, never read:", () => {
  const expectDropped = ({ level, file }: { level: DiskLevel; file: string }): void => {
    expect(level.read("key")).toBeNull();
    expect(level.counts.dropped).toBe(1);
    expect(existsSync(file)).toBe(false);
    level.write("key", "again");
    expect(level.read("key")).toBe("again");
  };

  test("a file with any bit flipped", () => {
    const { level, file } = withEntry();
    const bytes = readFileSync(file);
    for (let at = 0; at < bytes.length; at++) {
      const bad = Buffer.from(bytes);
      bad.writeUInt8((bad[at] ?? 0) ^ (1 << (at % 8)), at);
      writeFileSync(file, bad);
      expect(level.read("key"), `byte ${at}`).toBeNull();
    }
    expect(level.counts.dropped).toBe(bytes.length);
    writeFileSync(file, bytes);
    expect(level.read("key")).toBe("text of the entry");
  });

  test("a file that is cut off anywhere", () => {
    const { level, file } = withEntry();
    const bytes = readFileSync(file);
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(file, bytes.subarray(0, length));
      expect(level.read("key"), `${length} bytes`).toBeNull();
    }
  });

  test("a file with more behind its end", () => {
    const entry = withEntry();
    writeFileSync(entry.file, `${readFileSync(entry.file, "utf8")} `);
    expectDropped(entry);
  });

  test("a file of another format", () => {
    const entry = withEntry();
    writeFileSync(
      entry.file,
      readFileSync(entry.file, "utf8").replace("tensorweft-cache 1", "tensorweft-cache 2"),
    );
    expectDropped(entry);
  });

  test("a huge file, which is not read into memory", () => {
    const entry = withEntry();
    truncateSync(entry.file, MOST_ENTRY_BYTES + 1);
    expectDropped(entry);
  });

  test("a symbolic link, even to a sound entry; what it points to stays", () => {
    const entry = withEntry();
    const target = join(newFolder(), "elsewhere");
    writeFileSync(target, readFileSync(entry.file));
    rmSync(entry.file);
    symlinkSync(target, entry.file);
    expectDropped(entry);
    expect(existsSync(target)).toBe(true);
  });

  test("an empty folder", () => {
    const entry = withEntry();
    rmSync(entry.file);
    mkdirSync(entry.file);
    expectDropped(entry);
  });

  test("a pipe, without waiting for a writer", () => {
    if (process.platform === "win32") return;
    const entry = withEntry();
    rmSync(entry.file);
    execFileSync("mkfifo", [entry.file]);
    expectDropped(entry);
  });
});

test("a folder with files in it in an entry's place is left alone, and harms nobody", () => {
  const { level, file } = withEntry();
  rmSync(file);
  mkdirSync(file);
  writeFileSync(join(file, "mine"), "");
  expect(level.read("key")).toBeNull();
  level.write("key", "again");
  expect(level.counts).toMatchObject({ writes: 1, failedWrites: 1 });
  expect(existsSync(join(file, "mine"))).toBe(true);
});

test.each(["a file", "a link to nowhere"])(
  "where the folder is %s, nothing is kept and nothing throws",
  (what) => {
    const folder = join(newFolder(), "cache");
    if (what === "a file") writeFileSync(folder, "");
    else symlinkSync("/nowhere/at/all", folder);
    const level = open(folder);
    expect(level.read("key")).toBeNull();
    level.write("key", "text");
    expect(level.read("key")).toBeNull();
    expect(level.counts).toEqual({ writes: 0, failedWrites: 1, dropped: 0, evicted: 0 });
  },
);

describe("the bound", () => {
  const SIZE = printEntryFile(node, "x".repeat(900)).byteLength;

  test("what was used least recently goes first, down to seven eighths", () => {
    const folder = newFolder();
    const level = open(folder, SIZE * 16);
    const fileOf = new Map<string, string>();
    for (let i = 0; i < 16; i++) {
      const before = new Set(filesIn(folder));
      level.write(`key ${i}`, "x".repeat(900));
      const file = filesIn(folder).find((name) => !before.has(name)) ?? "";
      fileOf.set(`key ${i}`, file);
      utimesSync(join(folder, file), 1000 + i, 1000 + i);
    }
    expect(level.counts.evicted).toBe(0);
    expect(level.read("key 0")).not.toBeNull(); // and is now the one used last
    level.write("key 16", "x".repeat(900));
    expect(level.counts.evicted).toBe(3);
    const left = [...fileOf].filter(([, file]) => existsSync(join(folder, file))).map(([key]) => key);
    expect(left).toEqual(["key 0", ...Array.from({ length: 12 }, (_, i) => `key ${i + 4}`)]);
  });

  test("an entry that is larger than all of it is not written", () => {
    const folder = newFolder();
    const level = open(folder, SIZE - 1);
    level.write("key", "x".repeat(900));
    expect(filesIn(folder)).toEqual([]);
  });

  test("old drafts of killed processes go, young ones and what is not ours stay", () => {
    const folder = newFolder();
    mkdirSync(join(folder, "00"));
    const names = [`00/.${"a".repeat(32)}.tmp`, `00/.${"b".repeat(32)}.tmp`, "00/notes.txt", "mine.plan"];
    for (const name of names) writeFileSync(join(folder, name), "");
    utimesSync(join(folder, names[0] ?? ""), 1000, 1000);
    utimesSync(join(folder, "00/notes.txt"), 1000, 1000);
    open(folder).write("key", "text");
    expect(filesIn(folder).filter((name) => names.includes(name))).toEqual(names.slice(1));
  });
});

/** The level in IndexedDB, apart from any browser: on an implementation of the standard in memory. */
import "fake-indexeddb/auto";
import { openDB } from "idb";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { Database } from "../../src/cache/database.ts";
import { IndexedLevel, type IndexedOptions } from "../../src/cache/indexed-level.ts";
import { PlanCache } from "../../src/cache/plan-cache.ts";
import { CACHE_FORMAT } from "../../src/cache/plan-key.ts";
import { MOST_ENTRY_BYTES } from "../../src/cache/stored-level.ts";

let databases = 0;
const newName = (): string => `level ${++databases}`;

function open(name: string, options: Partial<IndexedOptions> = {}): IndexedLevel {
  const level = new IndexedLevel({
    name,
    build: "build",
    maxBytes: 2 ** 20,
    open: (wanted) => Database.open(wanted),
    ...options,
  });
  onTestFinished(() => {
    level.close();
  });
  return level;
}

/** A level on the database as a later visit sees it. */
async function reopen(name: string, options: Partial<IndexedOptions> = {}): Promise<IndexedLevel> {
  const level = open(name, options);
  await level.ready;
  return level;
}

async function withEntries(entries: Readonly<Record<string, string>>): Promise<string> {
  const name = newName();
  const level = open(name);
  for (const [key, text] of Object.entries(entries)) level.write(key, text);
  await level.flush();
  expect(level.counts).toMatchObject({ writes: Object.keys(entries).length, failedWrites: 0 });
  return name;
}

type Row = Record<string, unknown>;

/** What somebody else does to all records of a store. */
async function change(name: string, store: "uses" | "texts" | "lists", edit: (row: Row) => Row | null) {
  const db = await openDB(name, CACHE_FORMAT);
  for (const row of (await db.getAll(store)) as Row[]) {
    const edited = edit(row);
    await db.delete(store, (row["hash"] ?? row["name"]) as string);
    if (edited !== null) await db.put(store, edited);
  }
  db.close();
}

async function count(name: string, store: "uses" | "texts" | "lists"): Promise<number> {
  const db = await openDB(name, CACHE_FORMAT);
  const rows = await db.count(store);
  db.close();
  return rows;
}

afterEach(() => {
  vi.restoreAllMocks();
});

test("what was written is read by later visits, not by the page that has it in memory", async () => {
  const name = newName();
  const level = open(name);
  level.write("key", "tést \ud83d\ude00");
  await level.flush();
  const later = await reopen(name);
  expect(later.read("key")).toBe("tést \ud83d\ude00");
  expect(later.read("another key")).toBeNull();
  expect(later).toMatchObject({ place: `IndexedDB ${name}`, problem: null });
  expect(later.counts).toEqual({ writes: 0, failedWrites: 0, dropped: 0, evicted: 0 });
});

test("a second write of a key replaces the first, and dropping it removes it", async () => {
  const name = await withEntries({ key: "old" });
  const level = await reopen(name);
  level.write("key", "new");
  await level.flush();
  const later = await reopen(name);
  expect(later.read("key")).toBe("new");
  later.drop("key");
  expect(later.read("key")).toBeNull();
  await later.flush();
  expect((await reopen(name)).read("key")).toBeNull();
  expect([await count(name, "uses"), await count(name, "texts")]).toEqual([0, 0]);
});

test("only entries of the same build are read; others stay", async () => {
  const name = await withEntries({ key: "text" });
  expect((await reopen(name, { build: "another" })).read("key")).toBeNull();
  expect((await reopen(name)).read("key")).toBe("text");
});

test("lists give the entries that are still there, in their order", async () => {
  const name = await withEntries({ a: "of a", b: "of b", c: "of c" });
  const level = await reopen(name);
  level.saveList("program", ["a"]);
  level.saveList("program", ["c", "a", "gone"]);
  level.saveList("other", ["b"]);
  await level.flush();
  const later = await reopen(name);
  expect(await later.loadList("program")).toEqual(["of c", "of a"]);
  expect(await later.loadList("other")).toEqual(["of b"]);
  expect(await later.loadList("none")).toEqual([]);
  await change(name, "lists", (row) => ({ ...row, hashes: 7 }));
  expect(await (await reopen(name)).loadList("program")).toEqual([]);
});

test("lists that were used least recently go", async () => {
  const level = open(newName());
  for (let i = 0; i < 80; i++) level.saveList(`list ${i}`, []);
  await level.flush();
  expect(await count(level.place.slice("IndexedDB ".length), "lists")).toBe(64);
});

describe("is dropped, never read:", () => {
  const damages: Readonly<Record<string, readonly ["uses" | "texts", (row: Row) => Row | null]>> = {
    "a changed text": ["texts", (row) => ({ ...row, text: "tezt" })],
    "a text that is cut off": ["texts", (row) => ({ ...row, text: "tex" })],
    "a text that is none": ["texts", (row) => ({ ...row, text: ["text"] })],
    "another checksum": ["texts", (row) => ({ ...row, sum: "0".repeat(64) })],
    "no checksum": ["texts", ({ sum: _, ...row }) => row],
    "the key of another entry": ["texts", (row) => ({ ...row, key: "another key" })],
    "no text at all": ["texts", () => null],
    "an array": ["texts", ({ hash }) => Object.assign([], { hash }) as unknown as Row],
    "a huge text": ["texts", (row) => ({ ...row, text: "x".repeat(MOST_ENTRY_BYTES + 1) })],
    "another size": ["uses", (row) => ({ ...row, bytes: 5 })],
  };
  test.each(Object.keys(damages))("%s", async (what) => {
    const name = await withEntries({ key: "text" });
    const [store, edit] = damages[what] ?? ["uses", () => null];
    await change(name, store, edit);
    const level = await reopen(name);
    expect(level.read("key")).toBeNull();
    expect(level.read("another key")).toBeNull();
    expect(level.counts.dropped).toBe(1);
    await level.flush();
    expect([await count(name, "uses"), await count(name, "texts")]).toEqual([0, 0]);
    level.write("key", "again");
    await level.flush();
    expect((await reopen(name)).read("key")).toBe("again");
  });

  test("what says nothing of its use, with the next sweep", async () => {
    const name = await withEntries({ key: "text" });
    await change(name, "uses", (row) => ({ ...row, used: "now" }));
    const level = await reopen(name);
    expect(level.read("key")).toBeNull();
    level.write("other", "text");
    await level.flush();
    expect(level.counts.evicted).toBe(2);
    expect(await count(name, "texts")).toBe(0);
  });

  test("a text without a use, with the next sweep", async () => {
    const name = await withEntries({ key: "text" });
    await change(name, "uses", () => null);
    const level = await reopen(name);
    expect(level.read("key")).toBeNull();
    level.write("other", "text");
    await level.flush();
    expect(await count(name, "texts")).toBe(0);
  });
});

describe("the bound", () => {
  test("is kept: what was used least recently goes", async () => {
    const clock = vi.spyOn(Date, "now");
    const name = newName();
    const level = open(name, { maxBytes: 1000 });
    await level.ready;
    for (let i = 0; i < 12; i++) {
      clock.mockReturnValue(1e6 + i);
      level.write(`key ${i}`, "x".repeat(100));
      await level.flush();
    }
    expect(level.counts.evicted).toBe(3); // at 11 entries down to 8, which are within seven eighths
    clock.mockReturnValue(1e6 + 100);
    const later = await reopen(name, { maxBytes: 1000 });
    expect([0, 1, 2].map((i) => later.read(`key ${i}`))).toEqual([null, null, null]);
    expect(later.read("key 3")).toHaveLength(100);
    // Reading renews: 3 was used last now, so 4 to 6 make room.
    clock.mockReturnValue(1e6 + 120_000);
    later.read("key 3");
    await later.flush();
    clock.mockReturnValue(1e6 + 120_001);
    for (const key of ["key 12", "key 13"]) later.write(key, "x".repeat(100));
    await later.flush();
    const last = await reopen(name, { maxBytes: 1000 });
    expect(last.read("key 3")).toHaveLength(100);
    expect(last.read("key 4")).toBeNull();
  });

  test("refuses what is larger than itself", async () => {
    const name = newName();
    const level = open(name, { maxBytes: 10 });
    level.write("key", "a text of more than ten");
    await level.flush();
    expect(level.counts.writes).toBe(0);
    expect(await count(name, "texts")).toBe(0);
  });

  test("of what is read at a start: the entries used last", async () => {
    const clock = vi.spyOn(Date, "now");
    const name = newName();
    const level = open(name, { maxBytes: 2 ** 30 });
    for (let i = 0; i < 10; i++) {
      clock.mockReturnValue(1e6 + i);
      level.write(`key ${i}`, "x".repeat(2 ** 20));
      await level.flush();
    }
    const later = await reopen(name, { maxBytes: 2 ** 30 });
    await later.flush();
    const read = Array.from({ length: 10 }, (_, i) => later.read(`key ${i}`) !== null);
    expect(read).toEqual([false, false, true, true, true, true, true, true, true, true]);
  });
});

describe("many writers", () => {
  test("of one database, all at once, leave whole entries", async () => {
    const name = newName();
    const levels = Array.from({ length: 8 }, () => open(name));
    for (const [writer, level] of levels.entries())
      for (let i = 0; i < 6; i++) level.write(`key ${i}`, `text ${i} of ${writer}`.repeat(50));
    await Promise.all(levels.map((level) => level.flush()));
    expect(levels.map(({ counts }) => counts.writes)).toEqual(Array.from({ length: 8 }, () => 6));
    const later = await reopen(name);
    for (let i = 0; i < 6; i++) {
      const [, writer = ""] = /^text \d of (\d)/.exec(later.read(`key ${i}`) ?? "") ?? [];
      expect(later.read(`key ${i}`)).toBe(`text ${i} of ${writer}`.repeat(50));
    }
    expect(later.counts.dropped).toBe(0);
    expect([await count(name, "uses"), await count(name, "texts")]).toEqual([6, 6]);
  });

  test("that make room at the same time do not fall below the bound", async () => {
    const name = newName();
    const levels = Array.from({ length: 4 }, () => open(name, { maxBytes: 1000 }));
    for (const [writer, level] of levels.entries())
      for (let i = 0; i < 20; i++) level.write(`key ${writer} ${i}`, "x".repeat(100));
    await Promise.all(levels.map((level) => level.flush()));
    const left = await count(name, "texts");
    expect(left).toBeGreaterThanOrEqual(8);
    expect(left).toBeLessThanOrEqual(10);
    expect(levels.reduce((sum, { counts }) => sum + counts.evicted, 0)).toBe(80 - left);
  });
});

describe("goes on without a database", () => {
  const refusals: Readonly<Record<string, () => Promise<Database>>> = {
    "where opening is refused": () => Promise.reject(new DOMException("denied", "SecurityError")),
    "where there is none": () => Promise.reject(new ReferenceError("indexedDB is not defined")),
  };
  test.each(Object.keys(refusals))("%s", async (what) => {
    const level = open(newName(), { open: refusals[what] ?? (() => Promise.reject(new Error())) });
    await level.ready;
    expect(level.problem).toMatch(/^IndexedDB cannot be used: (SecurityError: denied|ReferenceError)/);
    level.write("key", "text");
    level.saveList("list", ["key"]);
    await level.flush();
    expect(level.read("key")).toBeNull();
    expect(await level.loadList("list")).toEqual([]);
    expect(level.counts).toMatchObject({ writes: 0, failedWrites: 1 });
    expect(new PlanCache("build", level).problem).toBe(level.problem);
  });

  test("where it does not answer: nobody waits for it", async () => {
    const level = open(newName(), { open: () => new Promise<never>(() => undefined) });
    await level.ready;
    level.write("key", "text");
    expect(level.read("key")).toBeNull();
    expect(level.problem).toBeNull();
  });

  test("where the name is that of somebody else's, which stays as it is", async () => {
    const name = newName();
    const theirs = await openDB(name, CACHE_FORMAT, { upgrade: (db) => db.createObjectStore("theirs") });
    await theirs.put("theirs", 1, "one");
    theirs.close();
    const level = await reopen(name);
    expect(level.problem).toContain("somebody else");
    const again = await openDB(name);
    expect(await again.get("theirs", "one")).toBe(1);
    again.close();
  });

  test("where a later version has made it", async () => {
    const name = newName();
    (await openDB(name, CACHE_FORMAT + 1)).close();
    expect((await reopen(name)).problem).toContain("VersionError");
  });

  test("from when another page needs a later form, or deletes it", async () => {
    for (const version of [CACHE_FORMAT + 1, undefined]) {
      const name = await withEntries({ key: "text" });
      const level = await reopen(name);
      if (version === undefined) {
        await new Promise((resolve) => {
          indexedDB.deleteDatabase(name).onsuccess = resolve;
        });
      } else (await openDB(name, version)).close();
      expect(level.problem).toMatch(version === undefined ? /deleted/ : /later form/);
      expect(level.read("key")).toBe("text"); // it was read before
      level.write("other", "text");
      await level.flush();
      expect(level.counts).toMatchObject({ writes: 0, failedWrites: 1 });
    }
  });
});

describe("without room", () => {
  const full = (): never => {
    throw new DOMException("full", "QuotaExceededError");
  };

  test("nothing is kept, and that is counted", async () => {
    const name = await withEntries({ key: "text" });
    const level = await reopen(name);
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(full);
    level.write("other", "text");
    await level.flush();
    expect(level.counts).toMatchObject({ writes: 0, failedWrites: 1 });
    expect(level.problem).toBeNull();
    vi.restoreAllMocks();
    level.write("other", "text");
    await level.flush();
    expect((await reopen(name)).read("other")).toBe("text");
  });

  test("older entries make room, half of what there is", async () => {
    const name = await withEntries({ a: "text", b: "text", c: "text", d: "text" });
    const level = await reopen(name);
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementationOnce(full);
    level.write("e", "text");
    await level.flush();
    expect(level.counts).toMatchObject({ writes: 1, failedWrites: 0, evicted: 2 });
    expect((await reopen(name)).read("e")).toBe("text");
    expect(await count(name, "texts")).toBe(3);
  });

  test("a transaction that is aborted leaves nothing behind", async () => {
    const name = await withEntries({});
    const level = await reopen(name);
    const put = Reflect.get<IDBObjectStore, "put">(IDBObjectStore.prototype, "put");
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, ...args) {
      if (this.name === "texts") queueMicrotask(() => this.transaction.abort());
      return put.apply(this, args);
    });
    level.write("key", "text");
    await level.flush();
    expect(level.counts).toMatchObject({ writes: 0, failedWrites: 1 });
    vi.restoreAllMocks();
    expect([await count(name, "uses"), await count(name, "texts")]).toEqual([0, 0]);
  });
});

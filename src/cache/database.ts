/**
 * Entries in an IndexedDB database, for browsers. Loaded only there, with the package `idb`.
 *
 *     uses    hash, build, used, bytes       who comes first when there is no room, and what to read at a start
 *     texts   hash, key, sum, text           an entry, by the SHA-256 of its key
 *     lists   name, hashes, used             the entries that a program used when it ran last
 *
 * Any number of pages and workers may use one database: what belongs together is changed in one transaction, and browsers run
 * transactions that write the same stores one after another.
 *
 * Ensures: `loadRecent` and `load` give only records whose key and text are those that were written, by their SHA-256; others
 *          are removed. A connection never keeps another page from upgrading or deleting the database.
 */
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB } from "idb";
import { isRecord, readCount, readEach, readText } from "../ir/read-json.ts";
import { CACHE_FORMAT } from "./plan-key.ts";
import { KEPT_SHARE, MOST_ENTRY_BYTES, MOST_LISTED, SWEEP_SHARE } from "./stored-level.ts";

export interface DatabaseOptions {
  readonly name: string;
  /** Only entries of this compiler are read. */
  readonly build: string;
  readonly maxBytes: number;
  /** Told, in words, when the database is taken away. */
  readonly onLost: (reason: string) => void;
}

export interface StoredText {
  readonly key: string;
  readonly text: string;
  readonly usedMs: number;
}

export interface Loaded {
  readonly found: readonly StoredText[];
  /** Records that were none, and are removed. */
  readonly dropped: number;
}

interface Use {
  readonly hash: string;
  readonly build: string;
  readonly used: number;
  readonly bytes: number;
}

interface Schema extends DBSchema {
  readonly uses: { readonly key: string; readonly value: Use; readonly indexes: { readonly build: string } };
  readonly texts: { readonly key: string; readonly value: unknown };
  readonly lists: { readonly key: string; readonly value: unknown };
}
type StoreName = "uses" | "texts" | "lists";
const STORES: readonly StoreName[] = ["uses", "texts", "lists"];
type Reading = IDBPTransaction<Schema, StoreName[]>;
type Writing = IDBPTransaction<Schema, StoreName[], "readwrite">;

/** What is read at a start: enough for a page, little beside what it takes to fetch one. */
const MOST_RECENT_BYTES = 8 * 2 ** 20;
const MOST_RECENT = 512;
const MOST_LISTS = 64;
/** What is freed where the browser has no room for more. */
const FREED_SHARE = 1 / 2;

export class Database {
  readonly #db: IDBPDatabase<Schema>;
  readonly #options: DatabaseOptions;
  /** Bytes written since the last sweep; the first write is followed by one. */
  #unswept = Number.POSITIVE_INFINITY;

  private constructor(db: IDBPDatabase<Schema>, options: DatabaseOptions) {
    this.#db = db;
    this.#options = options;
  }

  /** Rejects where the browser refuses, or where the name is that of a database of somebody else. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { indexedDB, crypto } = globalThis as Partial<Pick<typeof globalThis, "indexedDB" | "crypto">>;
    if (indexedDB === undefined) throw new Error("this browser has none");
    if (!("subtle" in (crypto ?? {}))) throw new Error("pages that come without https have no checksums");
    const db = await openDB<Schema>(options.name, CACHE_FORMAT, {
      upgrade: (upgraded) => {
        for (const store of STORES)
          if (upgraded.objectStoreNames.contains(store)) upgraded.deleteObjectStore(store);
        upgraded.createObjectStore("uses", { keyPath: "hash" }).createIndex("build", "build");
        upgraded.createObjectStore("texts", { keyPath: "hash" });
        upgraded.createObjectStore("lists", { keyPath: "name" });
      },
      blocking: (_version, wanted, event) => {
        (event.target as IDBDatabase).close();
        options.onLost(
          wanted === null ? "the database was deleted" : "another page needs a later form of the database",
        );
      },
      terminated: () => {
        options.onLost("the browser closed the database");
      },
    });
    if (!STORES.every((store) => db.objectStoreNames.contains(store))) {
      db.close();
      throw new Error(`the database ${options.name} belongs to somebody else`);
    }
    return new Database(db, options);
  }

  close(): void {
    this.#db.close();
  }

  /** What was used last, as much as a start should read. */
  async loadRecent(): Promise<Loaded> {
    const uses = await this.#read((stores) =>
      stores.objectStore("uses").index("build").getAll(this.#options.build),
    );
    const byUse = uses.filter(isUse).sort((a, b) => b.used - a.used);
    let bytes = 0;
    return this.#loadEach(
      byUse.slice(0, MOST_RECENT).filter((use) => (bytes += use.bytes) <= MOST_RECENT_BYTES),
    );
  }

  /** The entries on a list that are still there, in its order. */
  async loadList(name: string): Promise<Loaded> {
    const uses = await this.#read(async (stores) => {
      const list: unknown = await stores.objectStore("lists").get(name);
      const hashes = (isRecord(list) ? readEach(list["hashes"], readText) : null) ?? [];
      return Promise.all(hashes.slice(0, MOST_LISTED).map((hash) => stores.objectStore("uses").get(hash)));
    });
    return this.#loadEach(uses.filter(isUse).filter(({ build }) => build === this.#options.build));
  }

  async saveList(name: string, keys: readonly string[]): Promise<void> {
    const hashes = await Promise.all(keys.slice(0, MOST_LISTED).map(hashOf));
    await this.#write(async (stores) => {
      const store = stores.objectStore("lists");
      await store.put({ name, hashes, used: Date.now() });
      const lists = await store.getAll();
      const used = (list: unknown): number => (isRecord(list) ? (readCount(list["used"]) ?? 0) : 0);
      const old = lists.sort((a, b) => used(b) - used(a)).slice(MOST_LISTS);
      await Promise.all(
        old.map((list) => store.delete(isRecord(list) ? (readText(list["name"]) ?? "") : "")),
      );
    });
  }

  /**
   * Keeps an entry in place of an earlier one.
   *
   * @returns how many others made room for it; rejects where there is none
   */
  async put(key: string, text: string): Promise<number> {
    const encoded = new TextEncoder().encode(text);
    const [hash, sum] = await Promise.all([hashOf(key), hashBytes(encoded)]);
    const bytes = encoded.byteLength;
    const use: Use = { hash, build: this.#options.build, used: Date.now(), bytes };
    const write = (): Promise<unknown> =>
      this.#write((stores) =>
        Promise.all([
          stores.objectStore("uses").put(use),
          stores.objectStore("texts").put({ hash, key, sum, text }),
        ]),
      );
    let evicted = 0;
    try {
      await write();
    } catch (error) {
      if (!isQuotaError(error)) throw error;
      evicted += await this.#sweep((held) => held * FREED_SHARE);
      await write();
    }
    this.#unswept += bytes;
    const { maxBytes } = this.#options;
    if (this.#unswept < maxBytes * SWEEP_SHARE) return evicted;
    this.#unswept = 0;
    return evicted + (await this.#sweep((held) => (held > maxBytes ? maxBytes * KEPT_SHARE : held)));
  }

  async remove(keys: readonly string[]): Promise<void> {
    const hashes = await Promise.all(keys.map(hashOf));
    await this.#write((stores) => removeEach(stores, hashes));
  }

  /** Renews the time of last use. */
  async touch(keys: readonly string[]): Promise<void> {
    const hashes = await Promise.all(keys.map(hashOf));
    await this.#write(async (stores) => {
      const store = stores.objectStore("uses");
      for (const hash of hashes) {
        const use = await store.get(hash);
        if (use !== undefined) await store.put({ ...use, used: Date.now() });
      }
    });
  }

  async #loadEach(uses: readonly Use[]): Promise<Loaded> {
    const records = await this.#read((stores) =>
      Promise.all(uses.map(({ hash }) => stores.objectStore("texts").get(hash))),
    );
    const checked = await Promise.all(uses.map((use, i) => checkRecord(use, records[i])));
    const broken = uses.filter((_, i) => checked[i] === null).map(({ hash }) => hash);
    if (broken.length > 0) await this.#write((stores) => removeEach(stores, broken));
    return { found: checked.filter((entry) => entry !== null), dropped: broken.length };
  }

  /** Removes what was used least recently, until no more is left than `most` makes of what is there. */
  #sweep(most: (held: number) => number): Promise<number> {
    return this.#write(async (stores) => {
      const [all, texts] = await Promise.all([
        stores.objectStore("uses").getAll(),
        stores.objectStore("texts").count(),
      ]);
      const uses = all.filter(isUse).sort((a, b) => a.used - b.used);
      if (uses.length !== all.length || uses.length !== texts) {
        // Somebody else has written here, and what counts for nothing would stay for ever.
        await Promise.all([stores.objectStore("uses").clear(), stores.objectStore("texts").clear()]);
        return Math.max(all.length, texts);
      }
      let left = uses.reduce((sum, { bytes }) => sum + bytes, 0);
      const bound = most(left);
      const evicted: string[] = [];
      for (const { hash, bytes } of uses) {
        if (left <= bound) break;
        evicted.push(hash);
        left -= bytes;
      }
      await removeEach(stores, evicted);
      return evicted.length;
    });
  }

  #read<R>(work: (stores: Reading) => Promise<R>): Promise<R> {
    const stores = this.#db.transaction([...STORES]);
    return settle(stores.done, work(stores));
  }

  /** All of the work or nothing. */
  #write<R>(work: (stores: Writing) => Promise<R>): Promise<R> {
    const stores = this.#db.transaction([...STORES], "readwrite");
    return settle(stores.done, work(stores));
  }
}

/** A transaction that fails knows the reason better than its requests do. */
async function settle<R>(done: Promise<void>, work: Promise<R>): Promise<R> {
  const [ended, result] = await Promise.allSettled([done, work]);
  if (ended.status === "rejected") throw ended.reason;
  if (result.status === "rejected") throw result.reason;
  return result.value;
}

const removeEach = (stores: Writing, hashes: readonly string[]): Promise<unknown> =>
  Promise.all(
    hashes.flatMap((hash) => [
      stores.objectStore("uses").delete(hash),
      stores.objectStore("texts").delete(hash),
    ]),
  );

const isQuotaError = (error: unknown): boolean =>
  isRecord(error) &&
  (error["name"] === "QuotaExceededError" || error["name"] === "NS_ERROR_DOM_QUOTA_REACHED");

const isUse = (value: unknown): value is Use =>
  isRecord(value) &&
  typeof value["hash"] === "string" &&
  typeof value["build"] === "string" &&
  readCount(value["used"]) !== null &&
  readCount(value["bytes"]) !== null;

/** The entry, or null where it is not the one that was written. */
async function checkRecord({ hash, bytes, used }: Use, record: unknown): Promise<StoredText | null> {
  if (!isRecord(record)) return null;
  const [key, text] = [readText(record["key"]), readText(record["text"])];
  if (key === null || text === null || text.length > MOST_ENTRY_BYTES) return null;
  const encoded = new TextEncoder().encode(text);
  if (encoded.byteLength !== bytes) return null;
  const [ofKey, sum] = await Promise.all([hashOf(key), hashBytes(encoded)]);
  return ofKey === hash && sum === record["sum"] ? { key, text, usedMs: used } : null;
}

const hashOf = (text: string): Promise<string> => hashBytes(new TextEncoder().encode(text));

async function hashBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

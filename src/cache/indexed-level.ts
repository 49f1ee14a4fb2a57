/**
 * Entries in IndexedDB, for browsers. A database answers later, and calls do not wait: so what was used last is read when
 * the device is opened, while the browser looks for the adapter, and what is compiled is written behind the call.
 *
 * Ensures: never throws, and nothing waits longer than `MOST_WAIT_MS` for it. Where the browser has no database for us
 *          (private windows, sandboxed frames, no room), programs are compiled as if there were no such level, and
 *          `problem` says why.
 */
import type { Database, DatabaseOptions, Loaded } from "./database.ts";
import { MOST_ENTRY_BYTES, type StoredCounts, type StoredLevel, USE_MS } from "./stored-level.ts";

export interface IndexedOptions extends Omit<DatabaseOptions, "onLost"> {
  /** Loads what speaks to databases: programs in Node and pages without a cache do without it. */
  readonly open: (options: DatabaseOptions) => Promise<Database>;
}

/** A program of a page compiles in less. */
const MOST_WAIT_MS = 300;

interface Held {
  readonly text: string;
  usedMs: number;
}

export class IndexedLevel implements StoredLevel {
  readonly place: string;
  readonly ready: Promise<void>;
  readonly #maxBytes: number;
  readonly #opened: Promise<Database | null>;
  #problem: string | null = null;
  readonly #counts = { writes: 0, failedWrites: 0, dropped: 0, evicted: 0 };
  /** What was read, by key. What this page writes lies in the memory level above. */
  readonly #held = new Map<string, Held>();
  /** Lists that are to be written: only the last state of each counts. */
  readonly #lists = new Map<string, readonly string[]>();
  readonly #touched = new Set<string>();
  /** Work on the database, one after another. */
  #queue: Promise<void>;

  constructor({ open, ...options }: IndexedOptions) {
    this.place = `IndexedDB ${options.name}`;
    this.#maxBytes = options.maxBytes;
    this.#opened = this.#open(open, options);
    this.#queue = this.#opened.then(() => undefined);
    const loaded = this.#enqueue(async (database) => {
      this.#take(await database.loadRecent());
    });
    this.ready = Promise.race([loaded, new Promise<void>((resolve) => setTimeout(resolve, MOST_WAIT_MS))]);
  }

  get problem(): string | null {
    return this.#problem;
  }

  get counts(): StoredCounts {
    return { ...this.#counts };
  }

  read(key: string): string | null {
    const held = this.#held.get(key);
    if (held === undefined) return null;
    if (Date.now() - held.usedMs > USE_MS) {
      held.usedMs = Date.now();
      this.#touch(key);
    }
    return held.text;
  }

  write(key: string, text: string): void {
    this.#held.delete(key);
    if (text.length > Math.min(MOST_ENTRY_BYTES, this.#maxBytes)) return;
    void this.#enqueue(
      async (database) => {
        this.#counts.evicted += await database.put(key, text);
        this.#counts.writes += 1;
      },
      () => {
        this.#counts.failedWrites += 1;
      },
    );
  }

  drop(key: string): void {
    this.#counts.dropped += 1;
    this.#held.delete(key);
    void this.#enqueue((database) => database.remove([key]));
  }

  saveList(name: string, keys: readonly string[]): void {
    const isWaiting = this.#lists.has(name);
    this.#lists.set(name, keys);
    if (isWaiting) return;
    void this.#enqueue((database) => {
      const last = this.#lists.get(name) ?? [];
      this.#lists.delete(name);
      return database.saveList(name, last);
    });
  }

  async loadList(name: string): Promise<readonly string[]> {
    let texts: readonly string[] = [];
    await this.#enqueue(async (database) => {
      const loaded = await database.loadList(name);
      this.#take(loaded);
      texts = loaded.found.map(({ text }) => text);
    });
    return texts;
  }

  async flush(): Promise<void> {
    await this.#queue;
  }

  close(): void {
    void this.#enqueue((database) => {
      database.close();
    });
  }

  async #open(
    open: IndexedOptions["open"],
    options: Omit<DatabaseOptions, "onLost">,
  ): Promise<Database | null> {
    try {
      return await open({
        ...options,
        onLost: (reason) => {
          this.#problem ??= reason;
        },
      });
    } catch (error) {
      this.#problem = `IndexedDB cannot be used: ${String(error).replace(/^Error: /, "")}`;
      return null;
    }
  }

  #take({ found, dropped }: Loaded): void {
    this.#counts.dropped += dropped;
    for (const { key, text, usedMs } of found) this.#held.set(key, { text, usedMs });
  }

  /** All that are read in one go are written in one go. */
  #touch(key: string): void {
    const isWaiting = this.#touched.size > 0;
    this.#touched.add(key);
    if (isWaiting) return;
    void this.#enqueue((database) => {
      const keys = [...this.#touched];
      this.#touched.clear();
      return database.touch(keys);
    });
  }

  #enqueue(work: (database: Database) => void | Promise<void>, onFailure?: () => void): Promise<void> {
    const done = this.#queue.then(async () => {
      try {
        const database = this.#problem === null ? await this.#opened : null;
        if (database === null) onFailure?.();
        else await work(database);
      } catch {
        onFailure?.();
      }
    });
    this.#queue = done;
    return done;
  }
}

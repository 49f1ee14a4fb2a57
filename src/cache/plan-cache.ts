/**
 * Compiled plans of a device, by all that they depend on: in memory, and in files (Node) or a database
 * (browsers), where later processes and visits find them. A plan that is found runs no pass of the compiler.
 *
 * Ensures: what is found was compiled by this compiler for this graph and this profile, or it is dropped and compiled
 *          again: entries are taken only whole, with the very key that was asked for, and when `accept` takes their plan.
 */
import type { Plan } from "../ir/plan.ts";
import {
  type CacheEntry,
  type EntryContent,
  planOfContent,
  printEntry,
  readAnyEntry,
  readEntry,
} from "./entry.ts";
import { MemoryLevel } from "./memory-level.ts";
import { MOST_LISTED, type StoredLevel } from "./stored-level.ts";
import { hearsTheSame, recordAnswers, type TunedSource } from "./tuned-answers.ts";

/** What the cache of a device has done since it was opened. */
export interface CacheCounters {
  readonly memoryHits: number;
  readonly storedHits: number;
  /** Times that the passes of the compiler ran for a program of this device, found or not looked for. */
  readonly compiles: number;
  readonly writes: number;
  /** Writes that failed: no room, no permission. */
  readonly failedWrites: number;
  /** Entries that were damaged, foreign or of no use, and removed. */
  readonly dropped: number;
  /** Entries that made room for others. */
  readonly evicted: number;
}

/** What is looked for. */
export interface KeptRequest<S extends TunedSource, C extends EntryContent> {
  readonly key: string;
  readonly tuned: S;
  /** Whether the caller can run what was found. */
  readonly accept: (content: EntryContent) => content is C;
  /** Whether its kernels are worth compiling ahead at the next start. Default true. */
  readonly isListed?: boolean | undefined;
}

export interface CacheRequest<S extends TunedSource, C extends EntryContent> extends KeptRequest<S, C> {
  readonly compile: (tuned: Pick<S, "size" | "find">) => C;
}

export interface Found<C extends EntryContent> {
  readonly content: C;
  /**
   * Where it was not compiled just now: forgets it and compiles it, for whoever finds that its kernels do not run. That is
   * all that the checks of an entry cannot see.
   */
  readonly renew: (() => C) | undefined;
}

/** Characters of entries in memory at most. */
const MOST_IN_MEMORY = 32 * 2 ** 20;

export class PlanCache {
  readonly #stored: StoredLevel | null;
  readonly #memory: MemoryLevel | null;
  /** What tells this compiler from others, or null where nothing is cached. */
  readonly buildId: string | null;
  #memoryHits = 0;
  #storedHits = 0;
  #compiles = 0;
  #isListWaiting = false;
  #list: { readonly name: string; readonly keys: Set<string> } | null = null;

  constructor(buildId: string | null = null, stored: StoredLevel | null = null) {
    this.buildId = buildId;
    this.#stored = stored;
    this.#memory = buildId === null ? null : new MemoryLevel(MOST_IN_MEMORY);
  }

  /** The folder or the database, or null where plans live in memory only. */
  get place(): string | null {
    return this.#stored?.place ?? null;
  }

  /** Why nothing is kept at the place, in words, or null: what a browser says that has no database for the page. */
  get problem(): string | null {
    return this.#stored?.problem ?? null;
  }

  /** Resolves when what was kept earlier can be found; `openDevice` waits for it. */
  get ready(): Promise<void> {
    return this.#stored?.ready ?? Promise.resolve();
  }

  /** Resolves when all that was compiled before is kept. Databases are written behind the calls, files within them. */
  flush(): Promise<void> {
    this.#saveList();
    return this.#stored?.flush() ?? Promise.resolve();
  }

  /** Lets go of the database. `device.dispose()` does it. */
  close(): void {
    this.#saveList();
    this.#stored?.close();
  }

  get counters(): CacheCounters {
    const none = { writes: 0, failedWrites: 0, dropped: 0, evicted: 0 };
    return {
      memoryHits: this.#memoryHits,
      storedHits: this.#storedHits,
      compiles: this.#compiles,
      ...(this.#stored?.counts ?? none),
    };
  }

  /**
   * From now on keeps, under the name, which plans are used.
   *
   * @returns those that were used when the name was last given, as far as their keys begin with `compiler`
   */
  async startList(name: string, compiler: string): Promise<readonly Plan[]> {
    this.#list = { name, keys: new Set() };
    const texts = (await this.#stored?.loadList(name)) ?? [];
    return texts.flatMap((text) => {
      const entry = readAnyEntry(text);
      const plan = entry?.key.startsWith(compiler) === true ? planOfContent(entry.content) : null;
      return plan === null ? [] : [plan];
    });
  }

  #noteUse(key: string): void {
    const list = this.#list;
    if (list === null || list.keys.has(key) || list.keys.size >= MOST_LISTED) return;
    list.keys.add(key);
    if (this.#isListWaiting) return;
    this.#isListWaiting = true;
    queueMicrotask(() => {
      this.#saveList(); // once for all calls in a row, and behind them
    });
  }

  #saveList(): void {
    if (!this.#isListWaiting || this.#list === null) return;
    this.#isListWaiting = false;
    this.#stored?.saveList(this.#list.name, [...this.#list.keys]);
  }

  /** Counts a compilation that has nothing to do with the cache. */
  countCompile(): void {
    this.#compiles += 1;
  }

  /** What is asked for, compiled where it is not known. */
  find<S extends TunedSource, C extends EntryContent>(request: CacheRequest<S, C>): Found<C> {
    const kept = this.findKept(request);
    if (kept === null) return { content: this.#compile(request), renew: undefined };
    const renew = (): C => {
      this.#stored?.drop(request.key);
      return this.#compile(request);
    };
    return { content: kept, renew };
  }

  /** What is asked for, or null. */
  findKept<S extends TunedSource, C extends EntryContent>({
    key,
    tuned,
    accept,
    isListed = true,
  }: KeptRequest<S, C>): C | null {
    if (isListed) this.#noteUse(key);
    const held = this.#memory?.get(key);
    if (held !== undefined && hearsTheSame(held.answers, tuned) && accept(held.content)) {
      this.#memoryHits += 1;
      return held.content;
    }
    const text = this.#stored?.read(key) ?? null;
    if (text === null) return null;
    const entry = readEntry(text, key);
    if (entry === null || !accept(entry.content)) {
      this.#stored?.drop(key);
      return null;
    }
    if (!hearsTheSame(entry.answers, tuned)) return null;
    this.#storedHits += 1;
    this.#memory?.set(key, entry, text.length);
    return entry.content;
  }

  /** Keeps what was compiled. */
  keep(key: string, entry: CacheEntry): void {
    const text = printEntry(key, entry);
    this.#memory?.set(key, entry, text.length);
    this.#stored?.write(key, text);
  }

  #compile<S extends TunedSource, C extends EntryContent>({
    key,
    tuned,
    accept,
    compile,
  }: CacheRequest<S, C>): C {
    this.#compiles += 1;
    const { source, answers } = recordAnswers(tuned);
    const content = compile(source);
    // A plan that the device refuses is none to keep: the refusal must be the same at the next call.
    if (accept(content)) this.keep(key, { content, answers });
    return content;
  }
}

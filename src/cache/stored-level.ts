/** What outlives the process: files in Node (disk-level.ts), a database in browsers (indexed-level.ts). */

/** Texts by key. Nothing throws: what cannot be read is not there, what cannot be written is not kept. */
export interface StoredLevel {
  /** Where it is, for people. */
  readonly place: string;
  /** Why nothing is kept, in words, or null. */
  readonly problem: string | null;
  readonly counts: StoredCounts;
  /** Resolves when `read` finds what is there, at the latest when waiting for it would take longer than it saves. */
  readonly ready: Promise<void>;
  /** The text as it was written, or null; what is there but damaged is removed. */
  read(key: string): string | null;
  write(key: string, text: string): void;
  /** Removes what turned out to be of no use. */
  drop(key: string): void;
  /** Keeps which entries a program has used; a list of the same name is replaced. */
  saveList(name: string, keys: readonly string[]): void;
  /** The texts of the entries on a list, those that are still there. */
  loadList(name: string): Promise<readonly string[]>;
  /** Resolves when everything that was written before is kept, or is known not to be. */
  flush(): Promise<void>;
  /** Lets go of what is open; what was written before is still kept. */
  close(): void;
}

export interface StoredCounts {
  readonly writes: number;
  /** Writes that failed: no room, no permission. */
  readonly failedWrites: number;
  /** Entries that were removed because they were damaged, foreign or of no use. */
  readonly dropped: number;
  /** Entries that were removed for others. */
  readonly evicted: number;
}

/** Longer lists are cut off: what a program needs at its start. */
export const MOST_LISTED = 256;

/** Longer entries are neither written nor read. */
export const MOST_ENTRY_BYTES = 16 * 2 ** 20;

/** The time of last use is renewed where it is older: entries that are used all the time are not written all the time. */
export const USE_MS = 60_000;

/** Share of the bound that is written between sweeps. */
export const SWEEP_SHARE = 1 / 16;

/** A sweep leaves so much room that the next one is not due at once. */
export const KEPT_SHARE = 7 / 8;

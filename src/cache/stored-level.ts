/** What outlives the process: files in Node. A browser has nothing of the kind yet. */

/** Texts by key. Nothing throws: what cannot be read is not there, what cannot be written is not kept. */
export interface StoredLevel {
  /** Where it is, for people. */
  readonly place: string;
  readonly counts: StoredCounts;
  /** The text as it was written, or null; what is there but damaged is removed. */
  read(key: string): string | null;
  write(key: string, text: string): void;
  /** Removes what turned out to be of no use. */
  drop(key: string): void;
  /** Keeps which entries a program has used; a list of the same name is replaced. */
  saveList(name: string, keys: readonly string[]): void;
  /** The texts of the entries on a list, those that are still there. */
  loadList(name: string): readonly string[];
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

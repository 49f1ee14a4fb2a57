/** Entries of this process, bounded by their size as text: what was used least recently goes first. */
import type { CacheEntry } from "./entry.ts";

interface Held {
  readonly entry: CacheEntry;
  readonly size: number;
}

export class MemoryLevel {
  readonly #held = new Map<string, Held>(); // in the order of last use
  readonly #most: number;
  #size = 0;

  /** `most`: characters. */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): CacheEntry | undefined {
    const held = this.#held.get(key);
    if (held === undefined) return undefined;
    this.#held.delete(key);
    this.#held.set(key, held);
    return held.entry;
  }

  set(key: string, entry: CacheEntry, textSize: number): void {
    this.#remove(key);
    const size = key.length + textSize;
    if (size > this.#most) return;
    this.#held.set(key, { entry, size });
    this.#size += size;
    for (const oldest of this.#held.keys()) {
      if (this.#size <= this.#most) return;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#size -= this.#held.get(key)?.size ?? 0;
    this.#held.delete(key);
  }
}

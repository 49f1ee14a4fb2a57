/** A map that forgets what was used least recently once it holds `capacity` entries. */
export class LruCache<V> {
  readonly #entries = new Map<string, V>(); // in the order of last use
  readonly #capacity: number;
  readonly #onEvict: ((value: V) => void) | undefined;

  /** `onEvict` is told of a value that had to make room for another. */
  constructor(capacity: number, onEvict?: (value: V) => void) {
    this.#capacity = capacity;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The value, now the most recently used one. */
  get(key: string): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: string, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#capacity) return;
    for (const [oldest, evicted] of this.#entries) {
      this.#entries.delete(oldest);
      this.#onEvict?.(evicted);
      return;
    }
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Entries, the least recently used first. Entries may be deleted on the way. */
  entries(): IterableIterator<[string, V]> {
    return this.#entries.entries();
  }
}

/**
 * Entries as files, for Node. Many processes may use one folder at once, without locks: an entry is written beside its
 * place and moved there whole, equal keys have equal entries, and whoever comes second replaces the first.
 *
 * Ensures: never throws. A process that is killed at any moment leaves whole entries and at most a draft, which a later
 *          sweep removes. The folder may exceed its bound by what processes write between their sweeps (1/16 each).
 */
import { entryPath, listPath, removeFile, sweepFolder } from "./disk-folder.ts";
import { printEntryFile, readEntryFile } from "./entry-file.ts";
import { readEach, readText } from "../ir/read-json.ts";
import type { NodeModules } from "./node-modules.ts";
import {
  MOST_ENTRY_BYTES,
  MOST_LISTED,
  type StoredCounts,
  type StoredLevel,
  SWEEP_SHARE,
  USE_MS,
} from "./stored-level.ts";

export interface DiskOptions {
  readonly folder: string;
  readonly maxBytes: number;
}

export class DiskLevel implements StoredLevel {
  readonly place: string;
  readonly problem = null;
  readonly ready = Promise.resolve();
  readonly #node: NodeModules;
  readonly #maxBytes: number;
  readonly #counts = { writes: 0, failedWrites: 0, dropped: 0, evicted: 0 };
  /** Bytes written since the last sweep; the first write is followed by one. */
  #unswept = Number.POSITIVE_INFINITY;

  constructor(node: NodeModules, { folder, maxBytes }: DiskOptions) {
    this.#node = node;
    this.place = folder;
    this.#maxBytes = maxBytes;
  }

  get counts(): StoredCounts {
    return { ...this.#counts };
  }

  read(key: string): string | null {
    const file = this.#fileOf(key);
    const found = readEntryFile(this.#node, file);
    if (found.kind === "missing") return null;
    if (found.kind === "broken") {
      this.drop(key);
      return null;
    }
    if (Date.now() - found.usedMs > USE_MS) this.#touch(file);
    return found.text;
  }

  drop(key: string): void {
    this.#counts.dropped += 1;
    removeFile(this.#node, this.#fileOf(key));
  }

  write(key: string, text: string): void {
    const bytes = printEntryFile(this.#node, text);
    if (bytes.byteLength > Math.min(MOST_ENTRY_BYTES, this.#maxBytes)) return;
    if (!this.#put(this.#fileOf(key), bytes)) {
      this.#counts.failedWrites += 1;
      return;
    }
    this.#counts.writes += 1;
    this.#unswept += bytes.byteLength;
    if (this.#unswept < this.#maxBytes * SWEEP_SHARE) return;
    this.#unswept = 0;
    this.#counts.evicted += sweepFolder(this.#node, this.place, this.#maxBytes, Date.now());
  }

  saveList(name: string, keys: readonly string[]): void {
    const hashes = JSON.stringify(keys.slice(0, MOST_LISTED).map((key) => this.#hash(key)));
    this.#put(listPath(this.#node, this.place, this.#hash(name)), printEntryFile(this.#node, hashes));
  }

  loadList(name: string): Promise<readonly string[]> {
    return Promise.resolve(this.#readList(name));
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    // No file stays open.
  }

  #readList(name: string): readonly string[] {
    const found = readEntryFile(this.#node, listPath(this.#node, this.place, this.#hash(name)));
    return (found.kind === "whole" ? readHashes(found.text) : []).flatMap((hash) => {
      const entry = readEntryFile(this.#node, entryPath(this.#node, this.place, hash));
      return entry.kind === "whole" ? [entry.text] : [];
    });
  }

  #fileOf(key: string): string {
    return entryPath(this.#node, this.place, this.#hash(key));
  }

  #hash(text: string): string {
    return this.#node.crypto.createHash("sha256").update(text).digest("hex");
  }

  /** Moves whole files into place only; false where that fails. Only we may read or write what we make. */
  #put(file: string, bytes: Buffer): boolean {
    const { fs, path, crypto } = this.#node;
    const parent = path.dirname(file);
    const draft = path.join(parent, `.${crypto.randomBytes(16).toString("hex")}.tmp`);
    try {
      fs.mkdirSync(parent, { recursive: true, mode: 0o700 });
      fs.writeFileSync(draft, bytes, { flag: "wx", mode: 0o600 });
      fs.renameSync(draft, file);
      return true;
    } catch {
      removeFile(this.#node, draft);
      return false;
    }
  }

  #touch(file: string): void {
    const now = new Date();
    try {
      this.#node.fs.utimesSync(file, now, now);
    } catch {
      // It is only a little more likely to make room for others.
    }
  }
}

function readHashes(text: string): readonly string[] {
  try {
    const hashes = readEach(JSON.parse(text), readText) ?? [];
    return hashes.slice(0, MOST_LISTED).filter((hash) => /^[0-9a-f]{64}$/.test(hash));
  } catch {
    return []; // sound, but no list
  }
}

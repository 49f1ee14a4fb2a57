/**
 * Small JSON files in the user's cache folder, for Node ($XDG_CACHE_HOME/tensorweft, %LOCALAPPDATA% on Windows). Browsers
 * have no such folder: there, nothing is found and nothing is kept.
 *
 * Ensures: never throws. A file that is missing, corrupt, of another key, or that cannot be written is as if there were
 * none; writers put a whole file in place at once, so readers never see half of one.
 */
import type * as Crypto from "node:crypto";
import type * as Fs from "node:fs/promises";
import type * as Os from "node:os";
import type * as Path from "node:path";

/** Where a file is. */
export interface CachePlace {
  /** What is kept: a folder of its own in the cache. */
  readonly kind: "profiles" | "tuning";
  /** What it depends on; the file is named for the hash of both and holds the key. */
  readonly key: string;
  /** In place of the user's cache folder. */
  readonly folder: string | undefined;
}

/** What was kept under the key, unchecked, or null. */
export async function loadCached(place: CachePlace): Promise<unknown> {
  try {
    const { fs, file } = await locate(place);
    const stored: unknown = JSON.parse(await fs.readFile(file, "utf8"));
    const isOurs = typeof stored === "object" && stored !== null && "key" in stored && "value" in stored;
    return isOurs && stored.key === place.key ? stored.value : null;
  } catch {
    return null;
  }
}

export async function saveCached(place: CachePlace, value: unknown): Promise<void> {
  try {
    const { fs, crypto, file, parent } = await locate(place);
    await fs.mkdir(parent, { recursive: true });
    const draft = `${file}.${crypto.randomUUID()}.tmp`;
    await fs.writeFile(draft, `${JSON.stringify({ key: place.key, value })}\n`);
    await fs.rename(draft, file);
  } catch {
    // A home that cannot be written only means measuring again.
  }
}

/** Rejects outside Node. */
async function locate({ kind, key, folder }: CachePlace) {
  // Names in variables keep bundlers from following what only Node has.
  const [fsName, pathName, osName, cryptoName] = ["node:fs/promises", "node:path", "node:os", "node:crypto"];
  const fs = (await import(/* @vite-ignore */ fsName)) as typeof Fs;
  const path = (await import(/* @vite-ignore */ pathName)) as typeof Path;
  const { homedir } = (await import(/* @vite-ignore */ osName)) as typeof Os;
  const crypto = (await import(/* @vite-ignore */ cryptoName)) as typeof Crypto;
  const { env, platform } = process;
  const base = platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_CACHE_HOME"];
  const cache = base === undefined || base === "" ? path.join(homedir(), ".cache") : base;
  const parent = folder ?? path.join(cache, "tensorweft", kind);
  const name = crypto.createHash("sha256").update(`${kind} ${key}`).digest("hex").slice(0, 16);
  return { fs, crypto, parent, file: path.join(parent, `${name}.json`) };
}

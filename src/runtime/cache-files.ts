/**
 * Small JSON files in the user's cache folder, for Node (cache-folder.ts). Browsers have no such folder: there, nothing is
 * found and nothing is kept.
 *
 * Ensures: never throws. A file that is missing, corrupt, of another key, or that cannot be written is as if there were
 * none; writers put a whole file in place at once, so readers never see half of one.
 */
import { findCacheFolder } from "../cache/cache-folder.ts";
import { findNodeModules } from "../cache/node-modules.ts";

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
    const { fs, file } = locate(place);
    const stored: unknown = JSON.parse(await fs.readFile(file, "utf8"));
    const isOurs = typeof stored === "object" && stored !== null && "key" in stored && "value" in stored;
    return isOurs && stored.key === place.key ? stored.value : null;
  } catch {
    return null;
  }
}

export async function saveCached(place: CachePlace, value: unknown): Promise<void> {
  try {
    const { fs, crypto, file, parent } = locate(place);
    await fs.mkdir(parent, { recursive: true });
    const draft = `${file}.${crypto.randomUUID()}.tmp`;
    await fs.writeFile(draft, `${JSON.stringify({ key: place.key, value })}\n`);
    await fs.rename(draft, file);
  } catch {
    // A home that cannot be written only means measuring again.
  }
}

/** Throws outside Node. */
function locate({ kind, key, folder }: CachePlace) {
  const node = findNodeModules();
  if (node === null) throw new Error("there is no folder");
  const { fs, path, crypto } = node;
  const parent = folder ?? path.join(findCacheFolder(node), kind);
  const name = crypto.createHash("sha256").update(`${kind} ${key}`).digest("hex").slice(0, 16);
  return { fs: fs.promises, crypto, parent, file: path.join(parent, `${name}.json`) };
}

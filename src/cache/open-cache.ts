/** The cache of a device that is being opened. */
import { findBuildId } from "./build-id.ts";
import { findPlansFolder, isCacheOff } from "./cache-folder.ts";
import { DiskLevel } from "./disk-level.ts";
import { IndexedLevel } from "./indexed-level.ts";
import { findNodeModules, type NodeModules } from "./node-modules.ts";
import { PlanCache } from "./plan-cache.ts";

export interface CacheOptions {
  /** Where compiled plans are kept, in Node. Default: `plans` in `$TENSORWEFT_CACHE` or in the user's cache folder. */
  readonly folder?: string | undefined;
  /** The IndexedDB database that holds them, in browsers: pages of one origin share it. Default "tensorweft". */
  readonly database?: string | undefined;
  /** What they may take; the ones that were used least recently go first. Default 128 MiB, in browsers 32 MiB. */
  readonly maxBytes?: number | undefined;
}

export const DEFAULT_MAX_BYTES = 128 * 2 ** 20;
/** Of what browsers grant an origin, most is the page's. */
const DEFAULT_MAX_BYTES_IN_BROWSER = 32 * 2 ** 20;
const DEFAULT_DATABASE = "tensorweft";

/** Id of a compiler that nobody can tell from others: good enough within one process. */
const UNKNOWN_BUILD = "unknown";

export function openPlanCache(wanted: boolean | CacheOptions = true): PlanCache {
  if (wanted === false) return new PlanCache();
  const node = findNodeModules();
  const options = wanted === true ? {} : wanted;
  // Off by the environment, unless the program itself names a folder.
  if (node !== null && isCacheOff(node) && options.folder === undefined) return new PlanCache();
  const buildId = findBuildId(node);
  // Other builds must not find what an unknown one has made.
  if (buildId === null) return new PlanCache(UNKNOWN_BUILD);
  return new PlanCache(buildId, node === null ? openIndexed(buildId, options) : openDisk(node, options));
}

function openDisk(node: NodeModules, { folder, maxBytes = DEFAULT_MAX_BYTES }: CacheOptions): DiskLevel {
  return new DiskLevel(node, {
    folder: folder === undefined ? findPlansFolder(node) : node.path.resolve(folder),
    maxBytes,
  });
}

function openIndexed(
  build: string,
  { database: name = DEFAULT_DATABASE, maxBytes = DEFAULT_MAX_BYTES_IN_BROWSER }: CacheOptions,
): IndexedLevel {
  return new IndexedLevel({
    name,
    build,
    maxBytes,
    open: async (database) => (await import("./database.ts")).Database.open(database),
  });
}

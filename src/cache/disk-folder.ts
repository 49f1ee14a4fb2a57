/**
 * The folder of a cache: which files in it are ours, what they take, and what goes when there is no room.
 *
 *     FOLDER/5e/884898da...42d8.plan     an entry, named by the SHA-256 of its key
 *     FOLDER/5e/.31c0...9f.tmp           being written, or left behind by a process that was killed
 *     FOLDER/lists/77af...01.list        the entries that a program used when it ran last
 *
 * Ensures: nothing else in the folder is ever touched, no symbolic link is followed, and nothing throws: what another
 *          process has removed in the meantime is not there.
 */
import type { NodeModules } from "./node-modules.ts";
import { KEPT_SHARE } from "./stored-level.ts";

type Needed = Pick<NodeModules, "fs" | "path">;

const SHARD = /^[0-9a-f]{2}$/;
const ENTRY = /^[0-9a-f]{62}\.plan$/;
const DRAFT = /^\.[0-9a-f]{32}\.tmp$/;
/** Nobody writes an entry for that long. */
const OLD_DRAFT_MS = 3_600_000;

export interface FileInfo {
  readonly file: string;
  readonly bytes: number;
  /** When it was written or last used. */
  readonly usedMs: number;
}

export const entryPath = ({ path }: Pick<NodeModules, "path">, folder: string, hash: string): string =>
  path.join(folder, hash.slice(0, 2), `${hash.slice(2)}.plan`);

export const listPath = ({ path }: Pick<NodeModules, "path">, folder: string, hash: string): string =>
  path.join(folder, "lists", `${hash}.list`);

/** Lists of programs. */
export function listLists({ fs, path }: Needed, folder: string): readonly string[] {
  try {
    const lists = path.join(folder, "lists");
    const names = fs.lstatSync(lists).isDirectory() ? fs.readdirSync(lists) : [];
    return names.filter((name) => /^[0-9a-f]{64}\.list$/.test(name)).map((name) => path.join(lists, name));
  } catch {
    return [];
  }
}

export function listEntries(node: Needed, folder: string): readonly FileInfo[] {
  return listFiles(node, folder, ENTRY);
}

/** Hash of the key by which the file is named. */
export const hashOfEntry = ({ path }: Pick<NodeModules, "path">, file: string): string =>
  path.basename(path.dirname(file)) + path.basename(file, ".plan");

function listFiles({ fs, path }: Needed, folder: string, name: RegExp): readonly FileInfo[] {
  const names = (parent: string): readonly string[] => {
    try {
      return fs.lstatSync(parent).isDirectory() ? fs.readdirSync(parent) : [];
    } catch {
      return [];
    }
  };
  const shards = names(folder).filter((shard) => SHARD.test(shard));
  return shards.flatMap((shard) =>
    names(path.join(folder, shard)).flatMap((file): readonly FileInfo[] => {
      if (!name.test(file)) return [];
      const whole = path.join(folder, shard, file);
      try {
        const { size, mtimeMs } = fs.lstatSync(whole);
        return [{ file: whole, bytes: size, usedMs: mtimeMs }];
      } catch {
        return [];
      }
    }),
  );
}

/** Removes a file, or an empty folder that stands in its place; whether it is gone. */
export function removeFile({ fs }: Pick<NodeModules, "fs">, file: string): boolean {
  try {
    fs.unlinkSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
  }
  try {
    fs.rmdirSync(file);
    return true;
  } catch {
    return false;
  }
}

/** Removes old drafts, and, where there is more than `maxBytes`, what was used least recently; how many entries went. */
export function sweepFolder(node: Needed, folder: string, maxBytes: number, now: number): number {
  for (const { file, usedMs } of listFiles(node, folder, DRAFT))
    if (now - usedMs > OLD_DRAFT_MS) removeFile(node, file);
  const entries = [...listEntries(node, folder)].sort((a, b) => a.usedMs - b.usedMs);
  let left = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (left <= maxBytes) return 0;
  let removed = 0;
  for (const { file, bytes } of entries) {
    if (left <= maxBytes * KEPT_SHARE) break;
    if (removeFile(node, file)) removed += 1;
    left -= bytes;
  }
  return removed;
}

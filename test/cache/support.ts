/** What tests of the cache share: folders of their own, and Node's modules. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { findNodeModules, type NodeModules } from "../../src/cache/node-modules.ts";

/** An empty folder that goes when the test ends. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-cache-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export function nodeModules(): NodeModules {
  const node = findNodeModules();
  if (node === null) throw new Error("this is Node");
  return node;
}

/** Files of a folder and the folders in it, relative to it. */
export const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

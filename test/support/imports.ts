/** What the files under src/ import, read with TypeScript's own scanner. */
import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Import {
  /** The importing file, relative to the repository: "src/lower/lower.ts". */
  readonly from: string;
  /** A file likewise, or a package name as written ("chevrotain", "node:fs"). */
  readonly to: string;
  readonly isFile: boolean;
}

export function importsUnderSrc(): readonly Import[] {
  const files = globSync("src/**/*.ts", { cwd: root }).map((path) => path.replaceAll("\\", "/"));
  return files.sort().flatMap((file) => importsOf(file, readFileSync(join(root, file), "utf8")));
}

export function importsOf(from: string, text: string): readonly Import[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
    const isFile = fileName.startsWith(".");
    return { from, to: isFile ? join(dirname(from), fileName) : fileName, isFile };
  });
}

/** The first cycle found, as the files on it, first and last the same; undefined where there is none. */
export function findCycle(imports: readonly Import[]): readonly string[] | undefined {
  const targets = new Map<string, string[]>();
  for (const { from, to, isFile } of imports) {
    if (isFile) targets.set(from, [...(targets.get(from) ?? []), to]);
  }
  const finished = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    const seenAt = path.indexOf(file);
    if (seenAt >= 0) return [...path.slice(seenAt), file];
    if (finished.has(file)) return undefined;
    for (const target of targets.get(file) ?? []) {
      const cycle = visit(target, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(file);
    return undefined;
  };
  for (const file of targets.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

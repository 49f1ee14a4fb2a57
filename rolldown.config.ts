/**
 * What `npm run build` makes of src/: a few ES modules in dist/, because loading 150 small ones takes Node three times as
 * long. Declarations come from tsc (tsconfig.build.json), one for each source.
 *
 * Ensures: packages are imported, never bundled, and only by those who need them (chevrotain by ./text and the command);
 *          JSON is inlined; names without hashes and unminified code, so that stack traces read well and equal sources
 *          build equal files.
 */
import * as crypto from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import type { ChunkingContext, RolldownOptions } from "rolldown";
import { hashSources } from "./src/cache/build-id.ts";

/** What the compiler inserts for `using`, younger than the Node versions that we support. */
const isHelper = (id: string): boolean => id.startsWith("@oxc-project/runtime/");

const sources = fileURLToPath(new URL("src", import.meta.url));
const source = (file: string): string => path.join(sources, file);

/**
 * Which file a module goes to that several entries share, so that each entry loads few of them and nothing that it has no use
 * for: without this there would be one for each set of entries. What one entry alone needs stays with it.
 *
 * Ensures: what a group imports is in the same group or in an earlier one.
 */
function nameChunk(id: string, context: ChunkingContext): string | null {
  if (ENTRIES.includes(id)) return null;
  const isNeededBy = (entry: string): boolean => importsOf(source(entry), context).has(id);
  const main = isNeededBy("index.ts") || isNeededBy("text.ts");
  // What is shared with the runtime of built modules has no compiler in it.
  if (isNeededBy("runtime-entry.ts")) return main ? "core" : null;
  // What the command loads before it knows its task.
  if (isNeededBy("cli/main.ts")) return main ? "command" : null;
  if (isNeededBy("compile.ts")) return "compiler";
  return isNeededBy("index.ts") ? "tensorweft" : null;
}

/** All modules that importing one loads at once. */
function importsOf(entry: string, context: ChunkingContext): ReadonlySet<string> {
  const known = IMPORTS.get(entry);
  if (known !== undefined) return known;
  const found = new Set([entry]);
  for (const id of found) for (const next of context.getModuleInfo(id)?.importedIds ?? []) found.add(next);
  IMPORTS.set(entry, found);
  return found;
}
const IMPORTS = new Map<string, ReadonlySet<string>>();

const INPUT = {
  index: "./src/index.ts",
  text: "./src/text.ts",
  "runtime-entry": "./src/runtime-entry.ts",
  aot: "./src/aot.ts",
  "plugin/vite-entry": "./src/plugin/vite-entry.ts",
  "plugin/unplugin-entry": "./src/plugin/unplugin-entry.ts",
  "cli/main": "./src/cli/main.ts",
  // By the place of this one the package knows its own frames in stacks, so it keeps its place.
  "diagnostics/call-site": "./src/diagnostics/call-site.ts",
};
const ENTRIES: readonly string[] = Object.values(INPUT).map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);

export default {
  input: INPUT,
  external: (id) => !id.startsWith(".") && !path.isAbsolute(id) && !isHelper(id),
  platform: "neutral",
  // Asked for by groups that do not take along what their modules import; the tests hold what entries export.
  preserveEntrySignatures: "allow-extension",
  transform: {
    target: "es2024",
    // Plans that this build compiles are kept under it: only equal sources find them again.
    define: { TENSORWEFT_BUILD_ID: JSON.stringify(hashSources({ fs, path, crypto }, sources)) },
  },
  output: {
    dir: "dist",
    chunkFileNames: "chunks/[name].js",
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [{ name: nameChunk, debugName: "shared" }],
    },
  },
} satisfies RolldownOptions;

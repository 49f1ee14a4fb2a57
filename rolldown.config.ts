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
import type { RolldownOptions } from "rolldown";
import { hashSources } from "./src/cache/build-id.ts";

/** What the compiler inserts for `using`, younger than the Node versions that we support. */
const isHelper = (id: string): boolean => id.startsWith("@oxc-project/runtime/");

const sources = fileURLToPath(new URL("src", import.meta.url));

export default {
  input: {
    index: "./src/index.ts",
    text: "./src/text.ts",
    "runtime-entry": "./src/runtime-entry.ts",
    aot: "./src/aot.ts",
    "plugin/vite-entry": "./src/plugin/vite-entry.ts",
    "plugin/unplugin-entry": "./src/plugin/unplugin-entry.ts",
    "cli/main": "./src/cli/main.ts",
    // By the place of this one the package knows its own frames in stacks, so it keeps its place.
    "diagnostics/call-site": "./src/diagnostics/call-site.ts",
  },
  external: (id) => !id.startsWith(".") && !path.isAbsolute(id) && !isHelper(id),
  platform: "neutral",
  transform: {
    target: "es2024",
    // Plans that this build compiles are kept under it: only equal sources find them again.
    define: { TENSORWEFT_BUILD_ID: JSON.stringify(hashSources({ fs, path, crypto }, sources)) },
  },
  output: {
    dir: "dist",
    chunkFileNames: "chunks/[name].js",
    // What `weft cache` shares with the main entry in one file, not in one for each way to share it.
    codeSplitting: {
      groups: [{ name: "cache", test: /[\\/]src[\\/]cache[\\/](?!inspect-folder|export-file|database)/ }],
    },
  },
} satisfies RolldownOptions;

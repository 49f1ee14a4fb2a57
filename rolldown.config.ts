/**
 * What `npm run build` makes of src/: a few ES modules in dist/, because loading 150 small ones takes Node three times as
 * long. Declarations come from tsc (tsconfig.build.json), one for each source.
 *
 * Ensures: packages are imported, never bundled, and only by those who need them (chevrotain by ./text and the command);
 *          JSON is inlined; names without hashes and unminified code, so that stack traces read well and equal sources
 *          build equal files.
 */
import { isAbsolute } from "node:path";
import type { RolldownOptions } from "rolldown";

/** What the compiler inserts for `using`, younger than the Node versions that we support. */
const isHelper = (id: string): boolean => id.startsWith("@oxc-project/runtime/");

export default {
  input: {
    index: "./src/index.ts",
    text: "./src/text.ts",
    "cli/main": "./src/cli/main.ts",
    // By the place of this one the package knows its own frames in stacks, so it keeps its place.
    "diagnostics/call-site": "./src/diagnostics/call-site.ts",
  },
  external: (id) => !id.startsWith(".") && !isAbsolute(id) && !isHelper(id),
  platform: "neutral",
  transform: { target: "es2024" },
  output: { dir: "dist", chunkFileNames: "chunks/[name].js" },
} satisfies RolldownOptions;

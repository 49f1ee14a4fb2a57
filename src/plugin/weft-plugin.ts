/**
 * A plugin for bundlers: kernels are compiled while the program is bundled.
 *
 *     import { weightNorm } from "./norms.weft";    a text program; norms.d.weft.ts beside it has its types
 *     import { rmsNorm } from "./norms.gen.ts";     kernels of norms.ts; the file is kept as `weft build` would write it
 *
 * Ensures: what is bundled needs `tensorweft/runtime` only. Mistakes are shown at their file, line and column. Files are
 *          written where their text changes, and only those two.
 */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { EncodedSourceMap } from "@jridgewell/gen-mapping";
import {
  createUnplugin,
  type UnpluginBuildContext,
  type UnpluginContext,
  type UnpluginInstance,
} from "unplugin";
import { buildFile, isGenerated, sourceFileOf, textsOf, typesFileOf } from "../build-file.ts";
import { TensorweftError } from "../diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../diagnostics/render.ts";
import { mapExports } from "./map-exports.ts";

export interface WeftPluginOptions {
  /** Devices to compile for, as `weft build --profile`. Default "default", which runs on all. */
  readonly profile?: string | undefined;
  /** Whether types are written beside the .weft files that are imported. Default true. */
  readonly types?: boolean | undefined;
}

const TEXT = /\.weft$/;
const GENERATED = /\.gen\.ts$/;
const IMPORT_OF_GENERATED = /\.gen\.[jt]s$/;

type Context = UnpluginBuildContext & UnpluginContext;

/** For every bundler that unplugin knows: `weftPlugin.vite()`, `.rollup()`, `.rolldown()`, `.webpack()`, `.esbuild()`, ... */
export const weftPlugin: UnpluginInstance<WeftPluginOptions | undefined> = createUnplugin<
  WeftPluginOptions | undefined
>(({ profile = "default", types = true } = {}) => {
  /** Text programs that were imported. */
  const imported = new Set<string>();
  return {
    name: "tensorweft",
    enforce: "pre",
    resolveId: {
      filter: { id: IMPORT_OF_GENERATED },
      // Bundlers find files that are there (webpack asks again for what it was told); a module that was never built is not.
      handler(id, importer) {
        const path = resolve(dirname(importer ?? ""), id.replace(/\.js$/, ".ts")).replaceAll("\\", "/");
        const isThere = path === id && existsSync(path);
        return isThere || sourceFileOf(path) === undefined ? null : path;
      },
    },
    load: {
      filter: { id: [TEXT, GENERATED] },
      async handler(id) {
        const source = id.endsWith(".weft") ? id : sourceFileOf(id);
        if (source === undefined) return null;
        if (id.endsWith(".weft")) imported.add(id);
        return load(this, id, source, profile, types);
      },
    },
    /** Types follow the source at once, whether or not anyone asks for the module again. */
    watchChange(id, { event }) {
      if (event === "delete" || !types || !imported.has(id)) return;
      // What goes wrong is reported where the module is loaded.
      writeTypes(id, profile).catch(() => undefined);
    },
  };
});

async function writeTypes(id: string, profile: string): Promise<void> {
  const { print } = await buildFile(id, { profile, reads: new Map() });
  await writeChanged(typesFileOf(id), print(typesFileOf(id), "dts"));
}

async function load(
  context: Context,
  id: string,
  source: string,
  profile: string,
  types: boolean,
): Promise<{ code: string; map?: EncodedSourceMap }> {
  const reads = new Map<string, string | undefined>();
  try {
    const { kernels, print } = await buildFile(source, { profile, reads });
    if (id !== source) await writeChanged(id, print(id, "ts"));
    else if (types) await writeChanged(typesFileOf(id), print(typesFileOf(id), "dts"));
    const code = print(id, "js");
    return { code, map: mapExports(code, kernels, textsOf(reads)) };
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    report(context, source, error, textsOf(reads));
    // Some bundlers go on after a mistake, and forget it where there is no module (esbuild), or take the source for one (webpack).
    return { code: "export {};\n" };
  } finally {
    // Also files that are missing: the module is built again when they come.
    for (const file of reads.keys()) context.addWatchFile(resolve(file));
  }
}

/** Hands mistakes to the bundler: the first one as its place, all of them as they are printed elsewhere. */
function report(
  context: Context,
  source: string,
  { diagnostics }: TensorweftError,
  texts: ReadonlyMap<string, string>,
): void {
  const [first] = diagnostics;
  const { file = source, line = 1, column = 1 } = first?.span ?? {};
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : "";
  const help = first?.help === undefined ? "" : `\nhelp: ${first.help}`;
  const message = {
    id: source,
    message: `error[${first?.code ?? ""}]: ${first?.message ?? ""}${more}${help}`,
    loc: { file: resolve(file), line, column },
    frame: renderDiagnostics(diagnostics, texts),
    stack: "",
  };
  context.error(message);
}

/** Unchanged files keep their time, so that watchers stay quiet. Files of someone else's stay as they are. */
async function writeChanged(path: string, text: string): Promise<void> {
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === undefined || (before !== text && isGenerated(before))) await writeFile(path, text);
}

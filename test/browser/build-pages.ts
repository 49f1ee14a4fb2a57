/**
 * Bundles pages/ with Vite as an application would be, in memory: what `import … from "tensorweft"` means is src/, and
 * "built-norms" is what `weft build` writes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin, type Rolldown } from "vite";
import config from "../../rolldown.config.ts";
import { SOURCE } from "../aot/norm-cases.ts";
import { runWeft } from "../cli/run-weft.ts";

/** What a server has to send, by path: "/page.html", "/assets/page-Bx1.js". */
export type SiteFiles = ReadonlyMap<string, string | Uint8Array>;

export interface BuiltSite {
  readonly files: SiteFiles;
  /** The modules that a script was made of, by its path. */
  readonly modules: ReadonlyMap<string, readonly string[]>;
}

export async function buildPages(): Promise<BuiltSite> {
  const folder = mkdtempSync(join(tmpdir(), "weft-"));
  try {
    const norms = join(folder, "norms.gen.ts");
    const { status, err } = await runWeft("build", SOURCE, "--out", norms);
    if (status !== 0) throw new Error(err);
    return await bundlePages(norms);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function bundlePages(norms: string): Promise<BuiltSite> {
  const root = fileURLToPath(new URL("pages", import.meta.url));
  const runtime = fileURLToPath(new URL("../../src/runtime-entry.ts", import.meta.url));
  const modules = new Map<string, readonly string[]>();
  // The worker is a bundle of its own, whose chunks Vite hands on as plain files.
  const recorder: Plugin = {
    name: "record-modules",
    generateBundle: (_, bundle) => {
      for (const file of Object.values(bundle))
        if (file.type === "chunk")
          modules.set(
            `/${file.fileName}`,
            Object.keys(file.modules).map((id) => id.replaceAll("\\", "/")),
          );
    },
  };
  const built = await build({
    root,
    plugins: [recorder],
    configFile: false,
    logLevel: "error",
    mode: "production",
    resolve: {
      conditions: ["tensorweft-source", "browser", "import", "module", "default"],
      // The built module lies outside the repository, where no package is installed.
      alias: [
        { find: "built-norms", replacement: norms },
        { find: "tensorweft/runtime", replacement: runtime },
      ],
    },
    worker: { format: "es", plugins: () => [recorder] },
    define: config.transform.define,
    build: {
      write: false,
      target: "es2024",
      modulePreload: false,
      rolldownOptions: { input: `${root}/page.html` },
      chunkSizeWarningLimit: 8192,
    },
  });
  const files = new Map<string, string | Uint8Array>();
  for (const file of outputOf(built))
    files.set(`/${file.fileName}`, file.type === "chunk" ? file.code : file.source);
  return { files, modules };
}

function outputOf(built: Awaited<ReturnType<typeof build>>): Rolldown.RolldownOutput["output"] {
  if (Array.isArray(built) || !("output" in built))
    throw new Error("Vite was asked for one build, not watched");
  return built.output;
}

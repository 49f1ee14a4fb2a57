/** Bundles pages/ with Vite as an application would be, in memory: what `import … from "tensorweft"` means is src/. */
import { fileURLToPath } from "node:url";
import config from "../../rolldown.config.ts";
import { build, type Rolldown } from "vite";

/** What a server has to send, by path: "/page.html", "/assets/page-Bx1.js". */
export type SiteFiles = ReadonlyMap<string, string | Uint8Array>;

export async function buildPages(): Promise<SiteFiles> {
  const root = fileURLToPath(new URL("pages", import.meta.url));
  const built = await build({
    root,
    configFile: false,
    logLevel: "error",
    mode: "production",
    resolve: { conditions: ["tensorweft-source", "browser", "import", "module", "default"] },
    worker: { format: "es" },
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
  return files;
}

function outputOf(built: Awaited<ReturnType<typeof build>>): Rolldown.RolldownOutput["output"] {
  if (Array.isArray(built) || !("output" in built))
    throw new Error("Vite was asked for one build, not watched");
  return built.output;
}

/**
 * Bundles app.ts with Vite and the plugin, looks at what is in the bundle, and runs it. A vite.config.ts needs only the line
 * with `plugins`.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { tensorweft } from "tensorweft/vite";
import { build } from "vite";
import type { run as Run } from "./app.ts";

const root = fileURLToPath(new URL(".", import.meta.url));
const built = await build({
  root,
  configFile: false,
  logLevel: "error",
  plugins: [tensorweft()],
  // In this checkout the package is its sources; an installed one needs none of these lines.
  resolve: { conditions: ["tensorweft-source", "import", "module", "default"] },
  build: {
    write: false,
    target: "es2024",
    lib: { entry: "app.ts", formats: ["es"] },
    rolldownOptions: { external: ["webgpu"] },
  },
});
const [first] = Array.isArray(built) ? built : [];
const chunk = first?.output.find((file) => file.type === "chunk");
if (chunk === undefined) throw new Error("Vite gave no bundle");

const modules = Object.keys(chunk.modules);
const isCompiler = (id: string): boolean =>
  /src.(?:compile|passes|schedule|lower|codegen|frontend|library)/.test(id) || /chevrotain|ts-morph/.test(id);
console.log(`kernels in the bundle: ${chunk.code.match(/@compute/g)?.length ?? 0}`);
console.log(`compiler modules in the bundle: ${modules.filter(isCompiler).length}`);

const folder = new URL("dist/", import.meta.url);
await mkdir(folder, { recursive: true });
const file = new URL("app.mjs", folder);
await writeFile(file, chunk.code);
try {
  const { run } = (await import(file.href)) as { readonly run: typeof Run };
  for (const values of await run()) console.log(values.map((value) => value.toFixed(4)).join(" "));
} finally {
  await rm(folder, { recursive: true });
}

/**
 * What tells one compiler from another: a hash of its sources, since a version says nothing about the states between two
 * releases. Builds have it inside (rolldown.config.ts); programs that run the sources hash them when they first ask.
 */
import type { NodeModules } from "./node-modules.ts";

/** Put in place by the build. */
declare const TENSORWEFT_BUILD_ID: string | undefined;

/** The id, or null where nobody knows it: then nothing may be kept. */
export function findBuildId(node: NodeModules | null): string | null {
  if (typeof TENSORWEFT_BUILD_ID === "string") return TENSORWEFT_BUILD_ID;
  const here = import.meta.url;
  if (node === null || !here.startsWith("file:") || !here.endsWith("/src/cache/build-id.ts")) return null;
  try {
    return hashSources(node, node.url.fileURLToPath(new URL("..", here)));
  } catch {
    return null;
  }
}

/** Hash of the names and contents of all sources in a folder. */
export function hashSources(
  { fs, path, crypto }: Pick<NodeModules, "fs" | "path" | "crypto">,
  folder: string,
): string {
  const names = fs
    .readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(?:ts|json)$/.test(name))
    .map((name) => name.replaceAll("\\", "/"))
    .sort();
  const hash = crypto.createHash("sha256");
  for (const name of names) {
    const content = fs.readFileSync(path.join(folder, name));
    hash.update(`${name}\n${content.byteLength}\n`).update(content);
  }
  return hash.digest("hex");
}

/**
 * Where things are kept in Node: `$TENSORWEFT_CACHE` if it is set, else `tensorweft` in the user's cache folder
 * ($XDG_CACHE_HOME, ~/.cache; %LOCALAPPDATA% on Windows).
 */
import type { NodeModules } from "./node-modules.ts";

type Needed = Pick<NodeModules, "path" | "os" | "process">;

/** What `TENSORWEFT_CACHE` says instead of a folder: no plans are kept. */
const OFF = "off";

/** The folder of everything that is kept. */
export function findCacheFolder({ path, os, process }: Needed): string {
  const { env, platform } = process;
  const own = env["TENSORWEFT_CACHE"] ?? "";
  if (own !== "" && own !== OFF) return path.resolve(own);
  const base = platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_CACHE_HOME"];
  const cache = base === undefined || base === "" ? path.join(os.homedir(), ".cache") : base;
  return path.join(cache, "tensorweft");
}

/** The folder of compiled plans. */
export const findPlansFolder = (node: Needed): string => node.path.join(findCacheFolder(node), "plans");

export const isCacheOff = ({ process }: Pick<NodeModules, "process">): boolean =>
  process.env["TENSORWEFT_CACHE"] === OFF;

/**
 * Measured costs on disk, for Node: one small JSON file per adapter in the user's cache folder
 * ($XDG_CACHE_HOME/tensorweft/profiles, %LOCALAPPDATA% on Windows). Browsers have no such folder and measure again.
 *
 * Ensures: never throws. A file that is missing, corrupt, of another adapter, or that cannot be written is as if there
 * were none; writers put a whole file in place at once, so readers never see half of one.
 */
import type * as Crypto from "node:crypto";
import type * as Fs from "node:fs/promises";
import type * as Os from "node:os";
import type * as Path from "node:path";
import type { DeviceProfile } from "../ir/profile.ts";
import type { AdapterInfo } from "./device-profile.ts";
import { PACKAGE_VERSION } from "./version.ts";

const FOLDER = ["tensorweft", "profiles"];

/** What costs depend on: the adapter as it describes itself, its limits and features, and how this version measures. */
export function profileKey(profile: DeviceProfile, info: AdapterInfo): string {
  const { vendor = "", architecture = "", device = "", description = "" } = info;
  const { limits, features, subgroups } = profile;
  return JSON.stringify([
    PACKAGE_VERSION,
    vendor,
    architecture,
    device,
    description,
    limits,
    features,
    subgroups,
  ]);
}

/** The costs that were stored under the key, unchecked, or null. */
export async function loadCosts(
  key: string,
  folder: string | undefined,
): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const { fs, file } = await locate(key, folder);
    const stored: unknown = JSON.parse(await fs.readFile(file, "utf8"));
    if (!isRecord(stored) || stored["key"] !== key || !isRecord(stored["costs"])) return null;
    return stored["costs"];
  } catch {
    return null;
  }
}

export async function saveCosts(
  key: string,
  costs: Readonly<Record<string, number>>,
  folder: string | undefined,
): Promise<void> {
  try {
    const { fs, file, parent } = await locate(key, folder);
    await fs.mkdir(parent, { recursive: true });
    const draft = `${file}.${String(process.pid)}.tmp`;
    await fs.writeFile(draft, `${JSON.stringify({ key, costs })}\n`);
    await fs.rename(draft, file);
  } catch {
    // A home that cannot be written only means measuring again.
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Rejects outside Node. */
async function locate(key: string, folder: string | undefined) {
  // Names in variables keep bundlers from following what only Node has.
  const [fsName, pathName, osName, cryptoName] = ["node:fs/promises", "node:path", "node:os", "node:crypto"];
  const fs = (await import(/* @vite-ignore */ fsName)) as typeof Fs;
  const path = (await import(/* @vite-ignore */ pathName)) as typeof Path;
  const { homedir } = (await import(/* @vite-ignore */ osName)) as typeof Os;
  const { createHash } = (await import(/* @vite-ignore */ cryptoName)) as typeof Crypto;
  const { env, platform } = process;
  const base = platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_CACHE_HOME"];
  const cache = base === undefined || base === "" ? path.join(homedir(), ".cache") : base;
  const parent = folder ?? path.join(cache, ...FOLDER);
  const name = createHash("sha256").update(key).digest("hex").slice(0, 16);
  return { fs, parent, file: path.join(parent, `${name}.json`) };
}

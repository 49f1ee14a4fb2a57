/**
 * Measured costs and tuned schedules on disk, for Node: one small JSON file each per adapter (cache-files.ts). Browsers
 * measure again.
 *
 * Ensures: never throws; a file that is missing, corrupt or of another adapter is as if there were none.
 */
import type { DeviceProfile } from "../ir/profile.ts";
import { loadCached, saveCached } from "./cache-files.ts";
import type { AdapterInfo } from "./device-profile.ts";
import type { TuningTable } from "./tuning-table.ts";
import { PACKAGE_VERSION } from "./version.ts";

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
  const stored = await loadCached({ kind: "profiles", key, folder });
  return typeof stored === "object" && stored !== null && !Array.isArray(stored)
    ? (stored as Readonly<Record<string, unknown>>)
    : null;
}

export async function saveCosts(
  key: string,
  costs: Readonly<Record<string, number>>,
  folder: string | undefined,
): Promise<void> {
  await saveCached({ kind: "profiles", key, folder }, costs);
}

/** Adds what is stored for the table's device to it; how many entries that were. */
export async function loadTuning(table: TuningTable, folder: string | undefined): Promise<number> {
  return table.import(await loadCached({ kind: "tuning", key: table.device, folder }));
}

/** Stores the table, with what another process has stored in the meantime. */
export async function saveTuning(table: TuningTable, folder: string | undefined): Promise<void> {
  await loadTuning(table, folder);
  await saveCached({ kind: "tuning", key: table.device, folder }, table.export());
}

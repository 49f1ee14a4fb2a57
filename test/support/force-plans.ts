/** Plans that a program's size alone would not get, by profiles that make them look cheap. */
import type { CompileOptions } from "../../src/compile.ts";
import type { DeviceProfile } from "../../src/ir/profile.ts";

export type PlanOptions = Pick<CompileOptions, "profile" | "shortestPiece" | "partialShare" | "schedule">;

/** Rows that would wait in registers do so in workgroup memory, which is large enough for the rows of tests. */
export const keepInWorkgroupMemory: CompileOptions["schedule"] = (chosen) =>
  chosen.residency === "registers" ? { ...chosen, residency: "workgroup" } : chosen;

/** By what happens to rows. `base` is a profile of hardware, or of the device that is to run the plans. */
export const forcePlans = (base: DeviceProfile): Readonly<Record<string, PlanOptions>> => ({
  "rows read again": { profile: { ...base, onChipBytes: 16 } },
  "rows in workgroup memory": { profile: base, schedule: keepInWorkgroupMemory },
  "rows walked": { profile: { ...base, usefulWorkgroups: 1, launchUs: 1e-4 }, partialShare: 100 },
  "one lane per row": { profile: { ...base, software: true } },
  pieces: {
    profile: { ...base, onChipBytes: 16, usefulWorkgroups: 4096, launchUs: 1e-4, barrierUs: 100 },
    shortestPiece: 4,
  },
  "few pieces": {
    profile: { ...base, onChipBytes: 16, usefulWorkgroups: 16, launchUs: 1e-4, barrierUs: 100 },
    shortestPiece: 8,
  },
  "pieces, one lane per row": {
    profile: { ...base, software: true, usefulWorkgroups: 4096, launchUs: 1e-4, barrierUs: 100 },
    shortestPiece: 4,
  },
});

/** Ways to compute a row that differ in what f32 makes of it: each is asked for by a schedule or a plan. */
import type { CompileOptions } from "../../src/compile.ts";
import type { DeviceProfile } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { forcePlans } from "../support/force-plans.ts";

export interface Strategy {
  readonly options: (profile: DeviceProfile) => CompileOptions;
  /** How many of a program's kernels are what the strategy is named after. */
  readonly isIn: (kernels: readonly KernelSchedule[]) => number;
}

type Fits = (schedule: KernelSchedule) => boolean;

/** The first legal schedule that fits; the chosen one where none does (no row, no pair). */
const choosing =
  (fits: Fits): CompileOptions["schedule"] =>
  (chosen, _group, space) =>
    fits(chosen) ? chosen : (space.candidates().find(fits) ?? space.enumerate().find(fits) ?? chosen);

const bySchedule = (fits: Fits): Strategy => ({
  isIn: (kernels) => kernels.filter(fits).length,
  options: (profile) => ({ profile: { ...profile, software: false }, schedule: choosing(fits) }),
});

export const STRATEGIES = {
  registers: bySchedule((s) => s.residency === "registers" && s.pairing === "two-walks"),
  "workgroup memory": bySchedule((s) => s.residency === "workgroup" && s.pairing === "two-walks"),
  looped: bySchedule((s) => s.residency === "reload" && s.pairing === "two-walks" && s.rowAxes.length > 0),
  "one walk": bySchedule((s) => s.pairing === "one-walk"),
  pieces: {
    isIn: (kernels) => (kernels.length > 1 ? 1 : 0),
    options: (profile) => forcePlans({ ...profile, software: false })["pieces"] ?? { profile },
  },
} as const satisfies Readonly<Record<string, Strategy>>;

export type StrategyName = keyof typeof STRATEGIES;
export const STRATEGY_NAMES: readonly StrategyName[] = [
  "registers",
  "workgroup memory",
  "looped",
  "one walk",
  "pieces",
];

/** Runs the library on a device under chosen strategies and holds every element to the contract. */
import { compileGraph } from "../../src/compile.ts";
import type { Device } from "../../src/runtime/device.ts";
import { runOnDevice } from "../support/check-program.ts";
import { contractOf, edgeGroups, judge, type Contract } from "./contract.ts";
import type { FloatDType } from "./edges.ts";
import { FUNCTIONS, labelOf, type NumericFunction } from "./numeric-functions.ts";
import { STRATEGIES, type StrategyName } from "./strategies.ts";

/** Elements of a row: not a power of two, and long enough for every lane to take several. */
export const ROW_LENGTH = 160;

/** Dtype, strategy, position of the function. */
export type Run = readonly [dtype: FloatDType, strategy: StrategyName, fn: number];

export interface ContractReport {
  readonly complaints: readonly string[];
  /** Kernels whose schedule is that of the strategy (pieces: programs of several kernels). */
  readonly inForce: ReadonlyMap<StrategyName, number>;
  /** Functions that needed an excuse, by excuse and edge. */
  readonly excused: ReadonlyMap<string, ReadonlySet<string>>;
  readonly programs: number;
}

export async function checkContract(device: Device, runs: Iterable<Run>): Promise<ContractReport> {
  const complaints: string[] = [];
  const inForce = new Map<StrategyName, number>();
  const excused = new Map<string, Set<string>>();
  const contracts = new Map<string, readonly Contract[]>();
  const done = new Set<string>();
  for (const [dtype, strategy, at] of runs) {
    const fn = FUNCTIONS[at];
    if (fn === undefined) continue;
    const key = `${labelOf(fn)} of ${dtype}`;
    const known = contracts.get(key) ?? contractsOf(fn, dtype);
    contracts.set(key, known);
    for (const contract of known) {
      const { isIn, options } = STRATEGIES[strategy];
      const compiled = compileGraph(contract.graph, options(device.profile));
      const count = isIn(compiled.kernels.map(({ schedule }) => schedule));
      if (count > 0) inForce.set(strategy, (inForce.get(strategy) ?? 0) + count);
      // Where there is no such schedule the chosen one is used, which has run already.
      const plan = `${key} ${contract.rows.map(({ edge }) => edge.name).join()} ${JSON.stringify(compiled.plan)}`;
      if (done.has(plan)) continue;
      done.add(plan);
      const results = await runOnDevice(device, compiled, contract.graph, contract.inputs);
      const verdict = judge(contract, results.get("y") ?? [], strategy);
      complaints.push(...verdict.complaints.map((complaint) => `${key}, ${strategy}: ${complaint}`));
      for (const excuse of verdict.excused)
        excused.set(excuse, (excused.get(excuse) ?? new Set()).add(`${key}, ${strategy}`));
    }
  }
  return { complaints, inForce, excused, programs: done.size };
}

const contractsOf = (fn: NumericFunction, dtype: FloatDType): readonly Contract[] =>
  edgeGroups(fn).map((edges) => contractOf(fn, dtype, ROW_LENGTH, edges));

/** What the fusion pass knows of statements, computed once for all candidates. */
import {
  axisSizes,
  readsIn,
  visitScalar,
  type IndexProgram,
  type ReductionPair,
  type Statement,
  type StoredTensor,
} from "../../ir/index-notation.ts";
import { storageBytes, type DType } from "../../ir/dtype.ts";
import { indexAxes, readKey, type IndexExpr } from "../../ir/index-expr.ts";
import { scalarCost } from "../../ir/op-cost.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { isIdentityRead } from "../../ir/expand-row.ts";
import { keepingStores } from "./keeping-stores.ts";
import { pairReductions } from "./pair-reductions.ts";

/** What a statement reads of a tensor. */
export interface StatementRead {
  readonly tensor: string;
  readonly index: IndexExpr;
  /** What it reads, as text (`readKey`). */
  readonly key: string;
  readonly axes: ReadonlySet<string>;
  /** How many elements it reads, at all points. */
  readonly points: number;
  /** Whether it stands under a bound. */
  readonly isGuarded: boolean;
}

/** Per statement, computed once: what it reads, and who reads it. */
export interface StatementFacts {
  readonly statement: Statement;
  readonly tensors: ReadonlySet<string>;
  readonly reads: readonly StatementRead[];
  /** Values read by every axis as itself. */
  readonly identity: ReadonlySet<string>;
  /** Values read in any other way: they must come from another kernel. */
  readonly otherwise: ReadonlySet<string>;
  readonly readers: readonly string[];
  /** Bytes of an element in all its stores. */
  readonly storedBytes: number;
  /** Dtypes of the stores, and their tensors. */
  readonly storedAs: readonly DType[];
  readonly storedIn: readonly string[];
  /** Whether a store keeps the value where other kernels can read it. */
  readonly isKept: boolean;
  /** What one point takes to compute, in bytes of copying (fusion-work.ts). */
  readonly work: number;
}

export interface FusionContext {
  readonly profile: DeviceProfile;
  readonly sizes: ReadonlyMap<string, number>;
  readonly facts: ReadonlyMap<string, StatementFacts>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Reductions that can share a walk, by the name of the second. */
  readonly pairs: ReadonlyMap<string, ReductionPair>;
  /** Statements whose groups must not bind more buffers than the device takes, even in between; undefined: all. */
  readonly held?: ReadonlySet<string> | undefined;
}

export function fusionContext(program: IndexProgram, profile: DeviceProfile): FusionContext {
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const readers = new Map<string, string[]>(program.statements.map((s) => [s.name, []]));
  const tensorsByName = new Map(program.tensors.map((t) => [t.name, t]));
  const stored = new Map<string, string[]>(program.statements.map((s) => [s.name, []]));
  for (const store of program.stores) stored.get(store.statement)?.push(store.tensor);
  const kept = new Set(keepingStores(program).map((s) => s.statement));
  const sizes = axisSizes(program);
  const reads = program.statements.map((statement) => {
    const identity = new Set<string>();
    const otherwise = new Set<string>();
    visitScalar(statement.value, (e) => {
      if (e.kind !== "value") return;
      (isIdentityRead(e.index, byName.get(e.statement)?.axes ?? []) ? identity : otherwise).add(e.statement);
    });
    for (const name of new Set([...identity, ...otherwise])) readers.get(name)?.push(statement.name);
    const ofTensors = readsIn(statement.value).map(({ read: { tensor, index }, isGuarded }) => {
      const axes = indexAxes(index);
      return { tensor, index, key: readKey(tensor, index), axes, points: product(axes, sizes), isGuarded };
    });
    const tensors = new Set(ofTensors.map((r) => r.tensor));
    return { statement, tensors, reads: ofTensors, identity, otherwise };
  });
  return {
    profile,
    sizes,
    tensors: tensorsByName,
    pairs: new Map(
      pairReductions(program)
        .filter((pair) => isWorthAWalk(pair, profile))
        .map((pair) => [pair.second, pair]),
    ),
    facts: new Map(
      reads.map((r) => {
        const storedIn = stored.get(r.statement.name) ?? [];
        const dtypes = storedIn.map((tensor) => tensorsByName.get(tensor)?.dtype ?? "f32");
        const facts = {
          ...r,
          readers: readers.get(r.statement.name) ?? [],
          storedBytes: dtypes.reduce((bytes, dtype) => bytes + storageBytes(dtype), 0),
          storedAs: dtypes,
          storedIn,
          isKept: kept.has(r.statement.name),
          work: scalarCost(r.statement.value),
        };
        return [r.statement.name, facts];
      }),
    ),
  };
}

/**
 * In software an exponential costs more than one more sweep over a row that caches hold, and one with a weight takes another
 * for the maximum so far. Measured on SwiftShader, the gradient of a softmax of [4096,1024]: 1.18 of the time of three sweeps.
 */
const isWorthAWalk = ({ monoid, needs }: ReductionPair, { software }: DeviceProfile): boolean =>
  !software || monoid !== "exp_sum" || needs === undefined;

/** A set of statements with grid axes chosen for them. */
export interface Members {
  readonly facts: readonly StatementFacts[];
  readonly leaving: readonly StatementFacts[];
  readonly inside: ReadonlySet<string>;
  readonly grid: readonly string[];
}

export const product = (axes: Iterable<string>, sizes: ReadonlyMap<string, number>): number => {
  let n = 1;
  for (const axis of axes) n *= sizes.get(axis) ?? 1;
  return n;
};

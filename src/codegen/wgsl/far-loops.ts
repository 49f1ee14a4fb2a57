/**
 * Loops whose turns each touch another page of a large tensor (ir/far-walks.ts), and how many of their turns are written out:
 * as many as keep loads under way, not so many that these go to too many pages at once.
 */
import { storageBytes } from "../../ir/dtype.ts";
import { FAR_BYTES, LARGE_BYTES, MOST_IN_FLIGHT, MOST_SPAN_BYTES } from "../../ir/far-walks.ts";
import { typeOf, type Expr, type Kernel, type Stmt } from "../../ir/kernel.ts";
import { forEachStmt } from "../../ir/walk-kernel.ts";
import { linearize, type LinearIndex } from "./linear-index.ts";

type Loop = Stmt & { kind: "for" };
type Load = Stmt & { kind: "load" };

/** Says how many turns of a loop to write out, 1 for none; undefined for loops that stay near. */
export type FarTurns = (loop: Loop) => number | undefined;

export function openFarTurns(kernel: Kernel): FarTurns {
  const sums = new Map<string, LinearIndex>();
  const resolve = (name: string): LinearIndex | undefined => sums.get(name);
  forEachStmt(kernel.body, (stmt) => {
    if (stmt.kind === "let" && typeOf(stmt.value).scalar === "u32")
      sums.set(stmt.name, linearize(stmt.value, resolve));
  });
  const stepOf = (index: Expr, counter: string): number => {
    for (const { atom, coefficient } of linearize(index, resolve).terms.values())
      if (atom.kind === "name" && atom.name === counter) return Math.abs(coefficient);
    return 0;
  };
  const farBytes = ({ buffer, index }: Load, counter: string): number => {
    const binding = kernel.bindings.find(({ name }) => name === buffer);
    if (binding === undefined) return 0;
    const bytes = storageBytes(binding.dtype);
    const step = stepOf(index, counter) * bytes;
    return step >= FAR_BYTES && binding.elements * bytes >= LARGE_BYTES ? step : 0;
  };
  return (loop) => {
    const loads = loop.body.filter((stmt) => stmt.kind === "load");
    const far = Math.max(0, ...loads.map((load) => farBytes(load, loop.counter)));
    if (far === 0) return undefined;
    let turns = 1;
    const fits = (more: number): boolean =>
      loop.trips % more === 0 && more * loads.length <= MOST_IN_FLIGHT && more * far < MOST_SPAN_BYTES;
    while (fits(2 * turns)) turns *= 2;
    return turns;
  };
}

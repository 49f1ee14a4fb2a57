/**
 * Reductions inside a subgroup as WGSL: a butterfly, in which each lane combines its state with that of the lane whose
 * index differs in one bit. Written with exchanges rather than with subgroupAdd and its kin, which reduce over the whole
 * subgroup, of a size that is not known, and may lose a nan in a maximum.
 *
 * Requires: `lanes` is a power of two, the lanes of a row are neighbours and share a subgroup (expand-subgroup-reduce.ts), or
 *           are runs of it: then the steps that go beyond its size are left out at run time, by all lanes alike.
 * Ensures:  every lane of the row has the result.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { combineExprs } from "../../ir/kernel-states.ts";
import { isSubgroupRuns, typeOf } from "../../ir/kernel.ts";
import type { Expr, GroupReduceItem, LaneOrder, Stmt, ValueType } from "../../ir/kernel.ts";
import { plainOpOf } from "../../ir/monoids.ts";
import { takeName } from "../../ir/walk-kernel.ts";
import { printExpr, stripParentheses, type TextNeeds } from "./print-expr.ts";
import { spellOp, typeName } from "./spell-ops.ts";

export function printSubgroupReduce(
  stmt: Stmt & { kind: "groupReduce" },
  needs: TextNeeds,
): readonly string[] {
  return stmt.items.flatMap((item) => printItem(item, stmt, needs));
}

function printItem(
  item: GroupReduceItem,
  { lanes, order }: Stmt & { kind: "groupReduce" },
  needs: TextNeeds,
): readonly string[] {
  const lines = item.parts.map(
    ({ value, result }) => `var v_${result} = ${stripParentheses(printExpr(value, needs))};`,
  );
  for (let distance = lanes / 2; distance >= 1; distance /= 2) {
    const step = (item.parts.length === 1 ? combinePlain : combineStates)(item, distance, needs);
    const condition = isTaken(distance, order, needs);
    lines.push(
      ...(condition === "" ? step : [`if (${condition}) {`, ...step.map((line) => `  ${line}`), "}"]),
    );
  }
  return lines;
}

/** The condition under which a step stays in a run, or "". */
function isTaken(distance: number, order: LaneOrder, needs: TextNeeds): string {
  if (!isSubgroupRuns(order)) return "";
  const { within } = order;
  const isLonger = `subgroup_size > ${String(distance)}u`;
  // Rows of a known length are whole subgroups.
  return within.kind === "const"
    ? isLonger
    : `${isLonger} && ${printExpr(within, needs)} > ${String(distance)}u`;
}

function combinePlain({ fn, parts }: GroupReduceItem, distance: number, needs: TextNeeds): string[] {
  const op = plainOpOf(fn);
  return parts.flatMap(({ value, result }) => {
    const type = typeOf(value);
    const name = `v_${result}`;
    if (op === undefined) throw new CompilerBug("WGSL cannot be printed", [`${fn} has one component only`]);
    const combined = spellOp(op, type, [name, exchange(name, type, distance)], needs.helpers);
    return [`${name} = ${stripParentheses(combined)};`];
  });
}

/** Components change together: all new ones are computed, in a block of their own, before the first is assigned. */
function combineStates({ fn, parts }: GroupReduceItem, distance: number, needs: TextNeeds): string[] {
  const taken = new Set(parts.map(({ result }) => result));
  const lines: string[] = [];
  const define = (hint: string, type: ValueType, text: string): Expr => {
    const name = takeName(taken, hint);
    lines.push(`  let v_${name} = ${stripParentheses(text)};`);
    return { kind: "name", type, name };
  };
  const share = (hint: string, value: Expr): Expr => define(hint, typeOf(value), printExpr(value, needs));
  const own = parts.map(({ value, result }): Expr => ({ kind: "name", type: typeOf(value), name: result }));
  const others = parts.map(({ value, result }) => {
    const type = typeOf(value);
    return define("other", type, exchange(`v_${result}`, type, distance));
  });
  const next = combineExprs(fn, own, others, share).map((value) => share("next", value));
  const assigned = next.map((value, i) => `  v_${parts[i]?.result ?? ""} = ${printExpr(value, needs)};`);
  return ["{", ...lines, ...assigned, "}"];
}

/** Bools do not go from lane to lane: their words do. */
function exchange(name: string, type: ValueType, distance: number): string {
  if (type.scalar !== "bool") return `subgroupShuffleXor(${name}, ${String(distance)}u)`;
  const word = typeName({ scalar: "u32", width: type.width });
  return `(subgroupShuffleXor(${word}(${name}), ${String(distance)}u) != ${word}(0u))`;
}

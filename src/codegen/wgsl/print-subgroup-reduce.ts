/**
 * Reductions inside a subgroup as WGSL: a butterfly, in which each lane combines its value with that of the lane whose
 * index differs in one bit. Written with exchanges rather than with subgroupAdd and its kin, which reduce over the whole
 * subgroup, of a size that is not known, and may lose a nan in a maximum.
 *
 * Requires: `lanes` is a power of two, the lanes of a row are neighbours and share a subgroup (expand-subgroup-reduce.ts).
 * Ensures:  every lane of the row has the result.
 */
import { COMBINE } from "../../ir/kernel-values.ts";
import { typeOf } from "../../ir/kernel.ts";
import type { GroupReduceItem, Stmt, ValueType } from "../../ir/kernel.ts";
import { printExpr, stripParentheses, type TextNeeds } from "./print-expr.ts";
import { spellOp, typeName } from "./spell-ops.ts";

export function printSubgroupReduce(
  stmt: Stmt & { kind: "groupReduce" },
  needs: TextNeeds,
): readonly string[] {
  return stmt.items.flatMap((item) => printItem(item, stmt.lanes, needs));
}

function printItem(item: GroupReduceItem, lanes: number, needs: TextNeeds): readonly string[] {
  const type = typeOf(item.value);
  const name = `v_${item.result}`;
  const lines = [`var ${name} = ${stripParentheses(printExpr(item.value, needs))};`];
  for (let distance = lanes / 2; distance >= 1; distance /= 2) {
    const combined = spellOp(COMBINE[item.fn], type, [name, exchange(name, type, distance)], needs.helpers);
    lines.push(`${name} = ${stripParentheses(combined)};`);
  }
  return lines;
}

/** Bools do not go from lane to lane: their words do. */
function exchange(name: string, type: ValueType, distance: number): string {
  if (type.scalar !== "bool") return `subgroupShuffleXor(${name}, ${String(distance)}u)`;
  const word = typeName({ scalar: "u32", width: type.width });
  return `(subgroupShuffleXor(${word}(${name}), ${String(distance)}u) != ${word}(0u))`;
}

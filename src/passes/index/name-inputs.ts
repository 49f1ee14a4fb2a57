/**
 * Names of params and scalars in index notation. A user may call a tensor anything; from here on names are identifiers,
 * and those of statements, axes, outputs and temporaries (`t7`, `a0`, `out0`, `tmp_t7`) belong to the compiler, as do those that
 * passes make of them (`t7_part`, `tmp_t7_part_and_2`).
 *
 * Ensures: distinct identifiers, none of the compiler's form; a name that was fine stays.
 *
 *     param "x", param "out0", param "a b"      =>      x, in_out0, a_b
 */
import type { Graph, NodeId } from "../../ir/graph.ts";

const COMPILER_NAME = /^(?:a\d+|(?:t|out)\d+(?:_\w*)?|(?:copy|tmp)_\w*)$/;
const isFine = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name) && !COMPILER_NAME.test(name);

export function nameInputs(graph: Graph): ReadonlyMap<NodeId, string> {
  const names = new Map<NodeId, string>();
  const taken = new Set<string>();
  const clashing: { readonly id: NodeId; readonly name: string }[] = [];
  graph.nodes.forEach((node, id) => {
    if (node.op !== "param" && node.op !== "scalar") return;
    const { name } = node;
    if (isFine(name) && !taken.has(name)) {
      names.set(id, name);
      taken.add(name);
    } else clashing.push({ id, name });
  });
  for (const { id, name } of clashing) {
    const word = name.replace(/\W/g, "_");
    const base = /^[A-Za-z_]/.test(word) ? word : `_${word}`;
    const fine = isFine(base) ? base : `in_${base}`;
    let free = fine;
    for (let n = 2; taken.has(free); n++) free = `${fine}_${String(n)}`;
    names.set(id, free);
    taken.add(free);
  }
  return names;
}

/** Values in arrays and objects, nested: what derivatives are taken of and with respect to. */
import { type AotValue, UNDEFINED } from "./aot-values.ts";

/** The way to a part of a value. */
export type Path = readonly (string | number)[];

/** What `visit` makes of each part that is no array and no object, in the structure of `tree`; undefined where it is that for one. */
export function mapTree(
  tree: AotValue,
  path: Path,
  visit: (leaf: AotValue, path: Path) => AotValue | undefined,
): AotValue | undefined {
  if (tree.kind === "array") {
    const items = tree.items.map((item, i) => mapTree(item, [...path, i], visit));
    const known = items.filter((item) => item !== undefined);
    return known.length === items.length ? { kind: "array", items: known } : undefined;
  }
  if (tree.kind === "object") {
    const entries = [...tree.entries].flatMap(([key, item]): (readonly [string, AotValue])[] => {
      const made = mapTree(item, [...path, key], visit);
      return made === undefined ? [] : [[key, made]];
    });
    return entries.length === tree.entries.size ? { kind: "object", entries: new Map(entries) } : undefined;
  }
  return visit(tree, path);
}

/**
 * Calls `visit` for each leaf of `tree` with what stands in its place in `other`. Gives the way to the first part of `other` that
 * has another structure, where there is one.
 */
export function zipTrees(
  tree: AotValue,
  other: AotValue,
  path: Path,
  visit: (leaf: AotValue, other: AotValue, path: Path) => void,
): Path | undefined {
  const parts = partsOf(tree);
  if (parts === undefined) {
    visit(tree, other, path);
    return undefined;
  }
  const others = partsOf(other);
  if (tree.kind !== other.kind || others?.size !== parts.size) return path;
  for (const [key, part] of parts) {
    if (!others.has(key)) return path;
    const wrong = zipTrees(part, others.get(key) ?? UNDEFINED, [...path, key], visit);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

const partsOf = (tree: AotValue): ReadonlyMap<string | number, AotValue> | undefined =>
  tree.kind === "object" ? tree.entries : tree.kind === "array" ? new Map(tree.items.entries()) : undefined;

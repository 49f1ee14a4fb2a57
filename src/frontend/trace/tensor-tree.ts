/**
 * Traced tensors in arrays and plain objects, nested: what derivatives are taken of and with respect to.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { isPlainObject } from "./arguments.ts";
import { TracedTensor } from "./traced-tensor.ts";

/** The structure of `A` with a tensor for each tensor. */
export type TensorTree<A> =
  A extends TracedTensor<infer S> ? TracedTensor<S> : { readonly [K in keyof A]: TensorTree<A[K]> };

/** What `visit` makes of each part that is no array and no plain object, in the structure of `tree`. */
export function mapTree(
  tree: unknown,
  path: string,
  visit: (leaf: unknown, path: string) => unknown,
): unknown {
  if (Array.isArray(tree))
    return tree.map((item: unknown, i) => mapTree(item, `${path}.${String(i)}`, visit));
  if (typeof tree === "object" && tree !== null && !(tree instanceof TracedTensor) && isPlainObject(tree))
    return Object.fromEntries(
      Object.entries(tree).map(([key, item]: [string, unknown]) => [
        key,
        mapTree(item, `${path}.${key}`, visit),
      ]),
    );
  return visit(tree, path);
}

/** The traced tensors in `tree`, in order; whatever else stands there is passed over. */
export function listTensors(tree: unknown): readonly TracedTensor[] {
  const found: TracedTensor[] = [];
  mapTree(tree, "", (leaf) => {
    if (leaf instanceof TracedTensor) found.push(leaf);
  });
  return found;
}

/** In the words of a diagnostic. */
export function describeLeaf(leaf: unknown): string {
  if (leaf === null || leaf === undefined) return String(leaf);
  if (typeof leaf === "number" || typeof leaf === "boolean") return `the plain value ${String(leaf)}`;
  if (typeof leaf === "object") return `an instance of ${leaf.constructor.name}`;
  return `a ${typeof leaf}`;
}

/** Calls `visit` for each leaf of two trees of one structure; refuses others. */
export function zipTrees(
  tree: unknown,
  other: unknown,
  path: string,
  visit: (leaf: unknown, other: unknown, path: string) => void,
  refuse: (path: string) => never,
): void {
  const isNested = (part: unknown): part is object =>
    typeof part === "object" && part !== null && !(part instanceof TracedTensor);
  if (!isNested(tree)) {
    visit(tree, other, path);
    return;
  }
  if (!isNested(other) || Object.keys(other).join() !== Object.keys(tree).join()) refuse(path);
  for (const [key, item] of Object.entries(tree))
    zipTrees(item, Reflect.get(other, key), path === "" ? key : `${path}.${key}`, visit, refuse);
}

/** A leaf that is known to be a tensor. */
export function requireTensor(leaf: unknown, path: string): TracedTensor {
  if (leaf instanceof TracedTensor) return leaf;
  throw new CompilerBug(`a tensor at ${path} was ${describeLeaf(leaf)}`, []);
}

/**
 * Results of a traced function: one tensor, or arrays and plain objects of tensors, nested.
 *
 * Ensures: `buildOutput(tree, values)` has the structure that the function returned, with value i in the place of result i.
 */
import { fail } from "../../diagnostics/diagnostic.ts";
import { TracedTensor } from "./traced-tensor.ts";

export type TracedOutput = TracedTensor | readonly TracedOutput[] | { readonly [key: string]: TracedOutput };

/** The structure of what was returned; plain data. */
export type OutputTree =
  | { readonly kind: "tensor"; readonly result: number }
  | { readonly kind: "array"; readonly items: readonly OutputTree[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [string, OutputTree])[] };

/** A returned structure with `T` for tensors. */
export type OutputOf<R, T> = R extends TracedTensor ? T : { readonly [K in keyof R]: OutputOf<R[K], T> };

export interface FlatOutput {
  readonly tree: OutputTree;
  /** Tensors in the order of their results, each named by its keys joined by dots; a lone tensor is `result`. */
  readonly results: readonly { readonly name: string; readonly tensor: TracedTensor }[];
}

export function flattenOutput(output: unknown, fn: string): FlatOutput {
  const results: { readonly name: string; readonly tensor: TracedTensor }[] = [];
  const visit = (part: unknown, path: readonly string[]): OutputTree => {
    if (part instanceof TracedTensor) {
      const result = results.push({ name: path.length === 0 ? "result" : path.join("."), tensor: part }) - 1;
      return { kind: "tensor", result };
    }
    if (Array.isArray(part))
      return { kind: "array", items: part.map((item: unknown, i) => visit(item, [...path, String(i)])) };
    if (isPlainObject(part)) {
      const entries = Object.entries(part);
      return { kind: "object", entries: entries.map(([key, item]) => [key, visit(item, [...path, key])]) };
    }
    return refuseOutput(part, path, fn);
  };
  const tree = visit(output, []);
  if (results.length === 0)
    fail("wrong-argument", `${fn} returns no tensor`, {
      help: "return a tensor, or an array or object of tensors",
    });
  return { tree, results };
}

function isPlainObject(part: unknown): part is Readonly<Record<string, unknown>> {
  if (typeof part !== "object" || part === null) return false;
  const prototype: unknown = Object.getPrototypeOf(part);
  return prototype === Object.prototype || prototype === null;
}

function refuseOutput(part: unknown, path: readonly string[], fn: string): never {
  const place = path.length === 0 ? "" : ` at ${path.join(".")}`;
  if (part instanceof Promise)
    fail("wrong-argument", `${fn} returns a promise${place}`, {
      help: "a traced function is not async: it describes the computation and waits for nothing",
    });
  const kind = part === null ? "null" : typeof part === "object" ? "an object of a class" : typeof part;
  fail("wrong-argument", `${fn} returns ${kind}${place}`, {
    help: "return a traced tensor, or an array or object of tensors; x.mul(0).add(2) is a tensor of twos",
  });
}

/** The returned structure with `values[i]` in the place of result i. */
export function buildOutput(tree: OutputTree, values: readonly unknown[]): unknown {
  switch (tree.kind) {
    case "tensor":
      return values[tree.result];
    case "array":
      return tree.items.map((item) => buildOutput(item, values));
    case "object":
      return Object.fromEntries(tree.entries.map(([key, item]) => [key, buildOutput(item, values)]));
  }
}

/**
 * What an expression of TypeScript source is worth while a kernel is built: what the text language has (tensors, numbers,
 * lists), and what JavaScript adds. A poisoned value is `undefined`: its mistake is reported already. Names and what they stand for are here as well: functions carry them.
 */
import type {
  ArrowFunction,
  Expression,
  FunctionDeclaration,
  FunctionExpression,
  Node,
  SourceFile,
  TypeNode,
} from "ts-morph";
import { printType } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph-builder.ts";
import { describeValue, type Static } from "../text/values.ts";

export type FunctionNode = ArrowFunction | FunctionDeclaration | FunctionExpression;

export type AotValue =
  | Exclude<Static, { readonly kind: "list" | "tuple" | "function" }>
  /** The length of a dynamic dimension, or a multiple of it: the value stands for others, so nothing may be decided by it. */
  | { readonly kind: "size"; readonly name: string; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "undefined" }
  | { readonly kind: "array"; readonly items: readonly AotValue[] }
  | { readonly kind: "object"; readonly entries: ReadonlyMap<string, AotValue> }
  /** A function of the source, with the names that it sees. */
  | {
      readonly kind: "closure";
      readonly name: string;
      readonly node: FunctionNode;
      readonly scope: LocalScope;
    }
  /** A function of `tensorweft/aot`, or one of `Math`. */
  | { readonly kind: "library"; readonly name: string }
  /** `grad(f)` or `valueAndGrad(f)`: a function of the arguments of `f`. */
  | {
      readonly kind: "derivative";
      readonly transform: "grad" | "valueAndGrad";
      /** As in `grad(loss)`. */
      readonly name: string;
      readonly of: AotFunction;
      readonly argnums: readonly number[];
      /** Whether `argnums` was one number, so that there is one gradient and no array. */
      readonly isOne: boolean;
      /** Where `argnums` stands. */
      readonly at: Node;
    }
  /** What `vjp` gives beside the result: a function from its cotangent to those of the arguments. */
  | {
      readonly kind: "pullback";
      readonly name: string;
      readonly result: AotValue;
      readonly args: readonly AotValue[];
      /** The tensors of `args`, in order, as `result` was computed from them. */
      readonly variables: readonly Value[];
    }
  | { readonly kind: "namespace"; readonly name: "Math" | "Number" | "aot" }
  /** `import * as name` of a file of the project. */
  | { readonly kind: "module"; readonly name: string; readonly file: FileScope };

/** What can be called. */
export type AotFunction = Extract<
  AotValue,
  { readonly kind: "closure" | "library" | "derivative" | "pullback" }
>;

export const isFunction = (value: AotValue): value is AotFunction =>
  value.kind === "closure" ||
  value.kind === "library" ||
  value.kind === "derivative" ||
  value.kind === "pullback";

/** The function at the bottom of derivatives of derivatives. */
export function baseOf(fn: AotFunction): Exclude<AotFunction, { readonly kind: "derivative" }> {
  let base = fn;
  while (base.kind === "derivative") base = base.of;
  return base;
}

/** In the words of a diagnostic. */
export const nameOf = ({ kind, name }: AotFunction): string =>
  kind === "closure" && name === UNNAMED ? "the function" : name;

/** The name of a function that was given none. */
export const UNNAMED = "function";

export const integer = (value: number): AotValue => ({ kind: "number", value, isInteger: true });
export const float = (value: number): AotValue => ({ kind: "number", value, isInteger: false });
export const tensor = (value: Value): AotValue => ({ kind: "tensor", value });
export const UNDEFINED: AotValue = { kind: "undefined" };
export const text = (value: string): AotValue => ({ kind: "string", value });

/** The value as functions of the library take it; undefined for what they cannot take. */
export function toStatic(value: AotValue): Static | undefined {
  switch (value.kind) {
    case "array": {
      // In a list a dynamic length is part of a shape.
      const items = value.items
        .map((item) => (item.kind === "size" ? integer(item.value) : item))
        .map(toStatic)
        .filter((item) => item !== undefined);
      return items.length === value.items.length ? { kind: "list", items } : undefined;
    }
    case "undefined":
      return { kind: "none" };
    case "size":
    case "string":
    case "object":
    case "closure":
    case "library":
    case "derivative":
    case "pullback":
    case "namespace":
    case "module":
      return undefined;
    default:
      return value;
  }
}

/** A value in the words of a diagnostic. */
export function describeAot(value: AotValue): string {
  switch (value.kind) {
    case "string":
      return JSON.stringify(value.value);
    case "size":
      return `the dynamic length ${value.name}`;
    case "undefined":
      return "undefined";
    case "none":
      return "null";
    case "array":
      return "an array";
    case "object":
      return "an object";
    case "closure":
    case "library":
    case "derivative":
      return value.name === UNNAMED ? "a function" : `the function ${value.name}`;
    case "pullback":
      return value.name;
    case "namespace":
    case "module":
      return value.name;
    case "tensor":
      return `a tensor, ${printType(value.value.type)}`;
    default:
      return describeValue(value);
  }
}

// ---- names ----

/** What a name at the top level of a file is. Constants are evaluated when they are first used. */
export type Declared =
  | { readonly kind: "value"; readonly value: AotValue }
  | { readonly kind: "constant"; readonly node: Expression }
  | { readonly kind: "function"; readonly node: FunctionNode }
  /** A name of another file; `*`: all of them. `node` is the import. */
  | { readonly kind: "import"; readonly from: string; readonly name: string; readonly node: Node }
  /** Its mistake is reported. */
  | { readonly kind: "poison" };

export interface FileScope {
  readonly source: SourceFile;
  readonly names: ReadonlyMap<string, Declared>;
  readonly types: ReadonlyMap<string, TypeNode>;
  /** Local names of `Tensor` of tensorweft/aot. */
  readonly tensorNames: ReadonlySet<string>;
  /** `export * from`: files whose names count as names of this one. */
  readonly stars: readonly (Declared & { readonly kind: "import" })[];
}

export interface LocalScope {
  readonly file: FileScope;
  readonly parent: LocalScope | undefined;
  /** Undefined: poisoned. */
  readonly names: Map<string, AotValue | undefined>;
}

export const openScope = (file: FileScope, parent?: LocalScope): LocalScope => ({
  file,
  parent,
  names: new Map(),
});

/** The local of that name, innermost first. */
export function findLocal(
  name: string,
  scope: LocalScope,
): { readonly value: AotValue | undefined } | undefined {
  for (let at: LocalScope | undefined = scope; at !== undefined; at = at.parent)
    if (at.names.has(name)) return { value: at.names.get(name) };
  return undefined;
}

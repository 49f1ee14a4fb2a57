/**
 * Arguments of a traced function, flattened: what becomes a param, what a call-time scalar, and what stays a plain value.
 *
 *     anything with dtype and shape      a param of that type: a description, or a tensor with data
 *     scalar(1e-5)                       a number bound at each call: another number runs the same kernels
 *     number, boolean, string, null      static: the function sees it as it is (an axis, a length, a choice), and
 *                                        another value is another graph
 *     arrays and plain objects           of the above, nested
 *
 * Ensures: equal keys mean that one graph serves both calls; leaves stand in the order of their paths in the arguments.
 */
import { captureCallSite } from "../../diagnostics/call-site.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import { isDType, printType } from "../../ir/dtype.ts";
import type { DType, TensorType } from "../../ir/dtype.ts";
import type { Shaped } from "../../ir/shape-types.ts";
import type { TracedTensor } from "./traced-tensor.ts";

/** A number bound at call time. In arithmetic its dtype gives way to that of a tensor, as a literal's does. */
export interface ScalarArgument {
  readonly kind: "scalar";
  readonly value: number;
  readonly dtype: "f32" | "i32" | "u32" | "bool";
}

/** Marks a number as bound at call time. Default dtype f32. */
export const scalar = (
  value: number,
  options: { readonly dtype?: ScalarArgument["dtype"] } = {},
): ScalarArgument => ({
  kind: "scalar",
  value,
  dtype: options.dtype ?? "f32",
});

export type StaticArgument = number | boolean | string | null | undefined;
/** What the traced function sees in place of an argument. */
export type TracedArgument<A> =
  A extends Shaped<infer S>
    ? TracedTensor<S>
    : A extends TensorType | ScalarArgument
      ? TracedTensor
      : A extends number
        ? number
        : A extends boolean
          ? boolean
          : A extends string | null | undefined
            ? A
            : { readonly [K in keyof A]: TracedArgument<A[K]> };

export type TracedArguments<A extends readonly unknown[]> = {
  -readonly [I in keyof A]: TracedArgument<A[I]>;
};

/** One array of all tensors and scalars among the arguments, in order. */
export interface ArgumentLeaf {
  /** Name of the top-level parameter, then the keys, joined by dots. */
  readonly path: string;
  readonly spec: TensorType | ScalarArgument;
}

export interface FlatArguments {
  readonly leaves: readonly ArgumentLeaf[];
  /** What stands in the call for each leaf: a tensor or its description, or a scalar argument. */
  readonly values: readonly object[];
  /** Types of the tensors, dtypes of the scalars, values of the statics: what the graph depends on. */
  readonly key: string;
}

/** Tensors and scalars among the arguments. `names` label the top-level parameters; `arg0`, ... where absent. */
export function flattenArguments(args: readonly unknown[], names: readonly string[] = []): FlatArguments {
  const leaves: ArgumentLeaf[] = [];
  const values: object[] = [];
  const describe = (arg: unknown, path: string): string =>
    visitArgument<string>(arg, path, {
      tensor: (spec, value) => {
        leaves.push({ path, spec });
        values.push(value);
        return printType(spec);
      },
      scalar: (spec) => {
        leaves.push({ path, spec });
        values.push(spec);
        return `scalar ${spec.dtype}`;
      },
      static: (value) => describeStatic(value),
      array: (items) => `[${items.map((item, i) => describe(item, `${path}.${String(i)}`)).join(",")}]`,
      object: (entries) =>
        `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${describe(item, `${path}.${key}`)}`).join(",")}}`,
    });
  const key = args.map((arg, i) => describe(arg, names[i] ?? `arg${String(i)}`)).join(";");
  return { leaves, values, key };
}

/** -0 and NaN are told apart: the function may divide by them. */
const describeStatic = (value: StaticArgument): string =>
  typeof value === "string" ? JSON.stringify(value) : Object.is(value, -0) ? "-0" : String(value);

/** The arguments with `replace` applied to each tensor and scalar; statics stay as they are. */
export function mapArguments(
  args: readonly unknown[],
  names: readonly string[],
  replace: (leaf: ArgumentLeaf) => unknown,
): readonly unknown[] {
  const visit = (arg: unknown, path: string): unknown =>
    visitArgument<unknown>(arg, path, {
      tensor: (spec) => replace({ path, spec }),
      scalar: (spec) => replace({ path, spec }),
      static: (value) => value,
      array: (items) => items.map((item, i) => visit(item, `${path}.${String(i)}`)),
      object: (entries) =>
        Object.fromEntries(entries.map(([key, item]) => [key, visit(item, `${path}.${key}`)])),
    });
  return args.map((arg, i) => visit(arg, names[i] ?? `arg${String(i)}`));
}

interface ArgumentVisitor<R> {
  readonly tensor: (spec: TensorType, value: object) => R;
  readonly scalar: (spec: ScalarArgument) => R;
  readonly static: (value: StaticArgument) => R;
  readonly array: (items: readonly unknown[]) => R;
  readonly object: (entries: readonly (readonly [string, unknown])[]) => R;
}

function visitArgument<R>(arg: unknown, path: string, visitor: ArgumentVisitor<R>): R {
  switch (typeof arg) {
    case "number":
    case "boolean":
    case "string":
    case "undefined":
      return visitor.static(arg);
    case "object":
      if (arg === null) return visitor.static(null);
      if (isScalarArgument(arg)) return visitor.scalar(arg);
      if (isTensorLike(arg)) return visitor.tensor({ dtype: arg.dtype, shape: [...arg.shape] }, arg);
      if (Array.isArray(arg)) return visitor.array(arg);
      if (isPlainObject(arg)) return visitor.object(Object.entries(arg));
      break;
    default:
      break;
  }
  const kind =
    typeof arg === "object" ? `an instance of ${arg?.constructor.name ?? "a class"}` : `a ${typeof arg}`;
  return fail("wrong-argument", `argument ${path} is ${kind}`, {
    span: captureCallSite(),
    help: "arguments are tensors, scalar(...), plain values, and arrays and plain objects of them",
  });
}

export const isScalarArgument = (arg: object): arg is ScalarArgument =>
  "kind" in arg && arg.kind === "scalar" && "value" in arg && typeof arg.value === "number" && "dtype" in arg;

export const isTensorLike = (
  arg: object,
): arg is { readonly dtype: DType; readonly shape: readonly number[] } =>
  "dtype" in arg &&
  typeof arg.dtype === "string" &&
  isDType(arg.dtype) &&
  "shape" in arg &&
  Array.isArray(arg.shape);

export function isPlainObject(arg: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(arg);
  return prototype === Object.prototype || prototype === null;
}

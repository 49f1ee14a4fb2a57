/**
 * Functions that are not written in the language: the built-in ones below, and those that joining code adds (the
 * normalizations of the library, for instance). One row says what a function takes and what it builds.
 */
import type { Span } from "../../diagnostics/diagnostic.ts";
import { DTYPES } from "../../ir/dtype.ts";
import type { GraphBuilder, Operand, Value } from "../../ir/graph-builder.ts";
import type { ReduceOp } from "../../ir/reduce-ops.ts";
import { isScalarOp, SCALAR_OPS, type ScalarOp } from "../../ir/scalar-ops.ts";

/** What each kind of parameter hands to `build`. All but operands are known at compile time. */
export interface ParameterValues {
  readonly operand: Operand;
  /** A list of operands. */
  readonly operands: readonly Operand[];
  readonly number: number;
  readonly integer: number;
  readonly integers: readonly number[];
  /** One axis, several, or `none`. */
  readonly axis: number | readonly number[] | null;
  readonly boolean: boolean;
}
export type ParameterKind = keyof ParameterValues;
/** A question mark makes the parameter optional; absent, `build` receives undefined. */
export type ParameterSpec = ParameterKind | `${ParameterKind}?`;

export interface BuiltinParameter {
  readonly name: string;
  readonly kind: ParameterKind;
  readonly required: boolean;
}

export type BuiltinArguments = Readonly<Record<string, ParameterValues[ParameterKind] | undefined>>;

export interface BuiltinFunction {
  readonly params: readonly BuiltinParameter[];
  /** Several values make a tuple. May throw `TensorweftError` for arguments that do not fit. */
  readonly build: (builder: GraphBuilder, args: BuiltinArguments, span: Span) => Value | readonly Value[];
}

export type Builtins = ReadonlyMap<string, BuiltinFunction>;

type ArgumentsOf<S extends Readonly<Record<string, ParameterSpec>>> = {
  readonly [P in keyof S]: S[P] extends `${infer K extends ParameterKind}?`
    ? ParameterValues[K] | undefined
    : S[P] extends ParameterKind
      ? ParameterValues[S[P]]
      : never;
};

const OPTIONAL = /\?$/;

/** One row: parameters in the order of positional arguments, and the function that builds the value. */
export function defineBuiltin<const S extends Readonly<Record<string, ParameterSpec>>>(
  spec: S,
  build: (builder: GraphBuilder, args: ArgumentsOf<S>, span: Span) => Value | readonly Value[],
): BuiltinFunction {
  const params = Object.entries(spec).map(([name, kind]): BuiltinParameter => {
    // The kinds without their question mark, which the type of a spec vouches for.
    return { name, kind: kind.replace(OPTIONAL, "") as ParameterKind, required: !kind.endsWith("?") };
  });
  // Arguments are checked against `params` before `build` is called, so they are what the spec says.
  return { params, build: (builder, args, span) => build(builder, args as ArgumentsOf<S>, span) };
}

/** The names under which ops of the table are called, where they differ: max and min are the reductions. */
const SPELLING: ReadonlyMap<string, string> = new Map([
  ["max", "maximum"],
  ["min", "minimum"],
]);
const OPERATORS_ONLY: ReadonlySet<string> = new Set(["and", "or", "not"]); // keywords: they cannot be called

function defineScalar(fn: ScalarOp): BuiltinFunction {
  switch (SCALAR_OPS[fn].arity) {
    case 1:
      return defineBuiltin({ x: "operand" }, (builder, { x }, span) => builder.map(fn, [x], span));
    case 2:
      return defineBuiltin({ a: "operand", b: "operand" }, (builder, { a, b }, span) =>
        builder.map(fn, [a, b], span),
      );
    case 3:
      return defineBuiltin(
        { condition: "operand", a: "operand", b: "operand" },
        (builder, { condition, a, b }, span) => builder.map(fn, [condition, a, b], span),
      );
  }
}

const REDUCTION = { x: "operand", axis: "axis?", keepdims: "boolean?" } as const;

const defineReduction = (fn: ReduceOp): BuiltinFunction =>
  defineBuiltin(REDUCTION, (builder, { x, axis, keepdims }, span) =>
    builder.reduce(fn, x, { axis: axis ?? undefined, keepdims }, span),
  );

const REDUCE_NAMES: readonly ReduceOp[] = ["sum", "prod", "max", "min", "any", "all"];

const definePosition = (fn: "argmax" | "argmin"): BuiltinFunction =>
  defineBuiltin(
    { ...REDUCTION, selectLast: "boolean?" },
    (builder, { x, axis, keepdims, selectLast }, span) =>
      builder.reduce(selectLast === true ? `${fn}_last` : fn, x, { axis: axis ?? undefined, keepdims }, span),
  );

/** Every function that a program may call without declaring it. */
export const BUILTINS: Builtins = new Map<string, BuiltinFunction>([
  ...Object.keys(SCALAR_OPS)
    .filter(isScalarOp)
    .filter((fn) => !OPERATORS_ONLY.has(fn))
    .map((fn) => [SPELLING.get(fn) ?? fn, defineScalar(fn)] as const),
  ...REDUCE_NAMES.map((fn) => [fn, defineReduction(fn)] as const),
  ["argmax", definePosition("argmax")],
  ["argmin", definePosition("argmin")],
  ...DTYPES.map(
    (dtype) =>
      [
        dtype,
        defineBuiltin({ x: "operand" }, (builder, { x }, span) => builder.cast(x, dtype, span)),
      ] as const,
  ),
  [
    "mean",
    defineBuiltin(REDUCTION, (builder, { x, axis, keepdims }, span) =>
      builder.mean(x, { axis: axis ?? undefined, keepdims }, span),
    ),
  ],
  ["stopGradient", defineBuiltin({ x: "operand" }, (builder, { x }, span) => builder.stopGradient(x, span))],
  [
    "reshape",
    defineBuiltin({ x: "operand", shape: "integers" }, (builder, { x, shape }, span) =>
      builder.reshape(x, shape, span),
    ),
  ],
  [
    "transpose",
    defineBuiltin({ x: "operand", perm: "integers?" }, (builder, { x, perm }, span) =>
      builder.transpose(x, perm, span),
    ),
  ],
  [
    "broadcast",
    defineBuiltin({ x: "operand", shape: "integers" }, (builder, { x, shape }, span) =>
      builder.broadcastTo(x, shape, span),
    ),
  ],
  [
    "concat",
    defineBuiltin({ xs: "operands", axis: "integer?" }, (builder, { xs, axis }, span) =>
      builder.concat(xs, axis ?? 0, span),
    ),
  ],
  [
    "pad",
    defineBuiltin(
      { x: "operand", low: "integers", high: "integers", value: "number?" },
      (builder, { x, low, high, value }, span) => builder.pad(x, low, high, value ?? 0, span),
    ),
  ],
  [
    "iota",
    defineBuiltin({ shape: "integers", axis: "integer?" }, (builder, { shape, axis }, span) =>
      builder.iota(shape, axis ?? 0, undefined, span),
    ),
  ],
]);

/**
 * The functions that source for ahead-of-time compilation may call: those of the text language, those of the library, and
 * what is syntax there. `Math` has names of its own for some of them.
 */
import { resolveAxis } from "../../ir/shape-rules.ts";
import { BUILTINS, defineBuiltin, type BuiltinFunction } from "../text/builtins.ts";
import { LIBRARY } from "../../library/registry.ts";

/** JavaScript has other rules for names: `var` is a keyword. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ["var", "variance"],
  ["broadcast", "broadcastTo"],
]);

export const AOT_FUNCTIONS: ReadonlyMap<string, BuiltinFunction> = new Map([
  ...[...BUILTINS, ...LIBRARY].map(([name, fn]) => [RENAMED.get(name) ?? name, fn] as const),
  [
    "expandDims",
    defineBuiltin({ x: "operand", axis: "integer" }, (builder, { x, axis }, span) => {
      const value = typeof x === "object" ? x : builder.constant(x);
      const { dtype, shape } = value.type;
      const at = resolveAxis(axis, { dtype, shape: [...shape, 1] }, span);
      return builder.reshape(value, shape.toSpliced(at, 0, 1), span);
    }),
  ],
]);

/** Functions that ask about tensors at build time, or are no function of operands alone. */
export const SPECIAL_FUNCTIONS: readonly string[] = [
  ...["shapeOf", "rankOf", "dtypeOf", "slice", "cast"],
  ...["grad", "valueAndGrad", "vjp"],
];

/** `Math.name`: the function that it is of tensors. */
export const MATH: ReadonlyMap<string, string> = new Map([
  ..."abs acos acosh asin asinh atan atanh ceil cos cosh exp expm1 floor log log1p log2 sign sin sinh sqrt tan tanh trunc pow"
    .split(" ")
    .map((name) => [name, name] as const),
  ["max", "maximum"],
  ["min", "minimum"],
]);

export const MATH_CONSTANTS: ReadonlyMap<string, number> = new Map([
  ["PI", Math.PI],
  ["E", Math.E],
  ["LN2", Math.LN2],
  ["LN10", Math.LN10],
  ["LOG2E", Math.LOG2E],
  ["LOG10E", Math.LOG10E],
  ["SQRT2", Math.SQRT2],
  ["SQRT1_2", Math.SQRT1_2],
]);

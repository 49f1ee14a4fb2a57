/** ONNX's elementwise operators: one operand, two, any number; and its activation functions, from the library. */
import { isFloat } from "../../src/ir/dtype.ts";
import type { Operand, Value } from "../../src/ir/graph-builder.ts";
import type { ScalarOp } from "../../src/ir/scalar-ops.ts";
import {
  celu,
  elu,
  gelu,
  mish,
  selu,
  sigmoid,
  softplus,
  softsign,
  swiglu,
  swish,
} from "../../src/library/activations.ts";
import {
  hardSigmoid,
  hardSwish,
  leakyRelu,
  relu,
  shrink,
  threshold,
} from "../../src/library/piecewise-activations.ts";
import type { OnnxBuild, OnnxCall, OnnxTable } from "./onnx-values.ts";

/** Operators that are ops of ours. */
const UNARY: Readonly<Record<string, ScalarOp>> = {
  Abs: "abs",
  Acos: "acos",
  Acosh: "acosh",
  Asin: "asin",
  Asinh: "asinh",
  Atan: "atan",
  Atanh: "atanh",
  Ceil: "ceil",
  Cos: "cos",
  Cosh: "cosh",
  Erf: "erf",
  Exp: "exp",
  Floor: "floor",
  IsNaN: "isnan",
  Log: "log",
  Neg: "neg",
  Not: "not",
  Round: "round",
  Sign: "sign",
  Sin: "sin",
  Sinh: "sinh",
  Sqrt: "sqrt",
  Tan: "tan",
  Tanh: "tanh",
};
const BINARY: Readonly<Record<string, ScalarOp>> = {
  Add: "add",
  And: "and",
  Equal: "eq",
  Greater: "gt",
  GreaterOrEqual: "ge",
  Less: "lt",
  LessOrEqual: "le",
  Mul: "mul",
  Or: "or",
  Sub: "sub",
  Xor: "xor",
};
/** Of any number of operands. */
const VARIADIC: Readonly<Record<string, ScalarOp>> = { Max: "max", Min: "min", Sum: "add" };

const fold = ({ b, inputs, tensor }: OnnxCall, fn: ScalarOp): Value =>
  inputs.map((_, i) => tensor(i)).reduce((result, x) => b.map(fn, [result, x]));

/** Wholes stay whole in ONNX; ours become floats where a power or quotient may not be whole. */
const ARITHMETIC: OnnxTable = {
  Div: ({ b, tensor }) => b.map(isFloat(tensor(0).type.dtype) ? "div" : "quotient", [tensor(0), tensor(1)]),
  Mod: ({ b, tensor, flag }) => b.map(flag("fmod", false) ? "fmod" : "remainder", [tensor(0), tensor(1)]),
  Pow: ({ b, tensor }) => {
    const x = tensor(0);
    const power = b.map("pow", [x, tensor(1)]);
    return isFloat(x.type.dtype) ? power : b.cast(b.map("round", [power]), x.type.dtype);
  },
  Mean: (call) => call.b.map("div", [fold(call, "add"), call.inputs.length]),
  Reciprocal: ({ b, tensor }) => b.map("div", [1, tensor(0)]),
  Where: ({ b, tensor }) => b.map("where", [tensor(0), tensor(1), tensor(2)]),
  Clip: ({ b, tensor, optional }) => {
    const bound = (fn: ScalarOp, x: Value, limit: Value | undefined): Value =>
      limit === undefined ? x : b.map(fn, [x, limit]);
    return bound("min", bound("max", tensor(0), optional(1)), optional(2));
  },
  IsInf: ({ b, tensor, flag }) => {
    const x = tensor(0);
    const isInf = b.map("isinf", [x]);
    const only = (side: ScalarOp, limit: Operand): Value => b.map("and", [isInf, b.map(side, [x, limit])]);
    if (!flag("detect_negative", true)) return only("gt", 0);
    return flag("detect_positive", true) ? isInf : only("lt", 0);
  },
};

const ACTIVATIONS: OnnxTable = {
  Celu: ({ b, tensor, number }) => celu(b, tensor(0), { alpha: number("alpha", 1) }),
  Elu: ({ b, tensor, number }) => elu(b, tensor(0), { alpha: number("alpha", 1) }),
  Gelu: ({ b, tensor, attributes }) =>
    gelu(b, tensor(0), { approximate: attributes.get("approximate") === "tanh" ? "tanh" : "none" }),
  HardSigmoid: ({ b, tensor, number }) =>
    hardSigmoid(b, tensor(0), { alpha: number("alpha", 0.2), beta: number("beta", 0.5) }),
  HardSwish: ({ b, tensor }) => hardSwish(b, tensor(0)),
  LeakyRelu: ({ b, tensor, number }) => leakyRelu(b, tensor(0), { negativeSlope: number("alpha", 0.01) }),
  Mish: ({ b, tensor }) => mish(b, tensor(0)),
  PRelu: ({ b, tensor }) => leakyRelu(b, tensor(0), { negativeSlope: tensor(1) }),
  Relu: ({ b, tensor }) => relu(b, tensor(0)),
  Selu: ({ b, tensor, number }) =>
    selu(b, tensor(0), {
      alpha: number("alpha", 1.6732632423543772),
      scale: number("gamma", 1.0507009873554805),
    }),
  Shrink: ({ b, tensor, number }) =>
    shrink(b, tensor(0), { lambd: number("lambd", 0.5), bias: number("bias", 0) }),
  Sigmoid: ({ b, tensor }) => sigmoid(b, tensor(0)),
  Softplus: ({ b, tensor }) => softplus(b, tensor(0)),
  Softsign: ({ b, tensor }) => softsign(b, tensor(0)),
  SwiGLU: ({ b, tensor, number }) => swiglu(b, tensor(0), tensor(1), { beta: number("alpha", 1) }),
  Swish: ({ b, tensor, number }) => swish(b, tensor(0), { beta: number("alpha", 1) }),
  ThresholdedRelu: ({ b, tensor, number }) => threshold(b, tensor(0), { threshold: number("alpha", 1) }),
};

const named = (
  ops: Readonly<Record<string, ScalarOp>>,
  build: (call: OnnxCall, fn: ScalarOp) => Value,
): OnnxTable =>
  Object.fromEntries(
    Object.entries(ops).map(([op, fn]): readonly [string, OnnxBuild] => [op, (call) => build(call, fn)]),
  );

export const ELEMENTWISE_OPERATORS: OnnxTable = {
  ...named(UNARY, ({ b, tensor }, fn) => b.map(fn, [tensor(0)])),
  ...named(BINARY, ({ b, tensor }, fn) => b.map(fn, [tensor(0), tensor(1)])),
  ...named(VARIADIC, fold),
  ...ARITHMETIC,
  ...ACTIVATIONS,
};

/** PLACEHOLDER: the full table is being written; the names below are final. */
export const SCALAR_OP_NAMES = [
  "neg", "abs", "sign", "floor", "ceil", "round", "trunc", "sqrt", "rsqrt", "exp", "exp2", "expm1", "log", "log2", "log1p",
  "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf",
  "isnan", "isinf", "isfinite", "not",
  "add", "sub", "mul", "div", "pow", "max", "min", "atan2",
  "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "xor", "where",
] as const;
export type ScalarOp = (typeof SCALAR_OP_NAMES)[number];

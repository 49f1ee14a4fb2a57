import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { Span } from "../../src/diagnostics/diagnostic.ts";
import { printType } from "../../src/ir/dtype.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";

const span: Span = { file: "norms.t", line: 3, column: 14, length: 1 };
const f32 = (b: GraphBuilder, name: string, ...shape: readonly number[]): Value =>
  b.param(name, { dtype: "f32", shape });
const ofType = (b: GraphBuilder, dtype: DType, name: string): Value => b.param(name, { dtype, shape: [4] });

type Mistake = readonly [
  name: string,
  build: (b: GraphBuilder, x: Value) => unknown,
  message: string,
  help: string,
];

/** `x` is f32[8,256]; each call is given `span`. */
const MISTAKES: readonly Mistake[] = [
  [
    "shapes that do not broadcast",
    (b, x) => b.map("mul", [x, f32(b, "w", 255)], span),
    "error[shape-mismatch]: cannot broadcast f32[255] to f32[8,256]",
    "along axis -1 one is 255 long, the other 256; lengths must agree or be 1: slice, reshape, or reduce with keepdims",
  ],
  [
    "neither shape broadcasts to the other",
    (b, x) => b.map("mul", [f32(b, "w", 3, 1, 7), x], span),
    "error[shape-mismatch]: cannot broadcast f32[8,256] to f32[3,1,7]",
    "along axis -1 one is 256 long, the other 7; lengths must agree or be 1: slice, reshape, or reduce with keepdims",
  ],
  [
    "broadcast to a lower rank",
    (b, x) => b.broadcastTo(x, [256], span),
    "error[shape-mismatch]: cannot broadcast f32[8,256] to f32[256]",
    "broadcasting adds dimensions and drops none; reshape or reduce first",
  ],
  [
    "broadcast to another length",
    (b, x) => b.broadcastTo(x, [8, 8, 255], span),
    "error[shape-mismatch]: cannot broadcast f32[8,256] to f32[8,8,255]",
    "along axis -1 one is 256 long, the other 255; lengths must agree or be 1: slice, reshape, or reduce with keepdims",
  ],
  [
    "axis past the end",
    (b, x) => b.reduce("sum", x, { axis: 3 }, span),
    "error[invalid-axis]: axis 3 is out of range for f32[8,256]",
    "axes run from -2 to 1",
  ],
  [
    "axis before the start",
    (b, x) => b.mean(x, { axis: -3 }, span),
    "error[invalid-axis]: axis -3 is out of range for f32[8,256]",
    "axes run from -2 to 1",
  ],
  [
    "fractional axis",
    (b, x) => b.reduce("sum", x, { axis: 0.5 }, span),
    "error[invalid-axis]: axis 0.5 is out of range for f32[8,256]",
    "axes run from -2 to 1",
  ],
  [
    "axis of a number",
    (b) => b.reduce("sum", 1, { axis: 0 }, span),
    "error[invalid-axis]: axis 0 is out of range for i32[]",
    "a tensor of rank 0 has no axes",
  ],
  [
    "axis given twice",
    (b, x) => b.reduce("sum", x, { axis: [1, -1] }, span),
    "error[duplicate-axis]: axis -1 of f32[8,256] is given twice",
    "name each axis once; negative axes count from the end",
  ],
  [
    "maximum of nothing",
    (b) => b.reduce("max", f32(b, "e", 0, 3), { axis: 0 }, span),
    "error[empty-reduction]: max over zero elements has no value",
    "axis 0 of f32[0,3] has length 0; concatenate a first element, or reduce other axes",
  ],
  [
    "position in nothing",
    (b) => b.reduce("argmin", f32(b, "e", 3, 0), { axis: 1 }, span),
    "error[empty-reduction]: argmin over zero elements has no value",
    "axis 1 of f32[3,0] has length 0; concatenate a first element, or reduce other axes",
  ],
  [
    "reshape to another count",
    (b, x) => b.reshape(x, [5, 5], span),
    "error[shape-mismatch]: cannot reshape f32[8,256] to [5,5]",
    "f32[8,256] has 2048 elements, [5,5] has 25",
  ],
  [
    "reshape without a fitting length",
    (b, x) => b.reshape(x, [3, -1], span),
    "error[shape-mismatch]: cannot reshape f32[8,256] to [3,-1]",
    "no length for -1 makes 2048 elements",
  ],
  [
    "reshape with two open lengths",
    (b, x) => b.reshape(x, [-1, -1], span),
    "error[invalid-shape]: [-1,-1] leaves 2 lengths open",
    "one length may be -1",
  ],
  [
    "reshape of nothing with an open length",
    (b) => b.reshape(f32(b, "e", 0), [0, -1], span),
    "error[shape-mismatch]: cannot reshape f32[0] to [0,-1]",
    "no length for -1 makes 0 elements",
  ],
  [
    "negative length",
    (b) => b.param("p", { dtype: "f32", shape: [-2] }, span),
    "error[invalid-shape]: -2 in [-2] is no length of a dimension",
    "lengths are whole numbers from 0",
  ],
  [
    "rank over 8",
    (b) => b.param("p", { dtype: "f32", shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }, span),
    "error[rank-too-high]: [1,1,1,1,1,1,1,1,1] has 9 dimensions",
    "tensors have at most 8 dimensions; reshape to merge some",
  ],
  [
    "too many elements",
    (b) => b.map("add", [f32(b, "p", 65536, 1), f32(b, "q", 32768)], span),
    "error[too-large]: [65536,32768] has 2147483648 elements",
    "a tensor holds at most 2^31 - 1 = 2147483647 elements; split it",
  ],
  [
    "permutation of another rank",
    (b, x) => b.transpose(x, [0, 2, 1], span),
    "error[invalid-axis]: cannot transpose f32[8,256] by [0,2,1]",
    "name each of its 2 axes once",
  ],
  [
    "permutation with a repeated axis",
    (b, x) => b.transpose(x, [0, 0], span),
    "error[duplicate-axis]: axis 0 of f32[8,256] is given twice",
    "name each axis once; negative axes count from the end",
  ],
  [
    "index out of range",
    (b, x) => b.slice(x, [8], span),
    "error[invalid-value]: index 8 is out of range for axis 0 of f32[8,256]",
    "indices run from -8 to 7",
  ],
  [
    "step of zero",
    (b, x) => b.slice(x, [{ step: 0 }], span),
    "error[invalid-value]: step 0 in a slice of axis 0 is not positive",
    "steps are at least 1; slices do not reverse",
  ],
  [
    "reversed slice",
    (b, x) => b.slice(x, [{ step: -1 }], span),
    "error[invalid-value]: step -1 in a slice of axis 0 is not positive",
    "steps are at least 1; slices do not reverse",
  ],
  [
    "more ranges than axes",
    (b, x) => b.slice(x, [0, 0, 0], span),
    "error[invalid-axis]: 3 ranges are given for f32[8,256]",
    "it has 2 axes; give at most one range for each",
  ],
  [
    "negative padding",
    (b, x) => b.pad(x, [-1, 0], [0, 0], 0, span),
    "error[invalid-value]: cannot pad by -1 elements",
    "counts are whole numbers from 0; slice to crop",
  ],
  [
    "padding of another rank",
    (b, x) => b.pad(x, [1], [1], 0, span),
    "error[invalid-axis]: cannot pad f32[8,256] by [1] and [1]",
    "give one count for each of its 2 axes, before and after",
  ],
  [
    "padding value of another dtype",
    (b) => b.pad(ofType(b, "i32", "n"), [1], [1], 0.5, span),
    "error[invalid-value]: 0.5 is not a value of i32",
    "i32 holds whole numbers from -2147483648 to 2147483647; cast to f32 for others",
  ],
  [
    "concat of different lengths",
    (b, x) => b.concat([x, f32(b, "w", 8, 255)], 0, span),
    "error[shape-mismatch]: cannot concatenate f32[8,256] and f32[8,255] along axis 0",
    "ranks have to agree, and lengths on all axes but 0",
  ],
  [
    "concat of numbers",
    (b) => b.concat([1, 2], 0, span),
    "error[invalid-axis]: axis 0 is out of range for i32[]",
    "a tensor of rank 0 has no axes",
  ],
  [
    "concat of nothing",
    (b) => b.concat([], 0, span),
    "error[wrong-arity]: concat takes at least 1 operand, got 0",
    "pass the tensors to join",
  ],
  [
    "literal that the dtype has not",
    (b) => b.map("add", [ofType(b, "u32", "n"), -1], span),
    "error[invalid-value]: -1 is not a value of u32",
    "u32 holds whole numbers from 0 to 4294967295; cast to i32 or f32 for others",
  ],
  [
    "constant that the dtype has not",
    (b) => b.constant(1.5, "i32", [], span),
    "error[invalid-value]: 1.5 is not a value of i32",
    "i32 holds whole numbers from -2147483648 to 2147483647; cast to f32 for others",
  ],
  [
    "name taken",
    (b) => b.scalar("x", {}, span),
    "error[duplicate-name]: x is declared twice",
    "give each input its own name",
  ],
  [
    "input without a name",
    (b) => b.param("", { dtype: "f32", shape: [] }, span),
    "error[wrong-argument]: an input has no name",
    "name each param and scalar",
  ],
  [
    "scalar of a storage dtype",
    (b) => b.scalar("s", { dtype: "f16" }, span),
    "error[unsupported-dtype]: scalar s cannot be f16",
    "declare it f32: in arithmetic it takes on the dtype of the tensor that it meets",
  ],
  [
    "iota of bool",
    (b) => b.iota([2], 0, "bool", span),
    "error[unsupported-dtype]: iota cannot be bool",
    "it gives i32, u32 or f32; cast the result",
  ],
  [
    "wrong arity",
    (b, x) => b.map("add", [x], span),
    "error[wrong-arity]: add takes 2 operands, got 1",
    "pass one value for each operand",
  ],
  [
    "value of another graph",
    (_b, x) => createGraphBuilder("g").map("neg", [x], span),
    "error[wrong-argument]: a value of another graph is used in graph g",
    "build each graph from its own params",
  ],
];

test.each(MISTAKES)("%s", (_name, build, message, help) => {
  const b = createGraphBuilder("f");
  const x = f32(b, "x", 8, 256);
  let caught: unknown;
  try {
    build(b, x);
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(TensorweftError);
  const [diagnostic, ...rest] = caught instanceof TensorweftError ? caught.diagnostics : [];
  expect(rest).toEqual([]);
  expect(`error[${String(diagnostic?.code)}]: ${String(diagnostic?.message)}`).toBe(message);
  expect(diagnostic?.help).toBe(help);
  expect(diagnostic?.span).toBe(span);
});

test("a name given twice points at its first declaration", () => {
  const b = createGraphBuilder("f");
  const first: Span = { file: "norms.t", line: 1, column: 8, length: 1 };
  b.param("x", { dtype: "f32", shape: [] }, first);
  let caught: unknown;
  try {
    b.scalar("x", {}, span);
  } catch (error) {
    caught = error;
  }
  expect(caught instanceof TensorweftError && caught.diagnostics[0]?.notes).toEqual([
    { message: "x is first declared here", span: first },
  ]);
});

test.each<readonly [string, readonly string[], string]>([
  ["no result", [], "a graph needs a result"],
  ["two of one name", ["y", "y"], "two results are named y"],
  ["no name", [""], "a result has no name"],
])("finish refuses: %s", (_name, names, message) => {
  const b = createGraphBuilder("f");
  expect(() => b.finish(names.map((name) => ({ name, value: 1 })))).toThrow(message);
});

test("the shape of a param is copied", () => {
  const shape = [2];
  const b = createGraphBuilder("f");
  const x = b.param("x", { dtype: "f32", shape });
  shape.push(9);
  expect(printType(x.type)).toBe("f32[2]");
});

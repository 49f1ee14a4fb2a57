/** ONNX operators on shapes and constants, and those that only rearrange. Known operands give known results. */
import { elementCount } from "../../src/ir/dtype.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { castValue } from "../../src/ir/round.ts";
import { dtypeOf, host, list, shapeOf, tensor } from "./onnx-values.ts";
import type { HostValue, OnnxCall, OnnxTable, OnnxValue } from "./onnx-values.ts";

/** TensorProto.DataType, as far as there is a dtype for it; i64 and f64 become 32 bits wide. */
const DATA_TYPES: Readonly<Record<number, DType>> = {
  1: "f32",
  6: "i32",
  7: "i32",
  9: "bool",
  10: "f16",
  11: "f32",
  12: "u32",
  16: "bf16",
};

const first = (call: OnnxCall): OnnxValue => {
  const [value] = call.inputs;
  if (value === undefined || value === null) throw new TypeError(`${call.op} lacks its operand`);
  return value;
};

function castTo(call: OnnxCall, dtype: DType): OnnxValue {
  const value = first(call);
  if (value.kind === "tensor") return tensor(call.b.cast(value.value, dtype));
  return host(
    dtype,
    value.shape,
    value.values.map((x) => castValue(value.dtype, dtype, x)),
  );
}

/** Lengths with 0 for "as it was" and one -1 for "what is left". */
function resolveLengths(wanted: readonly number[], shape: readonly number[]): readonly number[] {
  const lengths = wanted.map((n, d) => (n === 0 ? (shape[d] ?? 0) : n));
  const known = lengths.filter((n) => n !== -1).reduce((product, n) => product * n, 1);
  return lengths.map((n) => (n === -1 ? elementCount(shape) / known : n));
}

function reshape(call: OnnxCall, lengths: readonly number[]): OnnxValue {
  const value = first(call);
  return value.kind === "tensor"
    ? tensor(call.b.reshape(value.value, lengths))
    : { ...value, shape: lengths };
}

export const SHAPE_OPERATORS: OnnxTable = {
  Constant: ({ attributes, number, numbers }) => {
    const value = attributes.get("value");
    if (typeof value === "object" && "dtype" in value) return host(value.dtype, value.shape, value.values);
    const integers = numbers("value_ints");
    return integers === undefined ? host("f32", [], [number("value_float", 0)]) : list(integers);
  },
  Identity: first,
  Cast: (call) => {
    const dtype = DATA_TYPES[call.number("to", 0)];
    if (dtype === undefined) throw new TypeError("Cast to a type that there is not");
    return castTo(call, dtype);
  },
  CastLike: (call) => {
    const [, like] = call.inputs;
    return castTo(call, like ? dtypeOf(like) : "f32");
  },
  Shape: (call) => {
    const shape = shapeOf(first(call));
    return list(shape.slice(call.number("start", 0), call.number("end", shape.length)));
  },
  Size: (call) => host("i32", [], [elementCount(shapeOf(first(call)))]),
  Reshape: (call) => reshape(call, resolveLengths(call.list(1) ?? [], shapeOf(first(call)))),
  Flatten: (call) => {
    const shape = shapeOf(first(call));
    const axis = call.number("axis", 1);
    const split = axis < 0 ? axis + shape.length : axis;
    return reshape(call, [elementCount(shape.slice(0, split)), elementCount(shape.slice(split))]);
  },
  Concat: ({ inputs }) => {
    const parts = inputs.map((value) => {
      if (value?.kind !== "host") throw new TypeError("Concat of tensors");
      return value.values;
    });
    return list(parts.flat());
  },
  Slice: (call) => {
    const [start = 0] = call.list(1) ?? [];
    const [end = 0] = call.list(2) ?? [];
    return list((call.list(0) ?? []).slice(start, end));
  },
  ConstantOfShape: ({ list: read, attributes }) => {
    const shape = read(0) ?? [];
    const value = attributes.get("value");
    const filler = typeof value === "object" && "dtype" in value ? value : undefined;
    const count = elementCount(shape);
    return host(
      filler?.dtype ?? "f32",
      shape,
      Array.from({ length: count }, () => filler?.values[0] ?? 0),
    );
  },
  Range: ({ list: read }) => {
    const [start = 0] = read(0) ?? [];
    const [limit = 0] = read(1) ?? [];
    const [delta = 1] = read(2) ?? [];
    const count = Math.max(0, Math.ceil((limit - start) / delta));
    return list(Array.from({ length: count }, (_, i) => start + i * delta));
  },
};

const ARITHMETIC: Readonly<Record<string, (x: number, y: number) => number>> = {
  Add: (x, y) => x + y,
  Sub: (x, y) => x - y,
  Mul: (x, y) => x * y,
  Div: (x, y) => x / y,
  Neg: (x) => -x,
  Sqrt: (x) => Math.sqrt(x),
};

/** Arithmetic on operands that are all known; undefined for other operators. One of the operands may be a single number. */
export function foldArithmetic(op: string, operands: readonly HostValue[]): OnnxValue | undefined {
  const fn = ARITHMETIC[op];
  const [x, y = x] = operands;
  if (fn === undefined || x === undefined || y === undefined) return undefined;
  const { shape } = x.values.length >= y.values.length ? x : y;
  const at = (value: HostValue, i: number): number => value.values[value.values.length === 1 ? 0 : i] ?? 0;
  const values = Array.from({ length: elementCount(shape) }, (_, i) => fn(at(x, i), at(y, i)));
  return host(
    x.dtype,
    shape,
    values.map((value) => castValue("f32", x.dtype, value)),
  );
}

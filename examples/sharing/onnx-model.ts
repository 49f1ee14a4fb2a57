/**
 * A small ONNX model as the bytes of its protobuf (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto; the numbers are
 * those of the fields): y = relu(x + bias), with x and y f32[ROWS, COLUMNS].
 */

type Bytes = readonly number[];

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}
const integer = (field: number, value: number): Bytes => [...varint(field * 8), ...varint(value)];
const nested = (field: number, bytes: Bytes): Bytes => [
  ...varint(field * 8 + 2),
  ...varint(bytes.length),
  ...bytes,
];
const text = (field: number, value: string): Bytes => nested(field, [...new TextEncoder().encode(value)]);

const FLOAT = 1;

function valueInfo(name: string, shape: readonly number[]): Bytes {
  const dims = shape.flatMap((length) => nested(1, integer(1, length)));
  const tensorType = [...integer(1, FLOAT), ...nested(2, dims)];
  return [...text(1, name), ...nested(2, nested(1, tensorType))];
}
const node = (op: string, inputs: readonly string[], output: string): Bytes => [
  ...inputs.flatMap((name) => text(1, name)),
  ...text(2, output),
  ...text(4, op),
];
function constant(name: string, values: readonly number[]): Bytes {
  const raw = [...new Uint8Array(Float32Array.from(values).buffer)];
  return [...integer(1, values.length), ...integer(2, FLOAT), ...text(8, name), ...nested(9, raw)];
}

/** relu(x + bias), with a bias for each column. */
export function buildModel(rows: number, bias: readonly number[]): Uint8Array {
  const shape = [rows, bias.length];
  const graph = [
    ...nested(1, node("Add", ["x", "bias"], "sum")),
    ...nested(1, node("Relu", ["sum"], "y")),
    ...text(2, "model"),
    ...nested(5, constant("bias", bias)),
    ...nested(11, valueInfo("x", shape)),
    ...nested(12, valueInfo("y", shape)),
  ];
  const opset = integer(2, 13);
  return Uint8Array.from([...integer(1, 8), ...nested(7, graph), ...nested(8, opset)]);
}

/**
 * The modules whose weights the golden cases normalise, as graphs of primitive ops: a linear layer and convolutions, with
 * PyTorch's arguments. Written for small shapes: a convolution is one product and sum per position of its kernel.
 */
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";

interface ModuleTensors {
  readonly x: Value;
  readonly weight: Value;
  readonly bias: Value;
}

/** The output of a module of PyTorch's name and arguments. */
export function applyModule(b: GraphBuilder, module: string, args: unknown, tensors: ModuleTensors): Value {
  const read = (name: string, otherwise: number): number => {
    const value: unknown = typeof args === "object" && args !== null ? Reflect.get(args, name) : undefined;
    return typeof value === "number" ? value : otherwise;
  };
  const { x, weight, bias } = tensors;
  switch (module) {
    case "Linear": {
      const rows = b.reshape(x, [...x.type.shape.slice(0, -1), 1, x.type.shape.at(-1) ?? 1]);
      return b.map("add", [b.reduce("sum", b.map("mul", [rows, weight]), { axis: -1 }), bias]);
    }
    case "Conv1d":
    case "Conv2d":
      return addBias(b, convolve(b, x, weight, read("padding", 0), read("groups", 1)), bias);
    case "ConvTranspose1d": {
      const stretched = insertZeros(b, x, read("stride", 1));
      const kernel = weight.type.shape[2] ?? 1;
      const turned = flipLast(b, b.transpose(weight, [1, 0, 2])); // [I, O, K] there, [O, I, K] here
      return addBias(b, convolve(b, stretched, turned, kernel - 1 - read("padding", 0), 1), bias);
    }
    default:
      throw new Error(`no module ${module}`);
  }
}

/** `[B, C, ...]` with `[O, C / groups, ...kernel]`, stride 1. */
function convolve(b: GraphBuilder, x: Value, weight: Value, padding: number, groups: number): Value {
  const [outputs = 1, inputs = 1, ...kernel] = weight.type.shape;
  const [batch = 1, , ...sizes] = x.type.shape;
  const around = [0, 0, ...sizes.map(() => padding)];
  const padded = b.pad(x, around, around);
  const lengths = sizes.map((n, d) => n + 2 * padding - (kernel[d] ?? 1) + 1);
  const terms = positions(kernel).map((start) => {
    const windows = b.slice(padded, [
      {},
      {},
      ...start.map((k, d) => ({ start: k, stop: k + (lengths[d] ?? 0) })),
    ]);
    const grouped = b.reshape(windows, [batch, groups, 1, inputs, ...lengths]);
    const taps = b.reshape(b.slice(weight, [{}, {}, ...start]), [
      groups,
      outputs / groups,
      inputs,
      ...sizes.map(() => 1),
    ]);
    return b.reduce("sum", b.map("mul", [grouped, taps]), { axis: 3 });
  });
  const sum = terms.reduce((total, term) => b.map("add", [total, term]));
  return b.reshape(sum, [batch, outputs, ...lengths]);
}

/** All index tuples of a shape, in row-major order. */
const positions = (shape: readonly number[]): readonly (readonly number[])[] =>
  shape.reduce<readonly (readonly number[])[]>(
    (found, n) => found.flatMap((start) => Array.from({ length: n }, (_, k) => [...start, k])),
    [[]],
  );

const addBias = (b: GraphBuilder, y: Value, bias: Value): Value =>
  b.map("add", [y, b.reshape(bias, [bias.type.shape[0] ?? 1, ...y.type.shape.slice(2).map(() => 1)])]);

/** `stride - 1` zeros between neighbours along the last axis. */
function insertZeros(b: GraphBuilder, x: Value, stride: number): Value {
  const { shape } = x.type;
  const length = shape.at(-1) ?? 1;
  const spread = b.pad(
    b.reshape(x, [...shape, 1]),
    [...shape, 1].map(() => 0),
    [...shape.map(() => 0), stride - 1],
  );
  const flat = b.reshape(spread, [...shape.slice(0, -1), length * stride]);
  return b.slice(flat, [...shape.slice(0, -1).map(() => ({})), { stop: (length - 1) * stride + 1 }]);
}

function flipLast(b: GraphBuilder, x: Value): Value {
  const last = x.type.shape.length - 1;
  const before = x.type.shape.slice(0, -1).map(() => ({}));
  const length = x.type.shape[last] ?? 0;
  const parts = Array.from({ length }, (_, k) =>
    b.slice(x, [...before, { start: length - 1 - k, stop: length - k }]),
  );
  return b.concat(parts, last);
}

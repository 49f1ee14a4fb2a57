/**
 * The two kernels that fold a weight norm piece by piece, w = v * (g / (norm(v) + eps)), whatever the size of v.
 *
 * A weight is seen as [outer, kept, inner]: the axes before the one that keeps its norms, that one, those behind it. A box of
 * it is contiguous in memory. `sumSquares` adds up the squares of at most PIECE elements at a time, in f32; the host adds the
 * partial sums up in float64, takes root and quotient there, and `scale` multiplies by the result as a sum of two f32.
 *
 * Why not one fused kernel: sum, root, quotient and product in f32 are each rounded, and together end 3 ulp off the exact
 * weight. With the factor in two parts the product of an f32 weight is within 1 ulp of the exact one: 1/2 each for the product
 * and the last sum, and what the short sums err by is far less. A weight larger than memory takes two walks anyway.
 */
import { scalar } from "./frontend/trace/arguments.ts";
import type { TracedTensor } from "./frontend/trace/traced-tensor.ts";
import { jit } from "./jit.ts";
import type { DType } from "./ir/dtype.ts";
import { fromBf16Bits, fromF16Bits, toBf16Bits, toF16Bits } from "./ir/round.ts";
import type { Device, Tensor } from "./runtime/device.ts";

/**
 * Most squares that one f32 sum takes, and least sums per norm: their errors of a few 2^-24 average out, and a norm of few
 * elements is added up on the host alone. The more a sum takes, the less the host reads.
 */
const LONGEST_PIECE = 16;
const LEAST_PIECES = 64;

function pieceLength(perNorm: number): number {
  let length = LONGEST_PIECE;
  while (length > 1 && perNorm < length * LEAST_PIECES) length /= 2;
  return length;
}

/** A long axis as pieces: [n] becomes [pieces, length], padded with zeros. */
function cut(x: TracedTensor, axis: number, length: number): TracedTensor {
  const { shape } = x;
  const n = shape[axis] ?? 1;
  const pieces = Math.ceil(n / length);
  const missing = pieces * length - n;
  const padded =
    missing === 0
      ? x
      : x.pad(
          shape.map(() => 0),
          shape.map((_, d) => (d === axis ? missing : 0)),
        );
  return padded.reshape([...shape.slice(0, axis), pieces, length, ...shape.slice(axis + 1)]);
}

/** Partial sums of squares of `v * power`, [outer', kept, inner']: squares, pieces of the innermost axis, then of the outer one. */
function sumSquares(v: TracedTensor, power: TracedTensor): TracedTensor {
  const [outer = 1, , inner = 1] = v.shape;
  const x = v.cast("f32").mul(power);
  const squares = x.mul(x);
  const piece = pieceLength(outer * inner);
  const along = Math.min(inner, piece);
  const across = Math.min(outer, Math.floor(piece / along));
  const summed = along > 1 ? cut(squares, 2, along).sum({ axis: 3 }) : squares;
  return across > 1 ? cut(summed, 0, across).sum({ axis: 1 }) : summed;
}

const scale = (v: TracedTensor, high: TracedTensor, low: TracedTensor, dtype: DType): TracedTensor =>
  v.mul(high).add(v.mul(low)).cast(dtype);

export interface FoldKernels {
  /** Adds the sums of squares of `v * power` to `sums`, one for each kept position from `first` on. */
  readonly addSquares: (v: Tensor, power: number, sums: Float64Array, first: number) => Promise<void>;
  /** The box times one factor per kept position, rounded to `dtype`, as bytes. */
  readonly scaleBox: (v: Tensor, factors: Float64Array, dtype: DType) => Promise<Uint8Array>;
  /** How often a kernel was compiled: once for each shape of a box, and dtype. */
  readonly compiled: () => number;
}

/** Kernels compiled once per shape of a box, for one device. */
export function createFoldKernels(device: Device): FoldKernels {
  const squares = jit(sumSquares, { name: "sum_squares" });
  const scaled = jit(scale, { name: "scale_weight" });
  return {
    compiled: () => squares.counters.traces + scaled.counters.traces,
    addSquares: async (v, power, sums, first) => {
      using partial = squares(v, scalar(power));
      const [outer = 1, kept = 1, inner = 1] = partial.shape;
      const values = await partial.read();
      for (let o = 0, i = 0; o < outer; o++)
        for (let k = 0; k < kept; k++) {
          let sum = 0;
          for (let n = 0; n < inner; n++) sum += values[i++] ?? Number.NaN;
          sums[first + k] = (sums[first + k] ?? Number.NaN) + sum;
        }
      freeBytes(values);
    },
    scaleBox: async (v, factors, dtype) => {
      const { high, low } = splitFactors(factors);
      const shape = [1, high.length, 1];
      using highs = device.tensor(high, shape);
      using lows = device.tensor(low, shape);
      using w = scaled(v, highs, lows, dtype);
      const data = await w.read();
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    },
  };
}

/** Each factor as a sum of two f32; nan and infinity have no second part. */
function splitFactors(factors: Float64Array): { readonly high: Float32Array; readonly low: Float32Array } {
  const high = Float32Array.from(factors);
  const low = Float32Array.from(factors, (factor, i) => {
    const rest = factor - (high[i] ?? 0);
    return Number.isFinite(rest) ? rest : 0;
  });
  return { high, low };
}

/** The elements of little-endian bytes, as a device takes them: 16-bit ones as words. Copies where bytes are not aligned. */
export function viewElements(dtype: DType, bytes: Uint8Array): Float32Array | Uint16Array {
  const size = dtype === "f32" ? 4 : 2;
  const aligned = bytes.byteOffset % size === 0 ? bytes : Uint8Array.from(bytes);
  const { buffer, byteOffset, byteLength } = aligned;
  return dtype === "f32"
    ? new Float32Array(buffer, byteOffset, byteLength / 4)
    : new Uint16Array(buffer, byteOffset, byteLength / 2);
}

/**
 * Gives the memory of an array back at once, where nothing else is in it. Left to the collector, which sees small objects,
 * hundreds of megabytes of chunks may pile up.
 */
export function freeBytes({ buffer, byteLength }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}

/** Elements as numbers. */
export function readNumbers(dtype: DType, bytes: Uint8Array): Float64Array {
  const elements = viewElements(dtype, bytes);
  if (dtype === "f16") return Float64Array.from(elements, fromF16Bits);
  if (dtype === "bf16") return Float64Array.from(elements, fromBf16Bits);
  return Float64Array.from(elements);
}

/** Numbers rounded to the dtype, as bytes. */
export function encodeFloats(dtype: DType, values: Float64Array): Uint8Array {
  const round = dtype === "f16" ? toF16Bits : toBf16Bits;
  const data = dtype === "f32" ? Float32Array.from(values) : Uint16Array.from(values, round);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

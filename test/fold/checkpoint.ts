/** State dicts for tests: sources over arrays that count what is read, and the weights in float64. */
import { elementCount } from "../../src/ir/dtype.ts";
import { roundTo } from "../../src/ir/round.ts";
import { gainShape } from "../../src/library/weight-norm-dim.ts";
import type { TensorSource } from "../../src/fold-weight-norm.ts";
import { encodeFloats } from "../../src/fold-kernels.ts";
import type { FloatDType } from "../../scripts/demo/ulp.ts";
import { createRandom } from "../support/random-values.ts";

export { largestUlp, type FloatDType } from "../../scripts/demo/ulp.ts";

export interface Layer {
  readonly v: Float64Array;
  readonly g: Float64Array;
  readonly shape: readonly number[];
  readonly dim: number | null;
}

/** Numbers of both signs that the dtypes hold exactly. */
export function makeLayer(
  shape: readonly number[],
  dim: number | null,
  {
    v: vType = "f32",
    g: gType = "f32",
    seed = 1,
    size = 1,
  }: {
    readonly v?: FloatDType;
    readonly g?: FloatDType;
    readonly seed?: number;
    readonly size?: number;
  } = {},
): Layer {
  const random = createRandom(seed);
  const fill = (count: number, dtype: FloatDType, scale: number): Float64Array =>
    Float64Array.from({ length: count }, () => roundTo(dtype, (random() - 0.5) * scale));
  return {
    v: fill(elementCount(shape), vType, size),
    g: fill(elementCount(gainShape(shape, dim)), gType, 4),
    shape,
    dim,
  };
}

/** The exact weight, in float64. */
export function foldExactly({ v, g, shape, dim }: Layer, eps = 0): Float64Array {
  const kept = dim === null ? 1 : (shape[dim] ?? 1);
  const inner = dim === null ? v.length : elementCount(shape.slice(dim + 1));
  const position = (i: number): number => Math.floor(i / inner) % kept;
  const sums = new Float64Array(kept);
  // Scaled, so that squares neither overflow nor vanish.
  const most = v.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
  v.forEach((x, i) => (sums[position(i)] = (sums[position(i)] ?? 0) + (most === 0 ? 0 : x / most) ** 2));
  const factors = sums.map((sum, k) => (g[k] ?? Number.NaN) / (most * Math.sqrt(sum) + eps));
  return v.map((x, i) => x * (factors[position(i)] ?? Number.NaN));
}

export const toBytes = (dtype: FloatDType, values: Float64Array): Uint8Array => encodeFloats(dtype, values);

/** A source over bytes that notes every read. */
export function sourceOf(
  dtype: string,
  shape: readonly number[],
  bytes: Uint8Array,
  reads: number[] = [],
): TensorSource {
  return {
    dtype,
    shape,
    byteLength: bytes.byteLength,
    read: (begin, end) => {
      if (begin < 0 || end > bytes.byteLength || begin > end)
        throw new RangeError(`bytes ${begin} to ${end} of ${bytes.byteLength}`);
      reads.push(end - begin);
      return Promise.resolve(bytes.slice(begin, end));
    },
  };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * What reductions are asked to keep of their operands: data that chains of additions lose digits on, operations, their
 * float64 references, and how far a result may lie from them.
 */
import { layerNorm, logsumexp, mean, norm, sum, type TracedTensor, variance as varianceOf } from "tensorweft";

/** Half an ulp of 1. */
const UNIT = 2 ** -24;
/** Elements of a row of the layer norm. */
const ROW = 4096;

/** Uniform in [0, 1), the same for the same seed. */
function createUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Sums of twelve uniform numbers less their mean: nearly normal, standard deviation 1. */
function noise(length: number, scale: number, offset: number): Float32Array {
  const uniform = createUniform(length);
  return Float32Array.from({ length }, () => {
    let total = -6;
    for (let i = 0; i < 12; i++) total += uniform();
    return offset + scale * total;
  });
}

/** f32 vectors by name. */
export const DATA: Readonly<Record<string, (length: number) => Float32Array>> = {
  uniform: (length) => {
    const uniform = createUniform(1);
    return Float32Array.from({ length }, () => uniform());
  },
  sorted: (length) => (DATA["uniform"]?.(length) ?? new Float32Array(length)).sort(),
  "sorted, largest first": (length) => noise(length, 1, 0).sort().reverse(),
  "alternating signs": (length) =>
    Float32Array.from({ length }, (_, i) => (i % 2 === 0 ? 1 : -1) * ((i % 1000) + 0.1)),
  "mean 1e4 + noise": (length) => noise(length, 1, 1e4),
  "mean 1e4 + little noise": (length) => noise(length, 0.1, 1e4),
  ones: (length) => new Float32Array(length).fill(1),
  tenths: (length) => new Float32Array(length).fill(0.1),
  "a huge one among small ones": (length) => {
    const small = new Float32Array(length).fill(0.7);
    small[Math.floor(length / 3)] = 8 * length;
    return small;
  },
};

/** Neumaier's compensated sum, in float64. */
function sumExactly(
  x: ArrayLike<number>,
  term: (value: number) => number,
  start = 0,
  end = x.length,
): number {
  let [total, lost] = [0, 0];
  for (let i = start; i < end; i++) {
    const value = term(x[i] ?? 0);
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

interface Moments {
  readonly mean: number;
  readonly magnitude: number;
  readonly deviation: number;
}

/** Mean, mean magnitude and standard deviation of elements. */
function momentsOf(x: Float32Array, start = 0, end = x.length): Moments {
  const n = end - start;
  const centre = sumExactly(x, (v) => v, start, end) / n;
  return {
    mean: centre,
    magnitude: sumExactly(x, Math.abs, start, end) / n,
    deviation: Math.sqrt(sumExactly(x, (v) => (v - centre) ** 2, start, end) / n),
  };
}

export interface Operation {
  readonly name: string;
  /** The shape that the vector is given. */
  readonly shape: (length: number) => readonly number[];
  readonly run: (x: TracedTensor) => TracedTensor;
  /** The largest error over what is allowed. */
  readonly judge: (x: Float32Array, result: ArrayLike<number>) => number;
}

const whole = (length: number): readonly number[] => [length];
const overAllowed = (got: number | undefined, want: number, allowed: number): number =>
  Math.abs((got ?? Number.NaN) - want) / allowed;

/** An operation with one number for a result: its value in float64, and what is allowed. */
const total = (
  name: string,
  run: Operation["run"],
  reference: (x: Float32Array) => readonly [want: number, allowed: number],
): Operation => ({
  name,
  shape: whole,
  run,
  judge: (x, result) => overAllowed(result[0], ...reference(x)),
});

export const OPERATIONS: readonly Operation[] = [
  total(
    "sum",
    (x) => sum(x),
    (x) => [sumExactly(x, (v) => v), 4 * UNIT * sumExactly(x, Math.abs)],
  ),
  total(
    "mean",
    (x) => mean(x),
    (x) => {
      const { mean: centre, magnitude } = momentsOf(x);
      return [centre, 4 * UNIT * magnitude];
    },
  ),
  // Of equal numbers what is left is the error of their mean, squared.
  total(
    "variance",
    (x) => varianceOf(x, { correction: 0 }),
    (x) => {
      const { deviation, magnitude } = momentsOf(x);
      return [deviation ** 2, 1e-5 * deviation ** 2 + (4 * UNIT * magnitude) ** 2];
    },
  ),
  total(
    "l2 norm",
    (x) => norm(x),
    (x) => {
      const length = Math.sqrt(sumExactly(x, (v) => v * v));
      return [length, 6 * UNIT * length]; // half of the sum's share, products and the root
    },
  ),
  total(
    "logsumexp",
    (x) => logsumexp(x, { axis: 0 }),
    (x) => {
      const top = x.reduce((a, b) => Math.max(a, b), -Infinity);
      const want = top + Math.log(sumExactly(x, (v) => Math.exp(v - top)));
      return [want, 8 * UNIT * Math.max(1, Math.abs(want))];
    },
  ),
  {
    name: "layer norm",
    shape: (length) => [length / ROW, ROW],
    run: (x) => layerNorm(x, { eps: 1e-5 }),
    judge: (x, result) => {
      let worst = 0;
      for (let start = 0; start < x.length; start += ROW) {
        const { mean: centre, magnitude, deviation } = momentsOf(x, start, start + ROW);
        const scale = 1 / Math.sqrt(deviation ** 2 + 1e-5);
        for (let i = start; i < start + ROW; i++) {
          const want = ((x[i] ?? 0) - centre) * scale;
          // The mean is an f32: its rounding is magnified by the scale.
          const allowed = 4 * UNIT * magnitude * scale + 16 * UNIT * (1 + Math.abs(want));
          worst = Math.max(worst, overAllowed(result[i], want, allowed));
        }
      }
      return worst;
    },
  },
];

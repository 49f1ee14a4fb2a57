/** Input data for tests: numbers from a seed, in patterns that kernels meet and in those that break them. */
import { elementCount, isFloat } from "../../src/ir/dtype.ts";
import type { DType, TensorType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { roundTo } from "../../src/ir/round.ts";

/** Uniform numbers in [0, 1) from a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SPECIAL_FLOATS = [
  0,
  -0,
  NaN,
  Infinity,
  -Infinity,
  1,
  -1,
  1e38,
  -3e38,
  1e-37,
  1e-41,
  65504,
  1e-6,
  88,
  -104,
];
const SPECIAL_INTEGERS = [0, 1, -1, 2147483647, -2147483648, 4294967295, 65536, 16777217];

/** What an element is drawn from: ordinary numbers, numbers far from 0 beside their spread, all positive, all the same. */
const PATTERNS: readonly ((random: () => number) => number)[] = [
  (random) => 4 * (random() + random() + random() - 1.5),
  (random) => 4 * (random() + random() + random() - 1.5),
  (random) => 1000 + random(),
  (random) => random() + 0.01,
  () => 0.75,
  () => 0,
];

function drawElement(dtype: DType, random: () => number, pattern: number, specials: number): number {
  const isSpecial = random() < specials;
  if (isFloat(dtype)) {
    const draw = PATTERNS[pattern % PATTERNS.length];
    const value = isSpecial ? SPECIAL_FLOATS[Math.floor(random() * SPECIAL_FLOATS.length)] : draw?.(random);
    return roundTo(dtype, value ?? 0);
  }
  if (isSpecial) return roundTo(dtype, SPECIAL_INTEGERS[Math.floor(random() * SPECIAL_INTEGERS.length)] ?? 0);
  return roundTo(dtype, dtype === "bool" ? Math.floor(random() * 2) : Math.floor(random() * 20) - 9);
}

/** Elements of one tensor, each a value of its dtype. `specials` is the share of infinities, zeros, huge numbers, .... */
export function randomElements(type: TensorType, seed: number, specials = 0): Float64Array {
  const random = createRandom(seed);
  const pattern = Math.floor(random() * PATTERNS.length);
  return Float64Array.from({ length: elementCount(type.shape) }, () =>
    drawElement(type.dtype, random, pattern, specials),
  );
}

/** Values for all params and scalars of a graph. One seed in four gives special values. */
export function randomInputs(graph: Graph, seed: number): Map<string, Float64Array> {
  const specials = seed % 4 === 3 ? 0.03 : 0;
  const inputs = graph.nodes.flatMap((node, id) =>
    node.op === "param" || node.op === "scalar"
      ? [[node.name, randomElements(node.type, seed + 7919 * id, specials)] as const]
      : [],
  );
  return new Map(inputs);
}

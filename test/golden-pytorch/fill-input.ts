/** Inputs that the golden format gives by a formula: a hash of the position, exact in f32, in [-1, 1). */
export function fillInput(seed: number, shape: readonly number[]): Float32Array {
  const values = new Float32Array(shape.reduce((n, length) => n * length, 1));
  const start = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < values.length; i++) {
    let h = (i + start) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d);
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b);
    h ^= h >>> 16;
    values[i] = ((h >>> 8) - 2 ** 23) / 2 ** 23;
  }
  return values;
}

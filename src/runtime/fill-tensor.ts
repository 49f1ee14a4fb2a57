/** Numbers for inputs: positive, near 1, the same on every run. No kernel takes a special path for them. */
import { elementCount, storageBytes } from "../ir/dtype.ts";
import { bufferBytes, type PlanTensor } from "../ir/plan.ts";

/** Uniform in [0.25, 1.25) for floats, 0 to 255 for integers, as the words that the device stores. */
export function fillTensor({ dtype, shape }: PlanTensor, seed: number): Uint8Array<ArrayBuffer> {
  const elements = elementCount(shape);
  const bytes = new Uint8Array(bufferBytes(elements, storageBytes(dtype)));
  const next = createGenerator(seed);
  if (dtype === "f32") {
    const floats = new Float32Array(bytes.buffer);
    for (let i = 0; i < elements; i++) floats[i] = 0.25 + next() / 2 ** 32;
  } else if (dtype === "f16" || dtype === "bf16") {
    const words = new Uint16Array(bytes.buffer);
    // A fixed exponent with a random mantissa: [0.5, 1).
    const [exponent, mantissa] = dtype === "f16" ? [0x3800, 0x3ff] : [0x3f00, 0x7f];
    for (let i = 0; i < elements; i++) words[i] = exponent | ((next() >>> 16) & mantissa);
  } else {
    const words = new Uint32Array(bytes.buffer);
    const mask = dtype === "bool" ? 1 : 0xff;
    for (let i = 0; i < elements; i++) words[i] = (next() >>> 16) & mask;
  }
  return bytes;
}

/** A linear congruential generator with the constants of Numerical Recipes (Press et al., section 7.1). */
function createGenerator(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

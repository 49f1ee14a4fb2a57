/** Tensors of f16 in every way that they come and go. */
import { jit, openDevice } from "tensorweft";
import type { Tensor, TracedTensor } from "tensorweft";
import * as runtime from "tensorweft/runtime";

/** 0, -0, 1, -2, the largest, the smallest, infinity, and 0.1 as nearly as f16 has it. */
const WORDS = [0x0000, 0x8000, 0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x2e66];

interface Read {
  readonly array: string;
  readonly words: readonly number[];
}

async function readWords(tensor: Pick<Tensor, "read">): Promise<Read> {
  const data = await tensor.read();
  const words = new Uint16Array(data.buffer, data.byteOffset, data.length);
  return { array: data.constructor.name, words: Array.from(words) };
}

export async function roundTrip() {
  using device = await openDevice({ backend: "webgpu" });
  using cpu = await openDevice({ backend: "cpu" });
  using slim = await runtime.openDevice();
  const words = Uint16Array.from(WORDS);
  const numbers = [0, -0, 1, -2, 65504, 2 ** -24, Infinity, 0.1];
  const half = { dtype: "f16" } as const;
  const negate = jit((x: TracedTensor) => x.neg());
  const isF16 = (tensor: Tensor): boolean => tensor.dtype === "f16";
  const fromWords = device.tensor(words, [8], half);
  return {
    hasFloat16Array: "Float16Array" in globalThis,
    expected: WORDS,
    negated: WORDS.map((word) => word ^ 0x8000),
    isF16: isF16(fromWords) && isF16(negate(fromWords)),
    reads: await Promise.all([
      readWords(fromWords),
      readWords(device.tensor(numbers, [8], half)),
      readWords(device.tensor(Float32Array.from(numbers), [8], half)),
      readWords(cpu.tensor(words, [8], half)),
      readWords(slim.tensor(words, [8], half)),
    ]),
    results: await Promise.all([
      readWords(negate(fromWords)),
      readWords(negate(cpu.tensor(words, [8], half))),
    ]),
    // Odd counts do not fill their last word.
    odd: await readWords(device.tensor(words.slice(0, 3), [3], half)),
    refusal: refusalOf(() => device.tensor(words)),
  };
}

function refusalOf(act: () => unknown): string {
  try {
    act();
    return "none";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

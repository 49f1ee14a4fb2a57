/**
 * The weight-normed convolutions of a HiFi-GAN v1 generator, at the shapes of its published configuration
 * (https://arxiv.org/abs/2010.05646, table 5; config_v1.json of the authors). Weights are random: nothing is downloaded.
 *
 * Ensures: the same seed gives the same checkpoint, bit for bit, on every machine.
 */
import type { SafetensorsTensor } from "../../src/formats/safetensors.ts";

export interface Layer {
  /** Prefix of its tensors: `<name>.weight_v`, `<name>.weight_g`. */
  readonly name: string;
  /** Of weight_v. Dimension 0, which weight norm keeps, is the output channel, of a transposed convolution the input. */
  readonly shape: readonly [number, number, number];
}

const MEL_CHANNELS = 80;
const WIDEST = 512;
const UPSAMPLE_KERNELS = [16, 16, 4, 4] as const;
const RESBLOCK_KERNELS = [3, 7, 11] as const;
const DILATIONS = 3;

/** The layers in the order of the checkpoint. */
export function listLayers(): readonly Layer[] {
  const layers: Layer[] = [{ name: "conv_pre", shape: [WIDEST, MEL_CHANNELS, 7] }];
  UPSAMPLE_KERNELS.forEach((kernel, stage) => {
    const channels = WIDEST / 2 ** stage;
    layers.push({ name: `ups.${stage}`, shape: [channels, channels / 2, kernel] });
  });
  UPSAMPLE_KERNELS.forEach((_, stage) => {
    const channels = WIDEST / 2 ** (stage + 1);
    RESBLOCK_KERNELS.forEach((kernel, which) => {
      const block = stage * RESBLOCK_KERNELS.length + which;
      for (const part of ["convs1", "convs2"])
        for (let conv = 0; conv < DILATIONS; conv++)
          layers.push({ name: `resblocks.${block}.${part}.${conv}`, shape: [channels, channels, kernel] });
    });
  });
  layers.push({ name: "conv_post", shape: [1, WIDEST / 2 ** UPSAMPLE_KERNELS.length, 7] });
  return layers;
}

/** Uniform numbers in (0, 1] from a linear congruential generator: good enough for weights, and in integers, so exact. */
function createUniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 2 ** 32;
  };
}

/**
 * Sums of uniforms instead of Box-Muller: Math.log and Math.cos may differ in the last bit between engines.
 */
function fillNormal(values: Float32Array, deviation: number, uniform: () => number): void {
  const scale = deviation / Math.sqrt(1 / 3); // variance of a sum of four uniforms
  for (let i = 0; i < values.length; i++)
    values[i] = (uniform() + uniform() + uniform() + uniform() - 2) * scale;
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** weight_v as HiFi-GAN initialises it (normal, 0.01), weight_g as training might leave it: of any size and sign. */
export function makeCheckpoint(seed: number): Map<string, SafetensorsTensor> {
  const uniform = createUniform(seed);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const { name, shape } of listLayers()) {
    const [kept, inner, kernel] = shape;
    const v = new Float32Array(kept * inner * kernel);
    fillNormal(v, 0.01, uniform);
    const g = new Float32Array(kept);
    fillNormal(g, 1, uniform);
    tensors.set(`${name}.weight_v`, { dtype: "F32", shape, bytes: bytesOf(v) });
    tensors.set(`${name}.weight_g`, { dtype: "F32", shape: [kept, 1, 1], bytes: bytesOf(g) });
  }
  return tensors;
}

/**
 * Weight norms folded and taken apart in bounded memory: tensors are read in parts, and made in parts.
 *
 * Ensures: what is held of a tensor is one box of it, whatever its size, and a number or two per norm; a tensor that is kept
 *          passes through byte for byte. A row-wise norm (dim 0) reads v once, others twice where v is larger than a box.
 */
import { boxSize, cutWeight, type PlacedBox, viewWeight } from "./fold-boxes.ts";
import {
  createFoldKernels,
  encodeFloats,
  type FoldKernels,
  readNumbers,
  viewElements,
} from "./fold-kernels.ts";
import { type DType, elementCount, storageBytes } from "./ir/dtype.ts";
import { gainShape } from "./library/weight-norm-dim.ts";
import {
  planFold,
  type TensorInfo,
  type WeightNormPair,
  type WeightNormRule,
} from "./library/weight-norm-pairs.ts";
import { planUnfold, type UnfoldChoice } from "./library/weight-norm-unfold.ts";
import type { Device, Tensor } from "./runtime/device.ts";

export interface FoldOptions {
  /** The dim and eps of weights where they have to be said, and what to leave alone. */
  readonly rules?: readonly WeightNormRule[] | undefined;
  /** Of the folded weights. Default: that of v. */
  readonly dtype?: "f32" | "f16" | "bf16" | undefined;
}

/** A tensor that is read when it is needed, in parts. */
export interface TensorSource extends TensorInfo {
  readonly byteLength: number;
  /** Bytes `begin` to `end` of the elements, row-major and little-endian. */
  readonly read: (begin: number, end: number) => Promise<Uint8Array>;
  /** Told when bytes that `read` gave are no longer looked at, unless they were passed on as a chunk. */
  readonly release?: ((bytes: Uint8Array) => void) | undefined;
}

/** A tensor that is made when it is asked for, in parts. */
export interface TensorStream extends TensorInfo {
  readonly byteLength: number;
  /** All bytes, in order. May be asked for again. */
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

export interface StreamOptions {
  readonly device: Device;
  /** Most bytes that are read of a tensor at a time. Default 2 MiB; some six times that is in use at most. */
  readonly chunkBytes?: number | undefined;
  /** Told of norms that divide by 0 or are no number. Default: console.warn. */
  readonly warn?: ((message: string) => void) | undefined;
}

type Sources = ReadonlyMap<string, TensorSource>;

const CHUNK_BYTES = 2 * 2 ** 20;

/** What all streams of one call share. */
interface Stage {
  readonly device: Device;
  readonly kernels: FoldKernels;
  readonly chunkBytes: number;
  readonly warn: (message: string) => void;
}

const createStage = ({ device, chunkBytes = CHUNK_BYTES, warn = console.warn }: StreamOptions): Stage => ({
  device,
  kernels: createFoldKernels(device),
  chunkBytes,
  warn,
});

/** `foldWeightNorm` of tensors that are read in parts. */
export function foldSources(
  sources: Sources,
  { rules, dtype }: FoldOptions,
  options: StreamOptions,
): Map<string, TensorStream> {
  const stage = createStage(options);
  const streams = new Map<string, TensorStream>();
  for (const step of planFold(sources, rules)) {
    if (step.kind === "keep") streams.set(step.name, keep(find(sources, step.name), stage));
    else {
      const { v, g, name } = step.pair;
      const weight: Weight = { ...step.pair, source: find(sources, v), stage };
      const to = dtype ?? dtypeOf(weight.source);
      const { shape } = weight.source;
      streams.set(name, {
        dtype: to,
        shape,
        byteLength: elementCount(shape) * storageBytes(to),
        chunks: () => foldChunks(weight, find(sources, g), to),
      });
    }
  }
  return streams;
}

/** `unfoldWeightNorm` of tensors that are read in parts. */
export function unfoldSources(
  sources: Sources,
  choice: UnfoldChoice,
  options: StreamOptions,
): Map<string, TensorStream> {
  const stage = createStage(options);
  const streams = new Map<string, TensorStream>();
  for (const step of planUnfold(sources, choice)) {
    const source = find(sources, step.kind === "keep" ? step.name : step.pair.name);
    if (step.kind === "keep") streams.set(step.name, keep(source, stage));
    else {
      const { g, v, dim } = step.pair;
      const shape = gainShape(source.shape, dim);
      const dtype = dtypeOf(source);
      streams.set(g, {
        dtype,
        shape,
        byteLength: elementCount(shape) * storageBytes(dtype),
        chunks: () => gainChunks({ ...step.pair, source, stage }),
      });
      streams.set(v, keep(source, stage));
    }
  }
  return streams;
}

function find(sources: Sources, name: string): TensorSource {
  const source = sources.get(name);
  if (source === undefined) throw new RangeError(`the plan names ${name}, which is not among the tensors`);
  return source;
}

/** The plan has seen to it that weights are of these. */
const dtypeOf = ({ dtype }: TensorInfo): DType => (dtype === "f16" || dtype === "bf16" ? dtype : "f32");

function keep({ dtype, shape, byteLength, read }: TensorSource, { chunkBytes }: Stage): TensorStream {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let begin = 0; begin < byteLength; begin += chunkBytes)
      yield await read(begin, Math.min(begin + chunkBytes, byteLength));
  }
  return { dtype, shape, byteLength, chunks };
}

interface Weight extends WeightNormPair {
  readonly source: TensorSource;
  readonly stage: Stage;
}

const boxesOf = ({ source, dim, stage }: Weight): readonly PlacedBox[] => [
  ...cutWeight(
    viewWeight(source.shape, dim),
    Math.max(1, Math.floor(stage.chunkBytes / storageBytes(dtypeOf(source)))),
  ),
];

async function upload({ source, stage }: Weight, box: PlacedBox): Promise<Tensor> {
  const dtype = dtypeOf(source);
  const size = storageBytes(dtype);
  const bytes = await source.read(box.start * size, (box.start + boxSize(box)) * size);
  const shape = [box.outer, box.kept, box.inner];
  const tensor = stage.device.tensor(viewElements(dtype, bytes), shape, { dtype });
  source.release?.(bytes);
  return tensor;
}

async function* foldChunks(weight: Weight, gain: TensorSource, dtype: DType): AsyncGenerator<Uint8Array> {
  const { dim, source, stage } = weight;
  const g = readNumbers(dtypeOf(gain), await gain.read(0, gain.byteLength));
  const view = viewWeight(source.shape, dim);
  const boxes = boxesOf(weight);
  const checked = new NormCheck(weight);
  const factorsOf = (norms: Float64Array, first: number): Float64Array =>
    norms.map((norm, i) => (g[first + i] ?? Number.NaN) / (checked.see(norm) + weight.eps));
  if (view.outer === 1 && boxes.every(({ inner }) => inner === view.inner)) {
    // Each box has all of its norms: one walk.
    for (const box of boxes) {
      using v = await upload(weight, box);
      const norms = await computeNorms(stage.kernels, box.kept, async (add) => add(v, 0));
      yield await stage.kernels.scaleBox(v, factorsOf(norms, box.first), dtype);
    }
  } else {
    const factors = factorsOf(await walkNorms(weight, view.kept, boxes), 0);
    for (const box of boxes) {
      using v = await upload(weight, box);
      yield await stage.kernels.scaleBox(v, factors.subarray(box.first, box.first + box.kept), dtype);
    }
  }
  checked.report();
}

async function* gainChunks(weight: Weight): AsyncGenerator<Uint8Array> {
  const { source, dim, eps } = weight;
  const norms = await walkNorms(weight, viewWeight(source.shape, dim).kept, boxesOf(weight));
  yield encodeFloats(
    dtypeOf(source),
    norms.map((norm) => norm + eps),
  );
}

const walkNorms = (weight: Weight, kept: number, boxes: readonly PlacedBox[]): Promise<Float64Array> =>
  computeNorms(weight.stage.kernels, kept, async (add) => {
    for (const box of boxes) {
      using v = await upload(weight, box);
      await add(v, box.first);
    }
  });

/** Squares in this range are exact enough in f32: far from overflow, and from where small parts of the sum vanish. */
const SAFE_LOW = 2 ** -80;
const SAFE_HIGH = 2 ** 120;
const POWER = 2 ** 64;

/**
 * Norms of `kept` positions over boxes that `walk` passes to its argument. Where squares leave the range of f32, the boxes
 * are walked once more with v scaled by a power of two, which is exact.
 */
async function computeNorms(
  kernels: FoldKernels,
  kept: number,
  walk: (add: (v: Tensor, first: number) => Promise<void>) => Promise<void>,
): Promise<Float64Array> {
  const sumsAt = async (power: number): Promise<Float64Array> => {
    const sums = new Float64Array(kept);
    await walk((v, first) => kernels.addSquares(v, power, sums, first));
    return sums;
  };
  const sums = await sumsAt(1);
  const small = sums.some((sum) => sum < SAFE_LOW) ? await sumsAt(POWER) : undefined;
  const large = sums.some((sum) => sum > SAFE_HIGH) ? await sumsAt(1 / POWER) : undefined;
  return sums.map((sum, i) => {
    if (sum < SAFE_LOW) return Math.sqrt(small?.[i] ?? Number.NaN) / POWER;
    return sum > SAFE_HIGH ? Math.sqrt(large?.[i] ?? Number.NaN) * POWER : Math.sqrt(sum);
  });
}

/** Counts norms that make weights other than numbers. */
class NormCheck {
  readonly #weight: Weight;
  #norms = 0;
  #zero = 0;
  #odd = 0;

  constructor(weight: Weight) {
    this.#weight = weight;
  }

  see(norm: number): number {
    this.#norms += 1;
    if (norm === 0) this.#zero += 1;
    else if (!Number.isFinite(norm)) this.#odd += 1;
    return norm;
  }

  report(): void {
    const { name, eps, stage } = this.#weight;
    const of = `of ${this.#norms} norms`;
    if (this.#zero > 0 && eps === 0)
      stage.warn(`${name}: ${this.#zero} ${of} are 0, which makes those weights nan`);
    if (this.#odd > 0) stage.warn(`${name}: ${this.#odd} ${of} are no finite numbers`);
  }
}

/**
 * Reads the PyTorch golden vectors under test/data/golden (made by scripts/copy-golden.ts; format golden/1, one
 * case a line).
 *
 * Ensures: what is not as the format says throws with the name of the case or tensor; nothing is skipped silently.
 */
import { existsSync, readFileSync } from "node:fs";
import type { DType } from "../../src/ir/dtype.ts";
import { fillInput } from "./fill-input.ts";

const COPY = new URL("../data/golden/", import.meta.url);
/** All vectors, the largest included; not part of the repository. */
const FULL = new URL("../../../shared/golden/", import.meta.url);
export const hasFullVectors = existsSync(FULL);

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export interface GoldenInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Row-major; made on each call where the manifest holds a formula instead of data. */
  readonly values: () => ArrayLike<number>;
}

export interface Tolerance {
  readonly l2: number;
  readonly max: number;
}

/** Sums over all elements of an output of which only samples are stored. */
export interface Totals {
  readonly sum: number;
  readonly absolute: number;
  readonly squares: number;
}

export interface GoldenOutput {
  readonly name: string;
  readonly shape: readonly number[];
  /** All elements, or those at the flat indices of `at`. */
  readonly truth: Float64Array;
  readonly at?: Float64Array | undefined;
  readonly totals?: Totals | undefined;
  /** PyTorch's float32 answer, where that is as good as the truth. */
  readonly torch?: Float64Array | undefined;
  /** Absent where no element is to be compared. */
  readonly tolerance: Tolerance | undefined;
  /** How far the true answer moves in the 2-norm, relatively, when it is stored in 16 bits. */
  readonly rounding?: number | undefined;
}

export type Attribute =
  | number
  | boolean
  | string
  | null
  | readonly number[]
  | readonly string[]
  | Readonly<Record<string, unknown>>;

/** Gradients of the sum of outputs times their upstream. */
export interface GoldenGradients {
  /** `grad_<input>` for each of these inputs. */
  readonly wrt: readonly string[];
  /** For some outputs: the input that each is multiplied with, or a number. */
  readonly upstream: ReadonlyMap<string, string | number>;
  readonly outputs: readonly GoldenOutput[];
  /** Inputs that are upstream only. */
  readonly inputs: ReadonlyMap<string, GoldenInput | null>;
}

export interface GoldenCase {
  readonly id: string;
  readonly op: string;
  /** The types of the inputs, as the format writes them. */
  readonly dtype: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** null where an optional argument is absent. */
  readonly inputs: ReadonlyMap<string, GoldenInput | null>;
  readonly outputs: readonly GoldenOutput[];
  /** Absent where the case has none, or where they are left out of the copy. */
  readonly gradients: GoldenGradients | undefined;
  readonly tags: readonly string[];
  /** What PyTorch says where it refuses the call. */
  readonly raises: string | undefined;
}

type Json = Readonly<Record<string, unknown>>;

function toObject(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${what} is no object`);
  return { ...value };
}
const toNumbers = (value: unknown, what: string): readonly number[] => {
  if (!Array.isArray(value)) throw new TypeError(`${what} is no list`);
  return value.map(Number);
};

type StoredTensor = GoldenTensor & { readonly dtype: string };

const DECODE: Readonly<Record<string, (bytes: ArrayBuffer) => Float64Array>> = {
  F64: (bytes) => new Float64Array(bytes),
  F32: (bytes) => Float64Array.from(new Float32Array(bytes)),
  F16: (bytes) => Float64Array.from(new Float16Array(bytes)),
  BF16: (bytes) => {
    // The upper half of an f32.
    const words = Uint32Array.from(new Uint16Array(bytes), (half) => half << 16);
    return Float64Array.from(new Float32Array(words.buffer));
  },
  I32: (bytes) => Float64Array.from(new Int32Array(bytes)),
};

const INPUT_DTYPES: Readonly<Record<string, DType>> = { F32: "f32", F16: "f16", BF16: "bf16", I32: "i32" };

/** All tensors of a safetensors file. */
function readTensors(url: URL): ReadonlyMap<string, StoredTensor> {
  const file = readFileSync(url);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = toObject(JSON.parse(file.subarray(8, start).toString("utf8")), "header");
  return new Map(
    Object.entries(header).map(([name, entry]) => {
      const { dtype, shape, data_offsets: offsets } = toObject(entry, name);
      const [begin = 0, end = 0] = toNumbers(offsets, name);
      // A copy, so that the typed array starts at a multiple of its element size.
      const bytes = Uint8Array.from(file.subarray(start + begin, start + end)).buffer;
      const decode = DECODE[String(dtype)];
      if (decode === undefined) throw new TypeError(`${name} is ${String(dtype)}`);
      return [name, { dtype: String(dtype), shape: toNumbers(shape, name), values: decode(bytes) }];
    }),
  );
}

/** In attributes the numbers inf, -inf and nan are strings. */
function readAttribute(value: unknown, what: string): Attribute {
  if (value === "inf") return Number.POSITIVE_INFINITY;
  if (value === "-inf") return Number.NEGATIVE_INFINITY;
  if (value === null || typeof value === "number" || typeof value === "boolean" || typeof value === "string")
    return value;
  if (Array.isArray(value))
    return value.some((item) => typeof item === "string") ? value.map(String) : value.map(Number);
  return toObject(value, what);
}

function readOutput(json: Json, name: string, tensorAt: (name: unknown) => StoredTensor): GoldenOutput {
  const { truth, torch, tol, at, shape, round, sum, sum_abs: absolute, sum_sq: squares } = json;
  const { values, shape: stored } = tensorAt(truth);
  const tolerance = tol === undefined ? undefined : toObject(tol, `tol of ${name}`);
  const rounding = Array.isArray(round) ? toObject(round[0], `round of ${name}`)["rel_l2"] : undefined;
  return {
    name,
    truth: values,
    shape: shape === undefined ? stored : toNumbers(shape, name),
    at: at === undefined ? undefined : tensorAt(at).values,
    totals:
      sum === undefined
        ? undefined
        : { sum: Number(sum), absolute: Number(absolute), squares: Number(squares) },
    torch: torch === undefined ? undefined : tensorAt(torch).values,
    tolerance: tolerance && { l2: Number(tolerance["l2"]), max: Number(tolerance["max"]) },
    rounding: rounding === undefined ? undefined : Number(rounding),
  };
}

function readCase(json: Json, tensors: ReadonlyMap<string, StoredTensor>): GoldenCase {
  const id = String(json["id"]);
  const tensorAt = (name: unknown): StoredTensor => {
    const tensor = tensors.get(String(name));
    if (tensor === undefined) throw new TypeError(`${id} names a tensor ${String(name)} that is not there`);
    return tensor;
  };
  const entries = (key: string): readonly (readonly [string, unknown])[] =>
    Object.entries(toObject(json[key] ?? {}, `${key} of ${id}`));
  const stored = entries("in").map(([name, value]): readonly [string, GoldenInput | null] => {
    if (value === null) return [name, null];
    const { dtype, shape, values } = tensorAt(value);
    const known = INPUT_DTYPES[dtype];
    if (known === undefined) throw new TypeError(`${name} of ${id} is ${dtype}`);
    return [name, { dtype: known, shape, values: () => values }];
  });
  const filled = entries("fill").map(([name, value]): readonly [string, GoldenInput] => {
    const { seed, shape } = toObject(value, `fill of ${id}`);
    const lengths = toNumbers(shape, id);
    return [name, { dtype: "f32", shape: lengths, values: () => fillInput(Number(seed), lengths) }];
  });
  const { raises, tags, grads } = json;
  const inputs = [...stored, ...filled];
  const outputs = entries("out").map(([name, value]) =>
    readOutput(toObject(value, `${name} of ${id}`), name, tensorAt),
  );
  const { wrt, upstream } = toObject(grads ?? {}, `grads of ${id}`);
  const isUpstream = ([name]: readonly [string, unknown]): boolean => name.startsWith("up_");
  const isGradient = ({ name }: GoldenOutput): boolean => grads !== undefined && name.startsWith("grad_");
  return {
    id,
    op: String(json["op"]),
    dtype: String(json["dtype"]),
    attributes: new Map(
      entries("attrs").map(([name, value]) => [name, readAttribute(value, `${name} of ${id}`)]),
    ),
    inputs: new Map(inputs.filter((input) => !isUpstream(input))),
    outputs: outputs.filter((output) => !isGradient(output)),
    gradients:
      grads === undefined
        ? undefined
        : {
            wrt: Array.isArray(wrt) ? wrt.map(String) : [],
            upstream: new Map(
              Object.entries(toObject(upstream, `upstream of ${id}`)).map(([name, by]) => [
                name,
                typeof by === "number" ? by : String(by),
              ]),
            ),
            outputs: outputs.filter(isGradient),
            inputs: new Map(inputs.filter(isUpstream)),
          },
    tags: Array.isArray(tags) ? tags.map(String) : [],
    raises: raises === undefined ? undefined : String(toObject(raises, id)["message"]),
  };
}

/** The cases of one group, in order. */
export function readGoldenGroup(group: string): readonly GoldenCase[] {
  const lines = readFileSync(new URL(`${group}/manifest.jsonl`, COPY), "utf8")
    .trim()
    .split("\n");
  const [head, ...cases] = lines.map((line) => toObject(JSON.parse(line), group));
  if (head?.["format"] !== "golden/1") throw new TypeError(`group ${group} is of another format`);
  const tensors = readTensors(new URL(`${group}/data.safetensors`, COPY));
  return cases.map((json) => readCase(json, tensors));
}

/** The same from the full vectors: with all gradients. */
export function readFullGroup(group: string): readonly GoldenCase[] {
  const text = readFileSync(new URL(`${group}/manifest.json`, FULL), "utf8");
  const { format, cases } = toObject(JSON.parse(text), group);
  if (format !== "golden/1" || !Array.isArray(cases))
    throw new TypeError(`group ${group} is of another format`);
  const tensors = readTensors(new URL(`${group}/data.safetensors`, FULL));
  return cases.map((json) => readCase(toObject(json, group), tensors));
}

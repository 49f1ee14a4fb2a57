/**
 * Reads the PyTorch golden vectors under test/data/golden (made by scripts/copy-golden.ts; format golden/1, one
 * case a line).
 *
 * Ensures: what is not as the format says throws with the name of the case or tensor; nothing is skipped silently.
 */
import { readFileSync } from "node:fs";

const ROOT = new URL("../data/golden/", import.meta.url);

export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export interface Tolerance {
  readonly l2: number;
  readonly max: number;
}

export interface GoldenOutput {
  readonly name: string;
  readonly truth: GoldenTensor;
  /** Absent where no element is to be compared. */
  readonly tolerance: Tolerance | undefined;
}

export type Attribute = number | boolean | null | readonly number[];

export interface GoldenCase {
  readonly id: string;
  readonly op: string;
  readonly attributes: ReadonlyMap<string, Attribute>;
  /** null where an optional argument is absent. */
  readonly inputs: ReadonlyMap<string, GoldenTensor | null>;
  readonly outputs: readonly GoldenOutput[];
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

/** All tensors of a safetensors file; f32 and f64 only. */
function readTensors(url: URL): ReadonlyMap<string, GoldenTensor> {
  const file = readFileSync(url);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = toObject(JSON.parse(file.subarray(8, start).toString("utf8")), "header");
  return new Map(
    Object.entries(header).map(([name, entry]) => {
      const { dtype, shape, data_offsets: offsets } = toObject(entry, name);
      const [begin = 0, end = 0] = toNumbers(offsets, name);
      // A copy, so that the typed array starts at a multiple of its element size.
      const bytes = Uint8Array.from(file.subarray(start + begin, start + end)).buffer;
      if (dtype !== "F32" && dtype !== "F64") throw new TypeError(`${name} is ${String(dtype)}`);
      const values = dtype === "F64" ? new Float64Array(bytes) : Float64Array.from(new Float32Array(bytes));
      return [name, { shape: toNumbers(shape, name), values }];
    }),
  );
}

/** In attributes the numbers inf, -inf and nan are strings. */
function readAttribute(value: unknown, what: string): Attribute {
  if (value === "inf") return Number.POSITIVE_INFINITY;
  if (value === "-inf") return Number.NEGATIVE_INFINITY;
  if (value === null || typeof value === "number" || typeof value === "boolean") return value;
  return toNumbers(value, what);
}

function readCase(json: Json, tensors: ReadonlyMap<string, GoldenTensor>): GoldenCase {
  const id = String(json["id"]);
  const tensorAt = (name: unknown): GoldenTensor => {
    const tensor = tensors.get(String(name));
    if (tensor === undefined) throw new TypeError(`${id} names a tensor ${String(name)} that is not there`);
    return tensor;
  };
  const entries = (key: string): readonly (readonly [string, unknown])[] =>
    Object.entries(toObject(json[key], `${key} of ${id}`));
  const outputs = entries("out").map(([name, value]): GoldenOutput => {
    const { truth, tol } = toObject(value, `${name} of ${id}`);
    const tolerance = tol === undefined ? undefined : toObject(tol, `tol of ${id}`);
    return {
      name,
      truth: tensorAt(truth),
      tolerance: tolerance && { l2: Number(tolerance["l2"]), max: Number(tolerance["max"]) },
    };
  });
  const { raises } = json;
  return {
    id,
    op: String(json["op"]),
    attributes: new Map(
      entries("attrs").map(([name, value]) => [name, readAttribute(value, `${name} of ${id}`)]),
    ),
    inputs: new Map(entries("in").map(([name, value]) => [name, value === null ? null : tensorAt(value)])),
    outputs,
    raises: raises === undefined ? undefined : String(toObject(raises, id)["message"]),
  };
}

/** The cases of one group, in order. */
export function readGoldenGroup(group: string): readonly GoldenCase[] {
  const lines = readFileSync(new URL(`${group}/manifest.jsonl`, ROOT), "utf8")
    .trim()
    .split("\n");
  const [head, ...cases] = lines.map((line) => toObject(JSON.parse(line), group));
  if (head?.["format"] !== "golden/1") throw new TypeError(`group ${group} is of another format`);
  const tensors = readTensors(new URL(`${group}/data.safetensors`, ROOT));
  return cases.map((json) => readCase(json, tensors));
}

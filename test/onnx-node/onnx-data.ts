/**
 * Reads ONNX's published test cases of single operators (format onnx-node/1, beside this repository; not part of it).
 *
 * Ensures: what is not as the format says throws with the name of the case; nothing is skipped silently.
 */
import { existsSync, readFileSync } from "node:fs";
import type { DType } from "../../src/ir/dtype.ts";

const ROOT = new URL("../../../shared/onnx-node/", import.meta.url);

/** Why there is nothing to test, or null. */
export const MISSING: string | null = existsSync(new URL("index.json", ROOT))
  ? null
  : "the ONNX node cases are not here: they lie in ../shared/onnx-node, outside the repository";

export const PLAIN_GROUPS = ["reduce", "softmax", "normalization", "activation", "unary", "binary"] as const;
export const EXPANDED_GROUP = "expanded";

/** What stands for ONNX's types: i64 indices as i32, f64 as f32. */
const DTYPES: Readonly<Record<string, DType>> = {
  F32: "f32",
  F64: "f32",
  F16: "f16",
  BF16: "bf16",
  I32: "i32",
  I64: "i32",
  U32: "u32",
  BOOL: "bool",
};

export interface OnnxTensor {
  readonly name: string;
  readonly dtype: DType;
  /** A small list of whole numbers, such as axes: known when the graph is built. */
  readonly isList: boolean;
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly dtype: DType; readonly shape: readonly number[]; readonly values: readonly number[] };
export type OnnxAttributes = ReadonlyMap<string, OnnxAttribute>;

export interface OnnxNode {
  readonly op: string;
  readonly attributes: OnnxAttributes;
  /** Names of values; "" or null where an optional input is absent. */
  readonly inputs: readonly (string | null)[];
  readonly outputs: readonly string[];
}

export interface OnnxCase {
  readonly id: string;
  /** Of an expanded case: the plain case of the same meaning. */
  readonly of: string | undefined;
  readonly inputs: readonly (OnnxTensor | null)[];
  readonly outputs: readonly (OnnxTensor | null)[];
  /** In order of execution; a plain case has one. */
  readonly nodes: readonly OnnxNode[];
}

type Json = Readonly<Record<string, unknown>>;

function toObject(value: unknown, what: string): Json {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${what} is no object`);
  return { ...value };
}
function toList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${what} is no list`);
  return value;
}

/** Numbers, with "inf", "-inf" and "nan" as strings; nested lists are row-major. */
function toNumbers(value: unknown): readonly number[] {
  if (Array.isArray(value)) return value.flatMap(toNumbers);
  if (value === "inf") return [Number.POSITIVE_INFINITY];
  if (value === "-inf") return [Number.NEGATIVE_INFINITY];
  return [value === "nan" ? Number.NaN : Number(value)];
}

const DECODE: Readonly<Record<string, (bytes: ArrayBuffer) => Float64Array>> = {
  F64: (bytes) => new Float64Array(bytes),
  F32: (bytes) => Float64Array.from(new Float32Array(bytes)),
  F16: (bytes) => Float64Array.from(new Float16Array(bytes)),
  BF16: (bytes) =>
    Float64Array.from(new Float32Array(Uint32Array.from(new Uint16Array(bytes), (w) => w << 16).buffer)),
  I32: (bytes) => Float64Array.from(new Int32Array(bytes)),
  U32: (bytes) => Float64Array.from(new Uint32Array(bytes)),
  I64: (bytes) => Float64Array.from(new BigInt64Array(bytes), Number),
  BOOL: (bytes) => Float64Array.from(new Uint8Array(bytes)),
};

function readTensors(group: string): ReadonlyMap<string, Float64Array> {
  const file = readFileSync(new URL(`${group}/data.safetensors`, ROOT));
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = toObject(JSON.parse(file.subarray(8, start).toString("utf8")), "header");
  return new Map(
    Object.entries(header).map(([name, entry]) => {
      const { dtype, data_offsets: offsets } = toObject(entry, name);
      const [begin = 0, end = 0] = toNumbers(offsets);
      const decode = DECODE[String(dtype)];
      if (decode === undefined) throw new TypeError(`${name} is ${String(dtype)}`);
      return [name, decode(Uint8Array.from(file.subarray(start + begin, start + end)).buffer)];
    }),
  );
}

function dtypeOf(name: unknown, what: string): DType {
  const dtype = DTYPES[String(name)];
  if (dtype === undefined) throw new TypeError(`${what} is ${String(name)}`);
  return dtype;
}

function readAttribute(value: unknown, what: string): OnnxAttribute {
  if (typeof value === "number" || typeof value === "string") return value;
  if (Array.isArray(value)) return toNumbers(value);
  const { dtype, shape, value: values } = toObject(value, what);
  return { dtype: dtypeOf(dtype, what), shape: toNumbers(shape), values: toNumbers(values) };
}

function readNode(json: Json, id: string, inputs: unknown, outputs: unknown): OnnxNode {
  const attributes = Object.entries(toObject(json["attrs"] ?? {}, id));
  return {
    op: String(json["op"]),
    attributes: new Map(attributes.map(([name, value]) => [name, readAttribute(value, `${name} of ${id}`)])),
    inputs: toList(inputs, id).map((name) => (typeof name === "string" && name !== "" ? name : null)),
    outputs: toList(outputs, id).map(String),
  };
}

function readCase(json: Json, tensors: ReadonlyMap<string, Float64Array>): OnnxCase {
  const id = String(json["id"]);
  const readTensor = (entry: unknown): OnnxTensor | null => {
    if (entry === null) return null;
    const { name, dtype, shape, tensor } = toObject(entry, id);
    const values = tensors.get(String(tensor));
    if (values === undefined) throw new TypeError(`${id} names a tensor ${String(tensor)} that is not there`);
    const isList = dtype === "I64" && (name === "axes" || name === "shape");
    return { name: String(name), dtype: dtypeOf(dtype, id), isList, shape: toNumbers(shape), values };
  };
  const inputs = toList(json["in"], id).map(readTensor);
  const outputs = toList(json["out"], id).map(readTensor);
  const named = (list: readonly (OnnxTensor | null)[]): readonly (string | null)[] =>
    list.map((tensor) => tensor?.name ?? null);
  const { of: twin } = json;
  const nodes =
    json["nodes"] === undefined
      ? [readNode(json, id, named(inputs), named(outputs))]
      : toList(json["nodes"], id).map((node) => {
          const entry = toObject(node, id);
          return readNode(entry, id, entry["in"], entry["out"]);
        });
  return { id, of: typeof twin === "string" ? twin : undefined, inputs, outputs, nodes };
}

/** The cases of one group, in order. */
export function readOnnxGroup(group: string): readonly OnnxCase[] {
  const manifest = toObject(JSON.parse(readFileSync(new URL(`${group}/manifest.json`, ROOT), "utf8")), group);
  if (manifest["format"] !== "onnx-node/1") throw new TypeError(`group ${group} is of another format`);
  const tensors = readTensors(group);
  return toList(manifest["cases"], group).map((json) => readCase(toObject(json, group), tensors));
}

/** Number of cases per operator, from the index. */
export function readOnnxOperators(): Readonly<Record<string, number>> {
  const { ops } = toObject(JSON.parse(readFileSync(new URL("index.json", ROOT), "utf8")), "index");
  return Object.fromEntries(Object.entries(toObject(ops, "ops")).map(([op, count]) => [op, Number(count)]));
}

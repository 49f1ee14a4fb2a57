/**
 * Copies the PyTorch golden vectors that the conformance test needs: without float32 answers but where they are compared
 * with (edge cases), without the gradients of the largest groups, and in float32 where that moves the truth by less than a
 * twentieth of what is allowed.
 *
 *     node scripts/launch.mjs scripts/copy-golden.ts <folder of the full vectors>
 *
 * Ensures: test/data/golden holds, for each group, a manifest and the tensors that it names, in the
 *          order in which the manifest names them; the same source gives the same bytes.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const GROUPS = [
  "norm",
  "weight_norm",
  "weight_norm_eps",
  "weight_norm_second",
  "norm_grad",
  "rowwise",
  "custom",
  "sweep",
  "norm_layers",
  "weight_norm_module",
  "low_precision",
  "edge",
  "big",
];
/** Gradients of these, and of cases with more elements, are tested where the full vectors are at hand. */
const FORWARD_ONLY: ReadonlySet<string> = new Set(["sweep", "big"]);
const MOST_ELEMENTS = 10_000;
const TARGET = fileURLToPath(new URL("../test/data/golden", import.meta.url));

type Json = Readonly<Record<string, unknown>>;
interface Stored {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const toObject = (value: unknown): Json => (isObject(value) ? value : {});
const toNumbers = (value: unknown): readonly number[] => (Array.isArray(value) ? value.map(Number) : []);

const ELEMENT_BYTES: Readonly<Record<string, number>> = { F64: 8, F32: 4, I32: 4, F16: 2, BF16: 2 };

function readTensors(path: string): ReadonlyMap<string, Stored> {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = toObject(JSON.parse(file.subarray(8, start).toString("utf8")));
  return new Map(
    Object.entries(header).map(([name, value]) => {
      const { dtype, shape, data_offsets } = toObject(value);
      const [begin = 0, end = 0] = toNumbers(data_offsets);
      const bytes = file.subarray(start + begin, start + end);
      return [name, { dtype: String(dtype), shape: toNumbers(shape), bytes }];
    }),
  );
}

/** Wide elements first, so that every tensor starts at a multiple of its element size. */
function writeTensors(path: string, tensors: ReadonlyMap<string, Stored>): void {
  const widthOf = ([, { dtype }]: readonly [string, Stored]): number => ELEMENT_BYTES[dtype] ?? 1;
  const ordered = [...tensors].sort((a, b) => widthOf(b) - widthOf(a)); // a stable sort: equal widths keep their order
  let offset = 0;
  const header = Object.fromEntries(
    ordered.map(([name, { dtype, shape, bytes }]) => {
      const data_offsets = [offset, offset + bytes.length];
      offset += bytes.length;
      return [name, { dtype, shape, data_offsets }];
    }),
  );
  const text = Buffer.from(JSON.stringify(header));
  const padding = Buffer.alloc((8 - (text.length % 8)) % 8, " ");
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length + padding.length));
  writeFileSync(path, Buffer.concat([length, text, padding, ...ordered.map(([, { bytes }]) => bytes)]));
}

/** The case without what no test compares with. */
function reduceCase(full: Json, hasGradients: boolean): Json {
  const { id, op, attrs, dtype, tags, raises, fill, grads } = full;
  const isEdge = Array.isArray(tags) && tags.includes("edge");
  const isKept = (name: string): boolean =>
    hasGradients || grads === undefined || !(name.startsWith("up_") || name.startsWith("grad_"));
  const keep = (part: unknown): (readonly [string, unknown])[] =>
    Object.entries(toObject(part)).filter(([name]) => isKept(name));
  const filled = keep(fill);
  const outputs = keep(full["out"]).map(([name, value]) => {
    // Edge cases have no tolerance: float32 answers are as good as the truth there.
    const { truth, torch, tol: given, round, at, shape, sum, sum_abs, sum_sq } = toObject(value);
    const answer = isEdge ? torch : undefined;
    const { l2, max } = toObject(given);
    const tol = given === undefined ? undefined : { l2, max };
    return [name, { truth, torch: answer, tol, round, at, shape, sum, sum_abs, sum_sq }] as const;
  });
  return {
    id,
    op,
    attrs,
    dtype,
    in: Object.fromEntries(keep(full["in"])),
    fill: filled.length > 0 ? Object.fromEntries(filled) : undefined,
    grads: hasGradients ? grads : undefined,
    out: Object.fromEntries(outputs),
    tags,
    raises,
  };
}

/** The part of what is allowed that rounding the truth may use up. */
const ROUNDING_SHARE = 0.05;

/** A truth in half the bytes, where that hardly moves it. */
function narrow(stored: Stored, output: Json): Stored {
  if (stored.dtype !== "F64") return stored;
  const values = new Float64Array(Uint8Array.from(stored.bytes).buffer);
  const rounded = Float32Array.from(values);
  const moved = values.map((value, i) =>
    Object.is(value, rounded[i]) ? 0 : Math.abs(value - (rounded[i] ?? 0)),
  );
  const { l2, max } = toObject(output["tol"]);
  const allowed = { l2: Number(l2 ?? 0) * ROUNDING_SHARE, max: Number(max ?? 0) * ROUNDING_SHARE };
  const isSmall = moved.every((x) => x <= allowed.max) && Math.hypot(...moved) <= allowed.l2;
  return isSmall ? { ...stored, dtype: "F32", bytes: new Uint8Array(rounded.buffer) } : stored;
}

function* listTensors(reduced: Json): Generator<string> {
  for (const name of Object.values(toObject(reduced["in"]))) if (typeof name === "string") yield name;
  for (const output of Object.values(toObject(reduced["out"])))
    for (const key of ["truth", "torch", "at"]) {
      const name = toObject(output)[key];
      if (typeof name === "string") yield name;
    }
}

function copyGroup(source: string, group: string): void {
  const manifest = toObject(JSON.parse(readFileSync(join(source, group, "manifest.json"), "utf8")));
  const all = readTensors(join(source, group, "data.safetensors"));
  const isSmall = (full: Json): boolean =>
    Object.values(toObject(full["out"])).every((output) => {
      const { shape = [] } = all.get(String(toObject(output)["truth"])) ?? {};
      return shape.reduce((n, length) => n * length, 1) <= MOST_ELEMENTS;
    });
  const full = (Array.isArray(manifest["cases"]) ? manifest["cases"] : []).map(toObject);
  const cases = full.map((each) => reduceCase(each, !FORWARD_ONLY.has(group) && isSmall(each)));
  const kept = new Map<string, Stored>();
  for (const name of cases.flatMap((reduced) => [...listTensors(reduced)])) {
    const tensor = all.get(name);
    if (tensor === undefined) throw new Error(`group ${group} has no tensor ${name}`);
    kept.set(name, tensor);
  }
  for (const output of cases.flatMap((reduced) => Object.values(toObject(reduced["out"])))) {
    const name = String(toObject(output)["truth"]);
    const tensor = kept.get(name);
    if (tensor !== undefined) kept.set(name, narrow(tensor, toObject(output)));
  }
  mkdirSync(join(TARGET, group), { recursive: true });
  const { format, data, source: origin } = manifest;
  // One JSON value a line, the head first: a change of one case is a change of one line.
  const lines = [{ format, group, data, source: origin }, ...cases].map((value) => JSON.stringify(value));
  writeFileSync(join(TARGET, group, "manifest.jsonl"), `${lines.join("\n")}\n`);
  writeTensors(join(TARGET, group, "data.safetensors"), kept);
  console.log(`${group}: ${cases.length} cases, ${kept.size} tensors`);
}

const [source] = process.argv.slice(2);
if (source === undefined) {
  console.error("usage: node scripts/launch.mjs scripts/copy-golden.ts <folder of the full vectors>");
  process.exitCode = 2;
} else {
  for (const group of GROUPS) copyGroup(source, group);
}

/**
 * Copies the PyTorch golden vectors that the conformance test needs, without gradients, and without float32 answers but
 * where they are compared with (edge cases).
 *
 *     node scripts/launch.mjs scripts/copy-golden.ts <folder of the full vectors>
 *
 * Ensures: test/data/golden holds, for each group, a manifest with forward outputs only and the tensors it names, in the
 *          order in which the manifest names them; the same source gives the same bytes.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const GROUPS = [
  "norm",
  "weight_norm",
  "weight_norm_eps",
  "rowwise",
  "custom",
  "sweep",
  "norm_layers",
  "weight_norm_module",
  "low_precision",
  "edge",
  "big",
];
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

/** The case without what only gradients need. `err` tells how far PyTorch itself is from the truth; reports show it. */
function reduceCase(full: Json): Json {
  const { id, op, attrs, dtype, tags, raises, fill } = full;
  const isEdge = Array.isArray(tags) && tags.includes("edge");
  const filled = Object.entries(toObject(fill)).filter(([name]) => !name.startsWith("up_"));
  const inputs = Object.entries(toObject(full["in"])).filter(([name]) => !name.startsWith("up_"));
  const outputs = Object.entries(toObject(full["out"]))
    .filter(([name]) => !name.startsWith("grad_"))
    .map(([name, value]) => {
      // Edge cases have no tolerance: float32 answers are as good as the truth there.
      const { truth, torch, err, tol, round, at, shape, sum, sum_abs, sum_sq } = toObject(value);
      const answer = isEdge ? torch : undefined;
      return [name, { truth, torch: answer, err, tol, round, at, shape, sum, sum_abs, sum_sq }] as const;
    });
  return {
    id,
    op,
    attrs,
    dtype,
    in: Object.fromEntries(inputs),
    fill: filled.length > 0 ? Object.fromEntries(filled) : undefined,
    out: Object.fromEntries(outputs),
    tags,
    raises,
  };
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
  const cases = (Array.isArray(manifest["cases"]) ? manifest["cases"] : []).map((full) =>
    reduceCase(toObject(full)),
  );
  const kept = new Map<string, Stored>();
  for (const name of cases.flatMap((reduced) => [...listTensors(reduced)])) {
    const tensor = all.get(name);
    if (tensor === undefined) throw new Error(`group ${group} has no tensor ${name}`);
    kept.set(name, tensor);
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

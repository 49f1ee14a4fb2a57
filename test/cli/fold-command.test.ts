/** `weft fold` on files: what is written, what is kept as it is, and that a failure leaves nothing behind. */
import { linkSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeSafetensors, readTensor, type SafetensorsTensor } from "../../src/formats/safetensors.ts";
import { openTensorFile } from "../../src/cli/tensor-files.ts";
import { foldExactly, largestUlp, makeLayer, toBytes } from "../fold/checkpoint.ts";
import { makeFolder, runWeft } from "./run-weft.ts";

const INPUT = "test/data/cli/vocoder.safetensors";
const METADATA = new Map([
  ["format", "pt"],
  ["note", 'quotes " and ünïcode'],
]);

async function readFile(path: string): Promise<{
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
  readonly offsets: readonly number[];
}> {
  const { opened, close } = await openTensorFile(path);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const name of opened.tensors.keys()) tensors.set(name, await readTensor(opened, name));
  await close();
  const offsets = [...opened.tensors.values()].map(({ begin }) => opened.dataStart + begin);
  return { tensors, metadata: opened.metadata, offsets };
}

function writeCheckpoint(tensors: ReadonlyMap<string, SafetensorsTensor>): {
  in: string;
  out: string;
  folder: string;
} {
  const folder = makeFolder();
  const paths = { in: join(folder, "in.safetensors"), out: join(folder, "out.safetensors"), folder };
  writeFileSync(paths.in, encodeSafetensors(tensors, METADATA));
  return paths;
}

const layer = makeLayer([6, 3, 5], 0, { v: "f32" });
const narrow = makeLayer([3, 5], 1, { v: "bf16", g: "bf16", seed: 2 });
const CHECKPOINT = new Map<string, SafetensorsTensor>([
  ["a.bias", { dtype: "F64", shape: [2], bytes: new Uint8Array(16).fill(3) }],
  ["a.weight_g", { dtype: "F32", shape: [6, 1, 1], bytes: toBytes("f32", layer.g) }],
  ["a.weight_v", { dtype: "F32", shape: [6, 3, 5], bytes: toBytes("f32", layer.v) }],
  ["b.parametrizations.weight.original0", { dtype: "BF16", shape: [1, 5], bytes: toBytes("bf16", narrow.g) }],
  ["b.parametrizations.weight.original1", { dtype: "BF16", shape: [3, 5], bytes: toBytes("bf16", narrow.v) }],
  ["c.mask", { dtype: "BOOL", shape: [3], bytes: Uint8Array.of(1, 0, 1) }],
]);

describe("folding", () => {
  test("weights take the place of their halves, everything else is kept", async () => {
    const paths = writeCheckpoint(CHECKPOINT);
    const before = readFileSync(paths.in);
    const { status, out } = await runWeft("fold", paths.in, "--out", paths.out);
    expect(status).toBe(0);
    expect(out).toMatch(/^folded 2 weight norms, kept 2 tensors; \S+ (B|KiB) in \d+\.\d s\nwritten to /);
    const { tensors, metadata, offsets } = await readFile(paths.out);
    expect(metadata).toEqual(METADATA);
    expect([...tensors.keys()]).toEqual(["a.bias", "a.weight", "b.weight", "c.mask"]);
    expect(tensors.get("a.bias")).toEqual(CHECKPOINT.get("a.bias"));
    expect(tensors.get("c.mask")).toEqual(CHECKPOINT.get("c.mask"));
    const a = tensors.get("a.weight");
    expect([a?.dtype, a?.shape]).toEqual(["F32", [6, 3, 5]]);
    expect(largestUlp("f32", a?.bytes ?? new Uint8Array(), foldExactly(layer))).toBeLessThanOrEqual(1);
    const b = tensors.get("b.weight");
    expect([b?.dtype, b?.shape]).toEqual(["BF16", [3, 5]]);
    expect(largestUlp("bf16", b?.bytes ?? new Uint8Array(), foldExactly(narrow))).toBeLessThanOrEqual(1);
    expect(offsets[0]).toBe((offsets[0] ?? 0) & ~7);
    expect(readFileSync(paths.in).equals(before)).toBe(true);
    expect(readdirSync(paths.folder).sort()).toEqual(["in.safetensors", "out.safetensors"]);
  });

  test("parts of any size give the same file", async () => {
    const paths = writeCheckpoint(CHECKPOINT);
    const other = join(paths.folder, "other.safetensors");
    await runWeft("fold", paths.in, "--out", paths.out);
    await runWeft("fold", paths.in, "--out", other, "--chunk", "0.0001");
    expect(readFileSync(other).equals(readFileSync(paths.out))).toBe(true);
  });

  test("another dtype for the folded weights; tensors stay aligned to their elements", async () => {
    const odd = makeLayer([1, 3], 0, { v: "f32" });
    const paths = writeCheckpoint(
      new Map<string, SafetensorsTensor>([
        ["a.weight_g", { dtype: "F32", shape: [1, 1], bytes: toBytes("f32", odd.g) }],
        ["a.weight_v", { dtype: "F32", shape: [1, 3], bytes: toBytes("f32", odd.v) }],
        ["b.bias", { dtype: "F32", shape: [2], bytes: new Uint8Array(8).fill(1) }],
      ]),
    );
    expect((await runWeft("fold", paths.in, "--out", paths.out, "--dtype", "f16")).status).toBe(0);
    const { tensors, offsets } = await readFile(paths.out);
    expect([...tensors.keys()]).toEqual(["b.bias", "a.weight"]); // 6 bytes in front would leave b.bias at an odd place
    expect(offsets.map((at) => at % 4)).toEqual([0, 0]);
    const weight = tensors.get("a.weight");
    expect(weight?.dtype).toBe("F16");
    expect(largestUlp("f16", weight?.bytes ?? new Uint8Array(), foldExactly(odd))).toBeLessThanOrEqual(1);
  });

  test("a file without weight norms comes out as it went in, and that is said", async () => {
    const paths = writeCheckpoint(new Map([...CHECKPOINT].filter(([name]) => !/_[gv]$|original/.test(name))));
    const { status, err } = await runWeft("fold", paths.in, "--out", paths.out, "--device", "cpu");
    expect([status, err]).toEqual([0, `${paths.in} has no weight norm: the output is a copy\n`]);
    expect(readFileSync(paths.out).equals(readFileSync(paths.in))).toBe(true);
  });

  test("norms of 0 are warned of, on standard error and in the JSON", async () => {
    const paths = writeCheckpoint(
      new Map<string, SafetensorsTensor>([
        ["w_g", { dtype: "F32", shape: [1, 1], bytes: toBytes("f32", Float64Array.of(1)) }],
        ["w_v", { dtype: "F32", shape: [1, 2], bytes: new Uint8Array(8) }],
      ]),
    );
    const { out, err } = await runWeft("fold", paths.in, "--out", paths.out, "--json", "--device", "cpu");
    const warning = "w: 1 of 1 norms are 0, which makes those weights nan";
    expect(err).toBe(`${warning}\n`);
    expect(JSON.parse(out)).toMatchObject({
      file: paths.in,
      out: paths.out,
      warnings: [warning],
      tensors: [{ action: "fold", name: "w", dim: 0, g: "w_g", v: "w_v" }],
    });
  });
});

test("weights that are split and folded are those that were given", async () => {
  const folder = makeFolder();
  const path = (name: string): string => join(folder, `${name}.safetensors`);
  await runWeft("fold", INPUT, "--out", path("folded"));
  for (const form of ["suffix", "parametrization"]) {
    const choice = ["--unfold", "--names", "*.weight", "--form", form];
    expect((await runWeft("fold", path("folded"), "--out", path("split"), ...choice)).status).toBe(0);
    expect((await runWeft("fold", path("split"), "--out", path("again"))).status).toBe(0);
    const [once, again] = [await readFile(path("folded")), await readFile(path("again"))];
    expect(again.tensors.size).toBe(once.tensors.size);
    for (const [name, { dtype, shape, bytes }] of once.tensors) {
      const got = again.tensors.get(name);
      expect([got?.dtype, got?.shape]).toEqual([dtype, shape]);
      if (dtype !== "F32" && dtype !== "BF16") expect(got?.bytes).toEqual(bytes);
      else {
        // The gain is rounded to the dtype when it is stored, which comes on top of folding's own ulp.
        const type = dtype === "F32" ? "f32" : "bf16";
        const { buffer } = Uint8Array.from(bytes);
        const words = dtype === "F32" ? new Float32Array(buffer) : new Uint16Array(buffer);
        const exact = Float64Array.from(words, (word) => (dtype === "F32" ? word : toF32(word)));
        expect(largestUlp(type, got?.bytes ?? new Uint8Array(), exact)).toBeLessThanOrEqual(2);
      }
    }
  }
});

/** A bf16 word is the upper half of an f32. */
const toF32 = (word: number): number => new Float32Array(Uint32Array.of(word << 16).buffer)[0] ?? NaN;

describe("what goes wrong leaves nothing behind", () => {
  test("the input under another name is still the input", async () => {
    const paths = writeCheckpoint(CHECKPOINT);
    symlinkSync(paths.in, join(paths.folder, "symbolic"));
    linkSync(paths.in, join(paths.folder, "hard"));
    for (const name of ["symbolic", "hard"]) {
      const { status, err } = await runWeft("fold", paths.in, "--out", join(paths.folder, name));
      expect(status).toBe(1);
      expect(err).toContain("is the input");
    }
  });

  test("a refused checkpoint writes no file", async () => {
    const paths = writeCheckpoint(new Map([...CHECKPOINT].filter(([name]) => name !== "a.weight_g")));
    const { status, err } = await runWeft("fold", paths.in, "--out", paths.out);
    expect(status).toBe(1);
    expect(err).toContain(
      "error[broken-pair]: a.weight_v is half of a weight norm, and a.weight_g is missing",
    );
    expect(err).toContain('--skip "a.weight"');
    expect(readdirSync(paths.folder)).toEqual(["in.safetensors"]);
  });

  test("an output that was there is replaced whole, or stays", async () => {
    const paths = writeCheckpoint(CHECKPOINT);
    writeFileSync(paths.out, "something else");
    const cut = readFileSync(paths.in).subarray(0, -1);
    const broken = join(paths.folder, "cut.safetensors");
    writeFileSync(broken, cut);
    expect((await runWeft("fold", broken, "--out", paths.out)).status).toBe(1);
    expect(readFileSync(paths.out, "utf8")).toBe("something else");
    expect((await runWeft("fold", paths.in, "--out", paths.out)).status).toBe(0);
    expect((await readFile(paths.out)).tensors.has("a.weight")).toBe(true);
  });
});

/** Reading and writing safetensors: what is read back, and each fault of a file by its message, one fault at a time. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";
import type { FileFault } from "../../src/formats/file-fault.ts";
import { computeDType, fileDType } from "../../src/formats/safetensors-dtype.ts";
import {
  accessBytes,
  encodeSafetensors,
  openSafetensors,
  type RandomAccess,
  readTensor,
  type SafetensorsTensor,
} from "../../src/formats/safetensors.ts";
import { listGoldens, testGoldens } from "../support/golden.ts";

/** A file of this header, written out as text, over that much data. */
function fileOf(header: string | Uint8Array, dataBytes: number, claimed?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return bytes;
}

const open = (bytes: Uint8Array) => openSafetensors(accessBytes(bytes), "m.safetensors");

/** What is said of the file, or that it is accepted. */
async function judge(bytes: Uint8Array): Promise<string> {
  try {
    const { tensors } = await open(bytes);
    return `accepted: ${[...tensors.keys()].join(" ")}`;
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    expect(error.diagnostics).toHaveLength(1);
    return renderDiagnostics(error.diagnostics, new Map());
  }
}

// The header is written as a JSON string, `data` counts the bytes behind it, `claims` is a length that is not its own.
testGoldens("formats/safetensors", async ({ header: lines }) => {
  const line = (key: string): string | undefined => lines.get(key)?.[0];
  const header = JSON.parse(line("header") ?? '""') as string;
  const claims = line("claims");
  return judge(fileOf(header, Number(line("data")), claims === undefined ? undefined : BigInt(claims)));
});

describe("files that no text can show", () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    [
      "empty",
      new Uint8Array(0),
      "error[truncated-file]: m.safetensors is not a valid safetensors file: it has 0 bytes",
    ],
    ["truncated length", new Uint8Array(7), "it has 7 bytes, and a header alone takes more"],
    ["no header", fileOf("", 0), 'its header does not start with "{", at byte 8'],
    ["not UTF-8", fileOf(Uint8Array.of(0x7b, 0xff, 0x7d), 0), "its header is not UTF-8, at byte 9"],
    ["half a character", fileOf(Uint8Array.of(0x7b, 0x22, 0xc3), 0), "its header is not UTF-8, at byte 10"],
  ];
  test.each(cases)("%s", async (_, bytes, reason) => {
    expect(await judge(bytes)).toContain(reason);
  });
});

test("every code of a broken file has a golden", () => {
  const goldens = listGoldens("formats/safetensors").map(({ expected }) => expected ?? "");
  const codes: readonly FileFault[] = [
    "truncated-file",
    "header-too-long",
    "invalid-header",
    "duplicate-tensor",
    "unknown-dtype",
    "invalid-offsets",
    "overlapping-tensors",
  ];
  expect(codes.filter((code) => !goldens.some((text) => text.startsWith(`error[${code}]`)))).toEqual([]);
});

test("keys that only look repeated are accepted: in values, in other objects, escaped", async () => {
  const header =
    '{"__metadata__":{"a":"\\"a\\":","dtype":"a"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},' +
    '"\\"a\\":":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}';
  const file = await open(fileOf(header, 8));
  expect([...file.tensors.keys()]).toEqual(["a", '"a":']);
  expect(file.metadata.get("a")).toBe('"a":');
});

test("tensors come back by name, with their metadata, aligned to their elements", async () => {
  const tensors = new Map<string, SafetensorsTensor>([
    ["flag", { dtype: "BOOL", shape: [3], bytes: Uint8Array.of(1, 0, 1) }],
    ["half", { dtype: "F16", shape: [1, 2], bytes: Uint8Array.of(0, 0x3c, 0, 0x40) }],
    ["nothing", { dtype: "I32", shape: [0, 4], bytes: new Uint8Array(0) }],
    ["__proto__", { dtype: "F64", shape: [], bytes: new Uint8Array(8).fill(7) }],
  ]);
  const bytes = encodeSafetensors(tensors, new Map([["format", "pt"]]));
  const file = await open(bytes);
  expect(file.metadata).toEqual(new Map([["format", "pt"]]));
  expect(file.dataStart % 8).toBe(0);
  expect([...file.tensors.keys()]).toEqual(["__proto__", "nothing", "half", "flag"]);
  for (const [name, tensor] of tensors) expect(await readTensor(file, name)).toEqual(tensor);
});

test("a file written by the reference implementation is read", async () => {
  const file = await open(readFileSync("test/data/golden/weight_norm/data.safetensors"));
  const name = "weight_norm.0001.w";
  const { dtype, shape, bytes } = await readTensor(file, name);
  expect([dtype, shape, bytes.byteLength]).toEqual(["F32", [40, 20], 3200]);
});

test("a name that the file lacks is answered with the nearest one", async () => {
  const file = await open(
    encodeSafetensors(new Map([["encoder.weight_v", { dtype: "F32", shape: [], bytes: new Uint8Array(4) }]])),
  );
  await expect(readTensor(file, "encoder.wieght_v")).rejects.toThrow(
    "m.safetensors has no tensor encoder.wieght_v\n  help: did you mean encoder.weight_v?",
  );
});

test("only the header is read until a tensor is asked for, and then only its bytes", async () => {
  const bytes = encodeSafetensors(
    new Map([
      ["a", { dtype: "F32", shape: [4], bytes: new Uint8Array(16) }],
      ["b", { dtype: "F32", shape: [2], bytes: new Uint8Array(8).fill(9) }],
    ]),
  );
  const reads: (readonly [number, number])[] = [];
  const source: RandomAccess = {
    byteLength: bytes.byteLength,
    read: (offset, length) => {
      reads.push([offset, length]);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
  const file = await openSafetensors(source, "m.safetensors");
  const header = file.dataStart - 8;
  expect(reads).toEqual([
    [0, 8],
    [8, header],
  ]);
  expect((await readTensor(file, "b")).bytes).toEqual(new Uint8Array(8).fill(9));
  expect(reads.at(-1)).toEqual([file.dataStart + 16, 8]);
});

test("a source that shrinks while it is read is noticed", async () => {
  const bytes = encodeSafetensors(new Map([["a", { dtype: "F32", shape: [4], bytes: new Uint8Array(16) }]]));
  const file = await open(bytes);
  const shrunk = { ...file, source: accessBytes(bytes.subarray(0, bytes.byteLength - 1)) };
  await expect(readTensor(shrunk, "a")).rejects.toThrow("it became shorter while it was read");
});

test("writing refuses bytes that do not fit the shape, and the reserved name", () => {
  const tensor: SafetensorsTensor = { dtype: "F32", shape: [2], bytes: new Uint8Array(7) };
  expect(() => encodeSafetensors(new Map([["a", tensor]]))).toThrow(
    "tensor a is F32[2] but has 7 bytes\n  help: pass 8 bytes",
  );
  expect(() => encodeSafetensors(new Map([["__metadata__", tensor]]))).toThrow("no tensor can be named");
});

test("dtypes map to those of the compiler and back; the others compute as nothing", () => {
  for (const dtype of ["f32", "f16", "bf16", "i32", "u32", "bool"] as const)
    expect(computeDType(fileDType(dtype))).toBe(dtype);
  for (const dtype of ["F64", "I64", "U8", "F8_E4M3", "C64"] as const)
    expect(computeDType(dtype)).toBeUndefined();
});

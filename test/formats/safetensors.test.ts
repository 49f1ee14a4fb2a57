/** Reading and writing safetensors: what is read back, and each fault of a file by its message, one fault at a time. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { computeDType, fileDType } from "../../src/formats/safetensors-dtype.ts";
import {
  accessBytes,
  encodeSafetensors,
  openSafetensors,
  type RandomAccess,
  readTensor,
  type SafetensorsTensor,
} from "../../src/formats/safetensors.ts";

/** A file of this header, written out as text, over that much data. */
function fileOf(header: string | Uint8Array, dataBytes: number, claimed?: bigint): Uint8Array {
  const text = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.byteLength + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, claimed ?? BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return bytes;
}

const open = (bytes: Uint8Array) => openSafetensors(accessBytes(bytes), "m.safetensors");

async function complaint(bytes: Uint8Array): Promise<string> {
  const error: unknown = await open(bytes).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof TensorweftError))
    throw new Error(`expected a TensorweftError, not ${String(error)}`);
  const [first] = error.diagnostics;
  expect(first?.code).toBe("invalid-file");
  expect(first?.help).toBeDefined();
  return (first?.message ?? "").replace("m.safetensors is not a valid safetensors file: ", "");
}

const F32_PAIR = '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
const entry = (fields: string): string => `{"a":{${fields}}}`;

describe("a file that breaks the format is refused with the reason", () => {
  const cases: readonly (readonly [string, Uint8Array, string])[] = [
    ["empty", new Uint8Array(0), "it has 0 bytes, and a header alone takes more"],
    ["truncated length", new Uint8Array(7), "it has 7 bytes, and a header alone takes more"],
    ["truncated header", fileOf("{}", 0, 3n), "its header claims 3 bytes, but the file ends after 10"],
    [
      "header too long",
      fileOf("{}", 0, 2n ** 63n),
      "its header claims 9223372036854775808 bytes, and 100000000 are allowed",
    ],
    ["no header", fileOf("", 0), 'its header does not start with "{"'],
    ["padding in front", fileOf(" {}", 0), 'its header does not start with "{"'],
    ["byte order mark", fileOf("\ufeff{}", 0), 'its header does not start with "{"'],
    ["not UTF-8", fileOf(Uint8Array.of(0x7b, 0xff, 0x7d), 0), "its header is not UTF-8"],
    ["not JSON", fileOf("{]", 0), "its header is not JSON"],
    ["two values", fileOf("{}{}", 0), "its header is not JSON"],
    [
      "tensor twice",
      fileOf(`${F32_PAIR.slice(0, -1)},"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 8),
      '"a" is there twice',
    ],
    ["field twice", fileOf(entry('"dtype":"F32","dtype":"I32"'), 0), '"a" gives "dtype" twice'],
    ["metadata twice", fileOf('{"__metadata__":{},"__metadata__":{}}', 0), '"__metadata__" is there twice'],
    ["metadata no object", fileOf('{"__metadata__":[]}', 0), "__metadata__ is not an object"],
    ["metadata no string", fileOf('{"__metadata__":{"k":1}}', 0), '__metadata__ gives "k" no string'],
    ["tensor no object", fileOf('{"a":3}', 0), 'tensor "a" is not described by an object'],
    ["no dtype", fileOf(entry('"shape":[],"data_offsets":[0,4]'), 4), 'tensor "a" has no dtype'],
    [
      "unknown dtype",
      fileOf(entry('"dtype":"F23","shape":[],"data_offsets":[0,4]'), 4),
      'tensor "a" has the unknown dtype "F23"',
    ],
    [
      "inherited dtype",
      fileOf(entry('"dtype":"toString","shape":[],"data_offsets":[0,4]'), 4),
      'tensor "a" has the unknown dtype "toString"',
    ],
    [
      "no shape",
      fileOf(entry('"dtype":"F32","data_offsets":[0,4]'), 4),
      'tensor "a" has no shape of whole lengths',
    ],
    [
      "negative length",
      fileOf(entry('"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]'), 4),
      'tensor "a" has no shape of whole lengths',
    ],
    [
      "broken length",
      fileOf(entry('"dtype":"F32","shape":[1.5],"data_offsets":[0,6]'), 6),
      'tensor "a" has no shape of whole lengths',
    ],
    [
      "no offsets",
      fileOf(entry('"dtype":"F32","shape":[1],"data_offsets":[0]'), 4),
      'tensor "a" has no data_offsets of two whole numbers',
    ],
    [
      "offsets beyond exact integers",
      fileOf(entry('"dtype":"F32","shape":[1],"data_offsets":[0,9007199254740993]'), 4),
      'tensor "a" has no data_offsets of two whole numbers',
    ],
    [
      "ends before it begins",
      fileOf(entry('"dtype":"F32","shape":[1],"data_offsets":[4,0]'), 4),
      'tensor "a" ends (0) before it begins (4)',
    ],
    ["truncated data", fileOf(F32_PAIR, 7), 'tensor "a" ends at byte 8, but there are only 7 bytes of data'],
    [
      "wrong size",
      fileOf(entry('"dtype":"F32","shape":[3],"data_offsets":[0,8]'), 8),
      'tensor "a" is F32[3], 12 bytes, but has a place of 8 bytes',
    ],
    [
      "overflowing shape",
      fileOf(entry('"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]'), 0),
      'tensor "a" is F32[4294967296,4294967296], which is no whole number of bytes that can be counted',
    ],
    [
      "half a byte",
      fileOf(entry('"dtype":"F4","shape":[3],"data_offsets":[0,2]'), 2),
      'tensor "a" is F4[3], which is no whole number of bytes that can be counted',
    ],
    [
      "overlap",
      fileOf(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
        8,
      ),
      'tensor "b" overlaps "a"',
    ],
    [
      "hole in front",
      fileOf(entry('"dtype":"F32","shape":[1],"data_offsets":[4,8]'), 8),
      'no tensor owns bytes 0 to 4 of the data, before "a"',
    ],
    ["bytes left over", fileOf(F32_PAIR, 11), "no tensor owns the last 3 bytes of the data"],
  ];
  for (const [name, bytes, reason] of cases)
    test(name, async () => {
      expect(await complaint(bytes)).toBe(reason);
    });
  test("the control case is accepted", async () => {
    expect((await open(fileOf(F32_PAIR, 8))).tensors.get("a")).toMatchObject({
      shape: [2],
      begin: 0,
      end: 8,
    });
  });
});

test("a misspelt dtype is told which one it may be", async () => {
  const bytes = fileOf(entry('"dtype":"BF61","shape":[1],"data_offsets":[0,2]'), 2);
  await expect(open(bytes)).rejects.toThrow("did you mean BF16?");
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
  const [name = ""] = file.tensors.keys();
  expect(name).toBe("weight_norm.0001.w");
  const { dtype, shape, bytes } = await readTensor(file, name);
  expect([dtype, shape, bytes.byteLength]).toEqual(["F64", [40, 20], 6400]);
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

/**
 * Random and damaged safetensors files: accepted whole, or refused with a diagnostic; no read leaves the source, and all reads
 * together are no longer than the file.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { FileFault } from "../../src/formats/file-fault.ts";
import {
  byteLengthOf,
  SAFETENSORS_BITS,
  type SafetensorsDType,
} from "../../src/formats/safetensors-dtype.ts";
import {
  encodeSafetensors,
  openSafetensors,
  type RandomAccess,
  readTensor,
  type SafetensorsTensor,
} from "../../src/formats/safetensors.ts";

/** A source that fails the test when it is read out of range, or longer than it is: nothing can make a reader allocate more. */
function guard(bytes: Uint8Array): RandomAccess {
  let total = 0;
  return {
    byteLength: bytes.byteLength,
    read: (offset, length) => {
      total += length;
      if (offset < 0 || length < 0 || offset + length > bytes.byteLength || total > bytes.byteLength)
        throw new RangeError(`read of ${length} bytes at ${offset} of ${bytes.byteLength}, ${total} in all`);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}

const FAULTS: readonly (string | undefined)[] = [
  "truncated-file",
  "header-too-long",
  "invalid-header",
  "duplicate-tensor",
  "unknown-dtype",
  "invalid-offsets",
  "overlapping-tensors",
] satisfies readonly FileFault[];

/** Reads everything. True when the file was accepted; anything but a TensorweftError is rethrown. */
async function readAll(bytes: Uint8Array): Promise<boolean> {
  try {
    const file = await openSafetensors(guard(bytes), "fuzz.safetensors");
    let covered = file.dataStart;
    for (const [name, { dtype, shape }] of file.tensors) {
      const tensor = await readTensor(file, name);
      const count = shape.reduce((product, length) => product * length, 1);
      expect(tensor.bytes.byteLength).toBe(byteLengthOf(dtype, count));
      // Tensors come in the order of the data, without holes: the bytes are those that follow.
      expect(tensor.bytes).toEqual(bytes.slice(covered, covered + tensor.bytes.byteLength));
      covered += tensor.bytes.byteLength;
    }
    expect(covered).toBe(bytes.byteLength);
    return true;
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    expect(FAULTS).toContain(error.diagnostics[0]?.code);
    return false;
  }
}

const BYTE_WIDE = (Object.keys(SAFETENSORS_BITS) as readonly SafetensorsDType[]).filter(
  (dtype) => SAFETENSORS_BITS[dtype] % 8 === 0,
);

const tensor = fc
  .record({
    dtype: fc.constantFrom(...BYTE_WIDE),
    shape: fc.array(fc.nat({ max: 3 }), { maxLength: 4 }),
    fill: fc.nat({ max: 255 }),
  })
  .map(({ dtype, shape, fill }): SafetensorsTensor => {
    const count = shape.reduce((product, length) => product * length, 1);
    return { dtype, shape, bytes: new Uint8Array(byteLengthOf(dtype, count) ?? 0).fill(fill) };
  });
const name = fc
  .oneof(fc.string(), fc.constantFrom("__proto__", "a.weight_v", "0", "ünï"))
  .filter((n) => n !== "__metadata__");
const contents = fc.record({
  tensors: fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((list) => new Map(list)),
  metadata: fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }).map((list) => new Map(list)),
});

test("what is written is read back, and written again it is the same file", async () => {
  await fc.assert(
    fc.asyncProperty(contents, async ({ tensors, metadata }) => {
      const bytes = encodeSafetensors(tensors, metadata);
      const file = await openSafetensors(guard(bytes), "fuzz.safetensors");
      expect(file.metadata).toEqual(metadata);
      expect(file.tensors.size).toBe(tensors.size);
      const read = new Map<string, SafetensorsTensor>();
      for (const key of file.tensors.keys()) read.set(key, await readTensor(file, key));
      for (const [key, wanted] of tensors) expect(read.get(key)).toEqual(wanted);
      expect(encodeSafetensors(read, file.metadata)).toEqual(bytes);
    }),
  );
});

test("random bytes never crash the reader", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 64 }), async (bytes) => {
      await readAll(bytes);
    }),
  );
});

test("random JSON headers never crash the reader", async () => {
  await fc.assert(
    fc.asyncProperty(fc.json({ maxDepth: 4 }), fc.nat({ max: 16 }), async (json, dataBytes) => {
      const header = new TextEncoder().encode(json);
      const bytes = new Uint8Array(8 + header.byteLength + dataBytes);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
      bytes.set(header, 8);
      await readAll(bytes);
    }),
  );
});

test("files with some bytes changed, cut off or appended are read or refused, and cut ones always refused", async () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      contents,
      edits,
      fc.integer({ min: -8, max: 8 }),
      async ({ tensors, metadata }, changes, growth) => {
        const whole = encodeSafetensors(tensors, metadata);
        const resized = new Uint8Array(Math.max(0, whole.byteLength + growth));
        resized.set(whole.subarray(0, resized.byteLength));
        if (growth !== 0) expect(await readAll(resized)).toBe(false);
        for (const [at, value] of changes)
          if (resized.byteLength > 0) resized[at % resized.byteLength] = value;
        await readAll(resized);
      },
    ),
    { numRuns: 400 },
  );
});

/** A header as it may be after a bug or an attack in what wrote it: a field of one tensor has another value. */
const edit = fc.record({
  tensor: fc.nat(),
  field: fc.constantFrom("dtype", "shape", "data_offsets", "extra"),
  value: fc.oneof(
    fc.constantFrom<unknown>(
      "F32",
      "BF16",
      "f32",
      null,
      -1,
      [],
      {},
      [0, 0],
      [0, 2 ** 53],
      [-4, 0],
      [0.5, 4],
      [2 ** 32, 2 ** 32],
    ),
    fc.array(fc.integer({ min: -1, max: 12 }), { maxLength: 3 }),
    fc.jsonValue({ maxDepth: 2 }),
  ),
});

test("headers with a field replaced are read or refused, and never read as something else", async () => {
  let accepted = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(contents, edit, async ({ tensors }, { tensor, field, value }) => {
      const whole = encodeSafetensors(tensors);
      const length = Number(new DataView(whole.buffer).getBigUint64(0, true));
      const header = JSON.parse(new TextDecoder().decode(whole.subarray(8, 8 + length))) as Record<
        string,
        object
      >;
      const names = Object.keys(header);
      const name = names[tensor % Math.max(1, names.length)];
      if (name === undefined) return;
      Object.defineProperty(header[name], field, { value, enumerable: true });
      const json = new TextEncoder().encode(JSON.stringify(header));
      const bytes = new Uint8Array(8 + json.byteLength + whole.byteLength - 8 - length);
      new DataView(bytes.buffer).setBigUint64(0, BigInt(json.byteLength), true);
      bytes.set(json, 8);
      bytes.set(whole.subarray(8 + length), 8 + json.byteLength);
      if (await readAll(bytes)) accepted += 1;
      else refused += 1;
    }),
    { numRuns: 400 },
  );
  // Both happen: unknown fields are ignored, as the reference implementation does.
  expect(Math.min(accepted, refused)).toBeGreaterThan(10);
});

test("tensors put on top of each other are refused", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.nat({ max: 8 }),
      fc.nat({ max: 8 }),
      async (size, a, b) => {
        const entry = (begin: number): object => ({
          dtype: "U8",
          shape: [size],
          data_offsets: [begin, begin + size],
        });
        const header = new TextEncoder().encode(JSON.stringify({ a: entry(a), b: entry(b) }));
        const bytes = new Uint8Array(8 + header.byteLength + 2 * size);
        new DataView(bytes.buffer).setBigUint64(0, BigInt(header.byteLength), true);
        bytes.set(header, 8);
        const apart = Math.min(a, b) === 0 && Math.max(a, b) === size;
        expect(await readAll(bytes)).toBe(apart);
      },
    ),
  );
});

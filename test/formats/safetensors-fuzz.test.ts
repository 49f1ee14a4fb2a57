/** Random and damaged safetensors files: accepted whole, or refused with a diagnostic; no read leaves the source. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
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

/** A source that fails the test when it is read out of range. */
function guard(bytes: Uint8Array): RandomAccess {
  return {
    byteLength: bytes.byteLength,
    read: (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > bytes.byteLength)
        throw new RangeError(`read of ${length} bytes at ${offset} of ${bytes.byteLength}`);
      return Promise.resolve(bytes.subarray(offset, offset + length));
    },
  };
}

/** Reads everything. True when the file was accepted; anything but a TensorweftError is rethrown. */
async function readAll(bytes: Uint8Array): Promise<boolean> {
  try {
    const file = await openSafetensors(guard(bytes), "fuzz.safetensors");
    let covered = file.dataStart;
    for (const name of file.tensors.keys()) covered += (await readTensor(file, name)).bytes.byteLength;
    expect(covered).toBe(bytes.byteLength);
    return true;
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    expect(error.diagnostics[0]?.code).toBe("invalid-file");
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

test("what is written is read back", async () => {
  await fc.assert(
    fc.asyncProperty(contents, async ({ tensors, metadata }) => {
      const file = await openSafetensors(guard(encodeSafetensors(tensors, metadata)), "fuzz.safetensors");
      expect(file.metadata).toEqual(metadata);
      expect(file.tensors.size).toBe(tensors.size);
      for (const [key, wanted] of tensors) expect(await readTensor(file, key)).toEqual(wanted);
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

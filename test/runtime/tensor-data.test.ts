import { describe, expect, test } from "vitest";
import {
  decodeNumbers,
  encodeData,
  fromGpuBytes,
  gpuByteLength,
  presentData,
  toGpuBytes,
} from "../../src/runtime/tensor-data.ts";
import { failureOf } from "./support.ts";

const words = (bits: readonly number[]): Uint16Array => Uint16Array.from(bits);

describe("encoding", () => {
  test("the dtype follows from the data", () => {
    expect(encodeData(new Float32Array(2), undefined).dtype).toBe("f32");
    expect(encodeData(new Int32Array(2), undefined).dtype).toBe("i32");
    expect(encodeData(new Uint32Array(2), undefined).dtype).toBe("u32");
    expect(encodeData([1.5], undefined).dtype).toBe("f32");
    expect(encodeData([true], undefined).dtype).toBe("bool");
    expect(encodeData(2, undefined)).toEqual({ dtype: "f32", shape: [], data: Float32Array.of(2) });
  });

  test("raw words stay as they are, numbers are rounded to 16 bits", () => {
    const raw = encodeData(words([0x3f80, 0x7fc0]), [2], { dtype: "bf16" });
    expect(raw.data).toEqual(words([0x3f80, 0x7fc0]));
    expect([...decodeNumbers(raw)]).toEqual([1, Number.NaN]);
    expect(encodeData([1, 65520, -0], [3], { dtype: "f16" }).data).toEqual(words([0x3c00, 0x7c00, 0x8000]));
    expect(encodeData(Float32Array.of(1.00390625), [1], { dtype: "bf16" }).data).toEqual(words([0x3f80]));
  });

  test("data is copied, so later changes of the caller's array do not show", () => {
    const mine = Float32Array.of(1, 2);
    const host = encodeData(mine, undefined);
    mine[0] = 9;
    expect([...host.data]).toEqual([1, 2]);
  });

  test("views of a larger buffer give only their own elements", () => {
    const view = new Float32Array(Float32Array.of(0, 1, 2, 3).buffer, 4, 2);
    expect(toGpuBytes(encodeData(view, undefined))).toEqual(new Uint8Array(Float32Array.of(1, 2).buffer));
  });

  test.each([
    ["bool", encodeData([true, false, true], undefined)],
    ["an odd number of 16-bit words", encodeData(words([1, 2, 3]), [3], { dtype: "f16" })],
    ["i32", encodeData(Int32Array.of(-1, 2 ** 31 - 1), [2])],
    ["nothing", encodeData([], [0, 3])],
  ])("%s goes to GPU bytes and back", (_, host) => {
    const bytes = toGpuBytes(host);
    expect(bytes.length).toBe(gpuByteLength(host.dtype, host.data.length));
    expect(bytes.length % 4).toBe(0);
    expect(fromGpuBytes(host.dtype, host.data.length, bytes.slice().buffer)).toEqual(host.data);
  });

  test("f16 is shown as Float16Array where there is one", () => {
    const shown = presentData("f16", words([0x3c00]).slice());
    const Float16 = (globalThis as { readonly Float16Array?: Float16ArrayConstructor }).Float16Array;
    if (Float16 === undefined) expect(shown).toEqual(words([0x3c00]));
    else expect(shown).toEqual(Float16.of(1));
  });

  test("without Float16Array, f16 comes as words and goes from words and numbers", () => {
    const own = Object.getOwnPropertyDescriptor(globalThis, "Float16Array");
    Reflect.deleteProperty(globalThis, "Float16Array");
    try {
      expect(presentData("f16", words([0x3c00]).slice())).toEqual(words([0x3c00]));
      for (const data of [words([0x3c00]), [1], Float32Array.of(1)])
        expect(encodeData(data, [1], { dtype: "f16" }).data).toEqual(words([0x3c00]));
    } finally {
      if (own !== undefined) Object.defineProperty(globalThis, "Float16Array", own);
    }
  });
});

describe("mistakes", () => {
  const refused = (data: unknown, shape?: readonly number[], dtype?: string) =>
    failureOf(() => encodeData(data, shape, { dtype: dtype as "f32" }));

  test("too few elements", async () => {
    expect(await refused(new Float32Array(5), [2, 3])).toEqual({
      code: "shape-mismatch",
      message: "data has 5 elements but shape [2,3] needs 6",
      help: "pass 6 elements, or a shape whose lengths multiply to 5",
      file: expect.stringContaining("tensor-data.test.ts") as string,
    });
  });

  test("Float64Array is refused with the way out", async () => {
    const { code, help } = await refused(new Float64Array(2));
    expect(code).toBe("unsupported-dtype");
    expect(help).toContain("Float32Array.from(data)");
  });

  test.each<[string, unknown, readonly number[] | undefined, string | undefined, string]>([
    ["words without a dtype", new Uint16Array(1), [1], undefined, "dtype-mismatch"],
    ["bytes without a dtype", new Uint8Array(1), [1], undefined, "dtype-mismatch"],
    ["an array of another dtype", new Int32Array(1), [1], "f32", "dtype-mismatch"],
    ["an unknown dtype", [1], [1], "f64", "unsupported-dtype"],
    ["a fraction as i32", [1, 1.5], [2], "i32", "invalid-value"],
    ["a negative u32", [-1], [1], "u32", "invalid-value"],
    ["a nested list", [[1]], [1], undefined, "wrong-argument"],
    ["null", null, [1], undefined, "wrong-argument"],
    ["a negative length", [], [-1], undefined, "invalid-shape"],
    ["a fraction as length", [], [0.5], undefined, "invalid-shape"],
    ["nine dimensions", [1], [1, 1, 1, 1, 1, 1, 1, 1, 1], undefined, "rank-too-high"],
  ])("%s", async (_, data, shape, dtype, code) => {
    const failure = await refused(data, shape, dtype);
    expect(failure.code).toBe(code);
    expect(failure.help).toBeTruthy();
  });
});

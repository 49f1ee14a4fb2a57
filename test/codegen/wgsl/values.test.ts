/** Constants, casts and storage on the device against the interpreter. */
import { describe, expect, test } from "vitest";
import { emitWgsl, legalize } from "../../../src/codegen/wgsl/emit-wgsl.ts";
import { spellFinite } from "../../../src/codegen/wgsl/spell-constant.ts";
import type { DType } from "../../../src/ir/dtype.ts";
import { interpretKernel } from "../../../src/ir/interpret-kernel.ts";
import type { Kernel, ScalarType } from "../../../src/ir/kernel.ts";
import { printNumber } from "../../../src/ir/number-text.ts";
import { parseKernel } from "../../../src/ir/parse-kernel.ts";
import { findProfile } from "../../../src/ir/profile.ts";
import { fromBf16Bits, fromF16Bits, toBf16Bits, toF16Bits } from "../../../src/ir/round.ts";
import { verifyKernel } from "../../../src/ir/verify-kernel.ts";
import { describeGpu } from "../../support/gpu.ts";
import { checkWgsl, runWgsl } from "../../support/run-wgsl.ts";
import type { Values } from "../../support/run-wgsl.ts";

const PROFILE = findProfile("default");
if (PROFILE === undefined) throw new Error("the default profile is missing");
const F32_MAX = 3.4028234663852886e38;

function interpret(kernel: Kernel, inputs: Values, scalars: Readonly<Record<string, number>> = {}) {
  const buffers = new Map(Object.entries(inputs).map(([name, values]) => [name, Float64Array.from(values)]));
  interpretKernel(kernel, buffers, new Map(Object.entries(scalars)));
  return buffers;
}

const CONSTANTS: readonly (readonly [ScalarType, number])[] = [
  ...[0, -0, 1, -1, 0.1, -1e-7, 1e21, 16777217, F32_MAX, -F32_MAX, 3.3999999521443642e38, 2 ** -126].map(
    (value) => ["f32", Math.fround(value)] as const,
  ),
  ...[Infinity, -Infinity, NaN, 2 ** 24, 2 ** 127].map((value) => ["f32", value] as const),
  ...[0, -1, 2147483647, -2147483648].map((value) => ["i32", value] as const),
  ...[0, 1, 4294967295].map((value) => ["u32", value] as const),
  ...[0, 1].map((value) => ["bool", value] as const),
];

const constantKernel = (scalar: ScalarType, value: number): Kernel => {
  const literal = (type: string): string => `${type}(${printNumber(value, scalar)})`;
  return parseKernel(`kernel @constant size=1 count=1 grid=[1,1,1] {
    binding %one: ${scalar}[1] width=1 read_write
    binding %four: ${scalar}[4] width=4 read_write
    store %one[0] = ${literal(scalar)}
    store %four[0] = ${literal(`${scalar}x4`)}
  }`);
};

describe("constants are valid WGSL", () => {
  test.each(CONSTANTS)("%s %s", async (scalar, value) => {
    expect(await checkWgsl(emitWgsl(constantKernel(scalar, value), PROFILE).wgsl)).toEqual([]);
  });

  test("the smallest subnormal too", async () => {
    expect(await checkWgsl(emitWgsl(constantKernel("f32", 2 ** -149), PROFILE).wgsl)).toEqual([]);
  });

  test("decimals read back as the same f32, and the largest is written in hexadecimal", () => {
    expect(spellFinite(Math.fround(0.1))).toBe("0.1f");
    expect(spellFinite(1)).toBe("1.0f");
    expect(spellFinite(Math.fround(1e21))).toBe("1e+21f");
    expect(spellFinite(F32_MAX)).toBe("0x1.fffffep+127f");
    expect(spellFinite(-F32_MAX)).toBe("-0x1.fffffep+127f");
  });
});

const FLOATS = [
  0,
  -0,
  0.5,
  -0.9,
  1.5,
  2147483520,
  2147483648,
  -2147483648,
  -3e9,
  4294967040,
  4294967296,
  5e9,
  NaN,
  Infinity,
  -Infinity,
  7,
];
const SAMPLES: Readonly<Record<ScalarType, readonly number[]>> = {
  f32: FLOATS.map(Math.fround),
  i32: [0, 1, -1, 2147483647, -2147483648, 16777217, 5, -7, 1, 2, 3, 4, 6, 8, 9, 10],
  u32: [0, 1, 2147483648, 4294967295, 16777217, 5, 7, 1, 2, 3, 4, 6, 8, 9, 10, 11],
  bool: [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0],
};
const SCALARS = ["f32", "i32", "u32", "bool"] as const;
const CASTS = SCALARS.flatMap((from) => SCALARS.map((to) => [from, to] as const));

const castKernel = (from: ScalarType, to: ScalarType, width: 1 | 4): Kernel => {
  const suffix = width === 1 ? "" : "x4";
  const at = width === 1 ? "lane" : "(lane * 4)";
  return parseKernel(`kernel @casts size=${String(16 / width)} count=1 grid=[1,1,1] {
    binding %x: ${from}[16] width=${String(width)} read
    binding %y: ${to}[16] width=${String(width)} read_write
    load %v: ${from}${suffix} = %x[${at}]
    store %y[${at}] = cast.${to}${suffix}(%v)
  }`);
};

/** Values of a 16-bit dtype as bits, specials and ties included. */
const HALVES = [
  0,
  -0,
  1,
  -1.5,
  65504,
  -65504,
  2 ** -14,
  2 ** -24,
  3 * 2 ** -25,
  NaN,
  Infinity,
  -Infinity,
  0.1,
  1000,
  -7,
  2,
];
const toBits = (dtype: DType) => (dtype === "f16" ? toF16Bits : toBf16Bits);
const fromBits = (dtype: DType) => (dtype === "f16" ? fromF16Bits : fromBf16Bits);

describeGpu("values on the device", (gpu) => {
  test.each(CONSTANTS)("constant %s %s", async (scalar, value) => {
    const kernel = constantKernel(scalar, value);
    const { one, four } = await runWgsl(gpu().device, kernel, emitWgsl(kernel, PROFILE).wgsl, {});
    expect(one).toEqual([value]);
    expect(four).toEqual([value, value, value, value]);
  });

  test.each(CASTS)("cast of %s to %s", async (from, to) => {
    for (const width of [1, 4] as const) {
      const kernel = castKernel(from, to, width);
      const x = SAMPLES[from];
      const { y } = await runWgsl(gpu().device, kernel, emitWgsl(kernel, PROFILE).wgsl, { x });
      expect(y).toEqual([...(interpret(kernel, { x }).get("y") ?? [])]);
    }
  });

  test.each([
    ["f16", 1],
    ["f16", 2],
    ["f16", 4],
    ["bf16", 1],
    ["bf16", 2],
    ["bf16", 4],
  ] as const)("%s storage of width %s", async (dtype, width) => {
    const suffix = width === 1 ? "" : `x${String(width)}`;
    const kernel = parseKernel(`kernel @storage size=${String(16 / width)} count=1 grid=[1,1,1] {
      binding %x: ${dtype}[16] width=${String(width)} read
      binding %f: f32[16] width=${String(width)} read
      binding %wide: f32[16] width=${String(width)} read_write
      binding %y: ${dtype}[16] width=${String(width)} read_write
      load %v: f32${suffix} = %x[(lane * ${String(width)})]
      store %wide[(lane * ${String(width)})] = %v
      load %w: f32${suffix} = %f[(lane * ${String(width)})]
      store %y[(lane * ${String(width)})] = %w
    }`);
    expect(verifyKernel(kernel)).toEqual([]);
    const x = HALVES.map(toBits(dtype));
    const ties = [
      1 + 2 ** -11,
      1 + 3 * 2 ** -11,
      65519,
      65520,
      1e6,
      2 ** -25,
      1.1 * 2 ** -25,
      2 ** -8 + 1,
      NaN,
      -Infinity,
    ];
    const f = [...ties, 3.3e38, F32_MAX, 5.96e-8, 6.1e-5, -0, 0.3].map(Math.fround);
    const { wgsl } = emitWgsl(kernel, PROFILE);
    const { wide = [], y = [] } = await runWgsl(gpu().device, kernel, wgsl, { x, f });
    const expected = interpret(kernel, { x: HALVES.map((v) => fromBits(dtype)(toBits(dtype)(v))), f });
    expect(wide).toEqual([...(expected.get("wide") ?? [])]);
    expect(y.map(fromBits(dtype))).toEqual([...(expected.get("y") ?? [])]);
  });

  test("scalars arrive in their dtypes", async () => {
    const kernel = parseKernel(`kernel @scalars size=1 count=1 grid=[1,1,1] {
      binding %y: f32[4] width=1 read_write
      scalar %eps: f32
      scalar %n: i32
      scalar %m: u32
      scalar %on: bool
      scalar %last: f32
      store %y[0] = add(uniform %eps, uniform %last)
      store %y[1] = cast.f32(uniform %n)
      store %y[2] = cast.f32(uniform %m)
      store %y[3] = where(uniform %on, f32(5), f32(6))
    }`);
    const scalars = { eps: 0.25, n: -3, m: 4_000_000_000, on: 1, last: 2 };
    const { y } = await runWgsl(gpu().device, kernel, emitWgsl(kernel, PROFILE).wgsl, {}, scalars);
    expect(y).toEqual([2.25, -3, 4_000_000_000, 5]);
    expect([...(interpret(kernel, {}, scalars).get("y") ?? [])]).toEqual(y);
  });

  test("a folded grid runs each workgroup once", async () => {
    const kernel = parseKernel(`kernel @folded size=4 count=7 grid=[3,3,1] {
      binding %x: f32[28] width=1 read
      binding %y: f32[28] width=1 read_write
      load %v: f32 = %x[((workgroup * 4) + lane)]
      store %y[((workgroup * 4) + lane)] = neg(%v)
    }`);
    const x = Array.from({ length: 28 }, (_, i) => i + 1);
    const { y } = await runWgsl(gpu().device, kernel, emitWgsl(kernel, PROFILE).wgsl, { x });
    expect(y).toEqual(x.map((v) => -v));
  });
});

test("names that are words of WGSL are harmless", async () => {
  const names = [
    "mod",
    "filter",
    "fn",
    "let",
    "main",
    "lane",
    "wg",
    "f32",
    "array",
    "Scalars",
    "scalars",
    "linear",
  ];
  const lets = names.map((name, i) => `let %${name} = f32(${String(i)})`).join("\n");
  const kernel = parseKernel(`kernel @fn size=1 count=1 grid=[1,1,1] {
    binding %var: f32[1] width=1 read_write
    scalar %struct: f32
    shared %switch: f32[1]
    ${lets}
    store %var[0] = add(${names.map((name) => `%${name}`).reduce((a, b) => `add(${a}, ${b})`)}, uniform %struct)
  }`);
  expect(verifyKernel(legalize(kernel, PROFILE))).toEqual([]);
  expect(await checkWgsl(emitWgsl(kernel, PROFILE).wgsl)).toEqual([]);
});

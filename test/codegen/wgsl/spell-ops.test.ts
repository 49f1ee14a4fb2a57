import { describe, expect, test } from "vitest";
import { emitWgsl } from "../../../src/codegen/wgsl/emit-wgsl.ts";
import { boundOfBinary, boundOfStored, boundOfUnary } from "../../../src/ir/error-bounds.ts";
import type { ScalarType } from "../../../src/ir/kernel.ts";
import { findProfile } from "../../../src/ir/profile.ts";
import { SCALAR_OPS, SCALAR_OP_NAMES, evaluateScalar } from "../../../src/ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../../src/ir/scalar-ops.ts";
import { describeGpu } from "../../support/gpu.ts";
import { LANES, opKernel, operandTypes } from "../../support/op-kernels.ts";
import { checkWgsl, runWgsl } from "../../support/run-wgsl.ts";

const PROFILE = findProfile("default");
if (PROFILE === undefined) throw new Error("the default profile is missing");

/** Signed magnitudes from 2^-130 to 2^127, small integers and halves, the borders of our formulas, and specials. */
function floatSamples(): number[] {
  const samples = [
    0,
    -0,
    Infinity,
    -Infinity,
    NaN,
    1,
    -1,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    88,
    -88,
    3.4e38,
    -3.4e38,
  ];
  for (const border of [
    0.5,
    0.499,
    0.9,
    0.999,
    1.001,
    4,
    4.001,
    9,
    65536,
    65537,
    2 ** 31,
    2 ** 32,
    3e9,
    16777216,
  ])
    samples.push(border, -border);
  for (let n = 0; samples.length < 256; n++)
    samples.push(
      (n % 2 === 0 ? 1 : -1) * 2 ** (((n * 37) % 257) / 1 - 130) * (1 + ((n * 7919) % 1000) / 1000),
    );
  for (let n = 0; samples.length < 512; n++) samples.push((n % 2 === 0 ? 1 : -1) * ((n * 0.0391) % 5));
  return samples.map(Math.fround);
}

const INTEGERS = [
  0,
  1,
  -1,
  2,
  3,
  7,
  -8,
  100,
  65535,
  65536,
  2 ** 31 - 1,
  -(2 ** 31),
  123456789,
  -987654321,
  12,
  5,
];

function samplesOf(scalar: ScalarType): number[] {
  if (scalar === "f32") return floatSamples();
  if (scalar === "bool") return [0, 1];
  return INTEGERS.map((n) => (scalar === "u32" ? n >>> 0 : n));
}

/** Operand lists: all samples for one operand, a scrambled pairing and a grid of specials for two. */
function operandsOf(fn: ScalarOp, scalar: ScalarType): number[][] {
  const samples = samplesOf(scalar);
  const at = (i: number): number => samples[i % samples.length] ?? 0;
  const count = scalar === "f32" ? 1024 : 256;
  const x = Array.from({ length: count }, (_, i) => at(i < 512 ? i : i % 16));
  const y = Array.from({ length: count }, (_, i) => at(i < 512 ? i * 31 + 5 : Math.floor(i / 16)));
  const condition = x.map((_, i) => ((i * 7) % 3 === 0 ? 1 : 0));
  const { arity }: ScalarOpInfo = SCALAR_OPS[fn];
  return arity === 1 ? [x] : arity === 2 ? [x, y] : [condition, x, y];
}

/** How far the result may lie from the meaning. */
function boundOf(fn: ScalarOp, scalar: ScalarType, value: number, args: readonly number[]): number {
  const info: ScalarOpInfo = SCALAR_OPS[fn];
  const [x = 0, y = 0] = args;
  if (scalar !== "f32" || info.arity === 3) return 0;
  return info.arity === 1
    ? boundOfUnary(info, value, x, boundOfStored("f32", x), false)
    : boundOfBinary(info, value, x, boundOfStored("f32", x), y, boundOfStored("f32", y));
}

const cases = SCALAR_OP_NAMES.flatMap((fn) => operandTypes(fn).map((scalar) => [fn, scalar] as const));

describe("every op is valid WGSL", () => {
  test.each(cases)("%s of %s", async (fn, scalar) => {
    for (const width of [1, 2, 4] as const)
      expect(await checkWgsl(emitWgsl(opKernel(fn, scalar, width, 4 * LANES), PROFILE).wgsl)).toEqual([]);
  });
});

describeGpu("every op is within its promised error", (gpu) => {
  test.each(cases)("%s of %s", async (fn, scalar) => {
    const operands = operandsOf(fn, scalar);
    const count = operands[0]?.length ?? 0;
    const [x = [], y = [], z = []] = operands;
    for (const width of [1, 4] as const) {
      const kernel = opKernel(fn, scalar, width, count);
      const { wgsl } = emitWgsl(kernel, PROFILE);
      const { out = [] } = await runWgsl(gpu().device, kernel, wgsl, { x, y, z });
      const wrong: string[] = [];
      for (let i = 0; i < count; i++) {
        const args = operands.map((list) => list[i] ?? 0);
        const value = evaluateScalar(fn, scalar, args);
        const actual = out[i] ?? 0;
        const bound = boundOf(fn, scalar, value, args);
        const close = Object.is(actual, value) || Math.abs(actual - value) <= bound;
        if (!close && bound < Infinity)
          wrong.push(
            `${fn}(${args.join(", ")}) = ${String(actual)}, not ${String(value)} +- ${String(bound)}`,
          );
      }
      expect(wrong).toEqual([]);
    }
  });
});

/**
 * WGSL functions of ours, for what WGSL lacks, leaves open (nan in max) or computes too roughly near 0 (tanh). Each is
 * written once for scalars and vectors: free of branches, conditions as `select` on booleans of the same width.
 *
 * Requires: nothing here is evaluated as a constant expression; calls of functions never are.
 * Ensures:  the errors that src/ir/scalar-ops.ts promises; nan in gives nan out, tested by bits, since WGSL lets a compiler
 *           assume `x == x` (https://www.w3.org/TR/WGSL/#floating-point-evaluation). `select` evaluates both sides, so
 *           overflow and nan in the side not taken do no harm.
 */
import type { Width } from "../../ir/kernel.ts";
import type { Helper, HelperDialect } from "./helper-types.ts";
import { MATH_HELPERS } from "./math-helpers.ts";

const x = (d: HelperDialect): string => `x: ${d.f}`;
const xy = (d: HelperDialect): string => `x: ${d.f}, y: ${d.f}`;
const float = (d: HelperDialect): string => d.f;
const bool = (d: HelperDialect): string => d.b;
const magnitudeBits = (d: HelperDialect): string => `(bitcast<${d.u}>(x) & ${d.u}(0x7fffffffu))`;
const infinityBits = (d: HelperDialect): string => `${d.u}(0x7f800000u)`;

const classTest = (operator: string) =>
  ({
    uses: [],
    parameters: x,
    result: bool,
    body: (d: HelperDialect) => [`return ${magnitudeBits(d)} ${operator} ${infinityBits(d)};`],
  }) as const;

/** `var`: the bitcast of a constant that is nan or infinite is a shader-creation error. */
const special = (bits: string) =>
  ({
    uses: [],
    parameters: () => "",
    result: float,
    body: (d: HelperDialect) => [`var bits = ${bits};`, `return ${d.f}(bitcast<f32>(bits));`],
  }) as const;

/** WGSL's max(a, b) is `select(a, b, a < b)` or C's fmax: either may lose a nan. */
const extreme = (builtin: "max" | "min") =>
  ({
    uses: ["is_nan"],
    parameters: xy,
    result: float,
    body: (d: HelperDialect) => [
      `let y_or_nan = select(${builtin}(x, y), y, ${d.call("is_nan", "y")});`,
      `return select(y_or_nan, x, ${d.call("is_nan", "x")});`,
    ],
  }) as const;

/** Largest f32 below 2^31 and below 2^32: what a float is clamped to before it is converted. */
const BELOW_2_31 = 2147483520;
const BELOW_2_32 = 4294967040;

const BIT_HELPERS = {
  is_nan: classTest(">"),
  is_inf: classTest("=="),
  is_finite: classTest("<"),
  nan: special("0x7fc00000u"),
  inf: special("0x7f800000u"),
  /** Subnormals count as not 0, whatever the device flushes. */
  is_nonzero: {
    uses: [],
    parameters: x,
    result: bool,
    body: (d) => [`return ${magnitudeBits(d)} != ${d.u}(0u);`],
  },
  /** x / 0. llvmpipe folds a division by the constant to 0. */
  over_zero: {
    uses: [],
    parameters: x,
    result: float,
    body: (d) => [
      `let bits = bitcast<${d.u}>(x);`,
      `let magnitude = bits & ${d.u}(0x7fffffffu);`,
      `let has_answer = (magnitude != ${d.u}(0u)) & (magnitude <= ${infinityBits(d)});`,
      `let infinite = (bits & ${d.u}(0x80000000u)) | ${infinityBits(d)};`,
      `return bitcast<${d.f}>(select(${d.u}(0x7fc00000u), infinite, has_answer));`,
    ],
  },
  sign: {
    uses: ["is_nan"],
    parameters: x,
    result: float,
    body: (d) => [`return select(sign(x), x, ${d.call("is_nan", "x")} | (x == ${d.c(0)}));`],
  },
  max: extreme("max"),
  min: extreme("min"),
  to_i32: {
    uses: ["is_nan"],
    parameters: x,
    result: (d) => d.i,
    body: (d) => [
      `let inside = ${d.i}(clamp(x, ${d.c(-(2 ** 31))}, ${d.c(BELOW_2_31)}));`,
      `let saturated = select(inside, ${d.i}(2147483647i), x > ${d.c(BELOW_2_31)});`,
      `return select(saturated, ${d.i}(0i), ${d.call("is_nan", "x")});`,
    ],
  },
  to_u32: {
    uses: ["is_nan"],
    parameters: x,
    result: (d) => d.u,
    body: (d) => [
      `let inside = ${d.u}(clamp(x, ${d.c(0)}, ${d.c(BELOW_2_32)}));`,
      `let saturated = select(inside, ${d.u}(4294967295u), x > ${d.c(BELOW_2_32)});`,
      `return select(saturated, ${d.u}(0u), ${d.call("is_nan", "x")});`,
    ],
  },
  /** Round to nearest even by integers: pack2x16float leaves rounding, overflow and subnormals to the device. */
  f16_bits: {
    uses: [],
    scalarOnly: true,
    parameters: () => "x: f32",
    result: () => "u32",
    body: () => [
      "let bits = bitcast<u32>(x);",
      "let sign = (bits >> 16u) & 0x8000u;",
      "let magnitude = bits & 0x7fffffffu;",
      "if (magnitude > 0x7f800000u) { return sign | 0x7e00u; }",
      "if (magnitude >= 0x477ff000u) { return sign | 0x7c00u; }", // 65520 and more round to infinity
      "if (magnitude < 0x38800000u) { return sign | u32(round(bitcast<f32>(magnitude) * 16777216.0f)); }", // below 2^-14
      "let even = (magnitude >> 13u) & 1u;",
      "return sign | (((magnitude + 0xfffu + even) >> 13u) - 0x1c000u);",
    ],
  },
  /** The nearest f16, ties to even, as f32. */
  round_f16: {
    uses: [],
    parameters: x,
    result: float,
    body: (d) => [
      `let bits = bitcast<${d.u}>(x);`,
      `let sign = bits & ${d.u}(0x80000000u);`,
      `let magnitude = bits & ${d.u}(0x7fffffffu);`,
      `let even = (magnitude >> ${d.u}(13u)) & ${d.u}(1u);`,
      `let normal = (magnitude + ${d.u}(0xfffu) + even) & ${d.u}(0xffffe000u);`,
      `let small = bitcast<${d.u}>(round(bitcast<${d.f}>(magnitude) * 16777216.0f) * 0x1p-24f);`, // below 2^-14
      `let finite = select(normal, small, magnitude < ${d.u}(0x38800000u));`,
      `let limited = select(finite, ${d.u}(0x7f800000u), magnitude >= ${d.u}(0x477ff000u));`, // 65520 and more
      `return bitcast<${d.f}>(sign | select(limited, magnitude, magnitude > ${d.u}(0x7f800000u)));`,
    ],
  },
  /** The nearest bf16, ties to even, as f32. */
  round_bf16: {
    uses: [],
    parameters: x,
    result: float,
    body: (d) => [
      `let bits = bitcast<${d.u}>(x);`,
      `let rounded = (bits + ${d.u}(0x7fffu) + ((bits >> ${d.u}(16u)) & ${d.u}(1u))) & ${d.u}(0xffff0000u);`,
      `return bitcast<${d.f}>(select(rounded, bits, (bits & ${d.u}(0x7fffffffu)) > ${d.u}(0x7f800000u)));`,
    ],
  },
  bf16_bits: {
    uses: [],
    scalarOnly: true,
    parameters: () => "x: f32",
    result: () => "u32",
    body: () => [
      "let bits = bitcast<u32>(x);",
      "if ((bits & 0x7fffffffu) > 0x7f800000u) { return (bits >> 16u) | 0x40u; }",
      "return (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;",
    ],
  },
} as const satisfies Record<string, Helper>;

/** In the order in which they are emitted: callees first. */
const HELPERS = { ...BIT_HELPERS, ...MATH_HELPERS } as const satisfies Record<string, Helper>;

export type HelperName = keyof typeof HELPERS;

/** Helpers that a text calls, as `name/width`. */
export type HelperUses = Set<string>;

const functionName = (name: string, width: Width): string =>
  width === 1 ? `tw_${name}` : `tw_${name}_x${String(width)}`;

/** The name to call; the use is noted. */
export function callHelper(uses: HelperUses, name: HelperName, width: Width): string {
  uses.add(`${name}/${String(width)}`);
  return functionName(name, width);
}

/** The texts of all helpers that `uses` names, and of those that these call, in the table's order. */
export function printHelpers(uses: HelperUses): readonly string[] {
  const table: readonly (readonly [string, Helper])[] = Object.entries(HELPERS);
  const needed = new Set(uses);
  // Callees precede callers, so one walk from the end finds all that are needed.
  for (const [name, helper] of [...table].reverse())
    for (const width of [1, 2, 4])
      if (needed.has(`${name}/${String(width)}`))
        for (const callee of helper.uses) needed.add(`${callee}/${String(width)}`);
  return table.flatMap(([name, helper]) =>
    ([1, 2, 4] as const)
      .filter((width) => needed.has(`${name}/${String(width)}`))
      .map((width) => printHelper(name, helper, width)),
  );
}

function printHelper(name: string, helper: Helper, width: Width): string {
  const typeName = (scalar: string): string => (width === 1 ? scalar : `vec${String(width)}<${scalar}>`);
  const dialect: HelperDialect = {
    f: typeName("f32"),
    i: typeName("i32"),
    u: typeName("u32"),
    b: typeName("bool"),
    c: (value) => `${typeName("f32")}(${String(value)})`,
    call: (callee, ...args) => `${functionName(callee, width)}(${args.join(", ")})`,
  };
  const head = `fn ${functionName(name, width)}(${helper.parameters(dialect)}) -> ${helper.result(dialect)} {`;
  return [head, ...helper.body(dialect).map((line) => `  ${line}`), "}"].join("\n");
}

import { describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { legalize } from "../../src/codegen/wgsl/emit-wgsl.ts";
import { parseKernel } from "../../src/ir/parse-kernel.ts";
import { printKernel } from "../../src/ir/print-kernel.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { SCALAR_OP_NAMES } from "../../src/ir/scalar-ops.ts";
import { verifyKernel } from "../../src/ir/verify-kernel.ts";
import { listGoldens, testGoldens } from "../support/golden.ts";
import { opKernel, operandTypes } from "../support/op-kernels.ts";

const PROFILE = findProfile("default");
if (PROFILE === undefined) throw new Error("the default profile is missing");

const FOLDERS = [
  "unroll-loops",
  "expand-group-reduce",
  "expand-delinearize",
  "fold-constants",
  "verify-kernel",
];
const goldens = [...FOLDERS.map((folder) => `kernel/${folder}`), "wgsl/emit"].flatMap(listGoldens);

describe("parse(print(kernel)) is the kernel", () => {
  test.each(goldens.map(({ path, input }) => [path, input] as const))("%s", (_, input) => {
    const kernel = parseKernel(input);
    expect(parseKernel(printKernel(kernel))).toEqual(kernel);
    if (verifyKernel(kernel).length > 0) return;
    const legal = legalize(kernel, PROFILE);
    expect(parseKernel(printKernel(legal))).toEqual(legal);
  });

  test("kernels of all ops", () => {
    for (const fn of SCALAR_OP_NAMES)
      for (const scalar of operandTypes(fn)) {
        const kernel = opKernel(fn, scalar, 4, 256);
        expect(verifyKernel(kernel)).toEqual([]);
        expect(parseKernel(printKernel(kernel))).toEqual(kernel);
      }
  });
});

testGoldens("kernel/verify-kernel", ({ input, path }) => verifyKernel(parseKernel(input, path)).join("\n"));

describe("mistakes in the text are located", () => {
  const head = "kernel @f size=1 count=1 grid=[1,1,1] {\n";
  test.each([
    ["let %a = %b }", "2:10", "no value %b is declared before this"],
    ["let %a = exp(f32(1), f32(2)) }", "2:10", "exp takes 1 operands"],
    ["let %a = (1 ^ 2) }", "2:13", "no index arithmetic ^"],
    ["frob }", "2:1", "expected a statement, found frob"],
    ["barrier", "2:8", "expected a statement, found the end of the text"],
    ["barrier } }", "2:11", "expected the end of the text, found }"],
    ["registers %r: f64[1] }", "2:15", "expected a type, found f64"],
    [`let %a = ${"(1 + ".repeat(500)}`, "2:506", "an expression nests deeper than 100"],
    ["for %i in 1 {".repeat(300), "2:1314", "blocks nest deeper than 100"],
  ])("mistake %#", (text, place, message) => {
    expect(() => parseKernel(head + text, "k.txt")).toThrow(TensorweftError);
    expect(() => parseKernel(head + text, "k.txt")).toThrow(`k.txt:${place}: error[`);
    expect(() => parseKernel(head + text, "k.txt")).toThrow(message);
  });
});

test("a long kernel prints, parses, verifies and legalises in a loop, not by recursion", () => {
  const count = 20_000;
  const lines = Array.from(
    { length: count },
    (_, i) => `let %v${String(i + 1)} = add(%v${String(i)}, f32(1))`,
  );
  const kernel = parseKernel(
    `kernel @long size=1 count=1 grid=[1,1,1] { binding %y: f32[1] width=1 read_write load %v0: f32 = %y[0] ${lines.join("\n")}
     store %y[0] = %v${String(count)} }`,
  );
  expect(verifyKernel(kernel)).toEqual([]);
  expect(parseKernel(printKernel(legalize(kernel, PROFILE))).body.length).toBe(count + 2);
});

import { describe, expect, test } from "vitest";
import { defineBuiltin, type Builtins } from "../../../src/frontend/text/builtins.ts";
import { checkModule } from "../../../src/frontend/text/check.ts";
import {
  lowerKernel,
  type LoweredKernel,
  type LowerOptions,
} from "../../../src/frontend/text/lower-kernel.ts";
import { type GivenShape } from "../../../src/frontend/text/bind-params.ts";
import { parseModule } from "../../../src/frontend/text/parse.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";

function lower(
  source: string,
  shapes: Readonly<Record<string, GivenShape>> = {},
  options: LowerOptions = {},
): LoweredKernel {
  const { module, diagnostics } = parseModule(source, "a.weft");
  expect(diagnostics).toEqual([]);
  if (module === undefined) throw new Error("no module");
  return lowerKernel(module, "k", shapes, options);
}
const signatureOf = ({ graph }: LoweredKernel): string | undefined =>
  graph && printGraph(graph).split("\n")[0]?.replace("func @k", "").replace(" {", "");

describe("shapes", () => {
  test("literal shapes need no entry, and lengths follow from other parameters", () => {
    expect(
      signatureOf(lower("kernel k(x: f32[4, 2], w: f32[D], v: f32[2 * D, ..., 1]) = x", {})),
    ).toBeUndefined();
    expect(
      signatureOf(
        lower("kernel k(x: f32[..., D], w: f32[D], v: f32[2 * D]) = x * w + sum(v)", {
          x: { shape: [3, 5] },
        }),
      ),
    ).toBe("(%x: f32[3,5], %w: f32[5], %v: f32[10]) -> (out: f32[3,5])");
  });
  test("a later parameter may bind what an earlier one needs", () => {
    expect(signatureOf(lower("kernel k(w: f32[D], x: f32[..., D]) = x * w", { x: { shape: [5] } }))).toBe(
      "(%w: f32[5], %x: f32[5]) -> (out: f32[5])",
    );
  });
  test("shapes of unknown parameters are refused", () => {
    expect(lower("kernel k(weight: f32[2]) = weight", { wieght: { shape: [2] } }).diagnostics).toMatchObject([
      { code: "unknown-argument", help: "did you mean weight?" },
    ]);
  });
  test("a name like one of Object.prototype is a name like any other", () => {
    expect(
      signatureOf(
        lower("kernel k(toString: f32[2], constructor) = toString + constructor", {
          constructor: { shape: [2] },
        }),
      ),
    ).toBe("(%toString: f32[2], %constructor: f32[2]) -> (out: f32[2])");
    expect(
      lower("kernel k(x: f32[2]) = hasOwnProperty(x) + valueOf").diagnostics.map(({ code }) => code),
    ).toEqual(["unknown-name", "unknown-name"]);
  });
});

describe("dtypes", () => {
  test("the dtype option replaces f32 in tensors, also those of inlined functions, and leaves scalars alone", () => {
    const source = "fn f(a: f32[N]) = a * 2\nkernel k(x: f32[N], i: i32[N], s: f32) -> f32[N] = f(x) * s";
    expect(signatureOf(lower(source, { x: { shape: [2] } }, { dtype: "bf16" }))).toBe(
      "(%x: bf16[2], %i: i32[2], scalar %s: f32) -> (out: bf16[2])",
    );
  });
  test("2.0 makes integers floats, 2 does not", () => {
    expect(signatureOf(lower("kernel k(i: i32[2]) = (i * 2, i * 2.0, i * 4.0e9, i + true)"))).toBe(
      "(%i: i32[2]) -> (out0: i32[2], out1: f32[2], out2: f32[2], out3: i32[2])",
    );
  });
  test("a literal result takes the declared dtype", () => {
    expect(signatureOf(lower("kernel k(_x: f32[2]) -> (f16, i32[], bool) = (1, 2, true)"))).toBe(
      "(%_x: f32[2]) -> (out0: f16[], out1: i32[], out2: bool[])",
    );
  });
});

describe("mistakes", () => {
  test("a failed let poisons its name and nothing else", () => {
    const { graph, diagnostics } = lower(
      "kernel k(x: f32[2], w: f32[3]) {\n  let y = x * w\n  let z = sum(y, axis=7) + y\n  let u = sum(x, axis=1)\n  z + u\n}",
    );
    expect(graph).toBeUndefined();
    expect(diagnostics.map(({ code, span }) => [code, span?.line])).toEqual([
      ["shape-mismatch", 2],
      ["invalid-axis", 4],
    ]);
  });
  test("a mistake in a function is shown once for its calls, with the way there", () => {
    const { diagnostics } = lower(
      "fn g(a) = sum(a, axis=3)\nfn f(a) = g(a)\nkernel k(x: f32[2]) = f(x) + f(x) + g(x)",
    );
    expect(diagnostics.length).toBe(1);
    expect(diagnostics[0]?.notes.map(({ message, span }) => [message, span?.line])).toEqual([
      ["a is f32[2] here", 1],
      ["in this call of g", 2],
      ["in this call of f", 3],
    ]);
  });
  test("only what the kernel reaches counts", () => {
    const source =
      "fn broken(x) = nothing(x)\nfn used(x) = x\nkernel other(x: f32[2]) = broken(x)\nkernel k(x: f32[2]) = used(x)";
    expect(lower(source).diagnostics).toEqual([]);
    const { module } = parseModule(source, "a");
    expect(module === undefined ? [] : checkModule(module).map(({ code }) => code)).toEqual(["unknown-name"]);
  });
  test("warnings do not stop a kernel", () => {
    const { graph, diagnostics } = lower("kernel k(x: f32[2], w: f32[2]) = x");
    expect(graph).toBeDefined();
    expect(diagnostics.map(({ severity }) => severity)).toEqual(["warning"]);
  });
});

describe("functions added by joining code", () => {
  const builtins: Builtins = new Map([
    [
      "scaled",
      defineBuiltin({ x: "operand", axis: "axis?", by: "number?" }, (builder, { x, axis, by }, span) => {
        const total = builder.reduce("sum", x, { axis: axis ?? undefined, keepdims: true }, span);
        return builder.map("mul", [total, by ?? 1], span);
      }),
    ],
    [
      "split",
      defineBuiltin({ x: "operand" }, (builder, { x }) => [builder.slice(x, [0]), builder.slice(x, [1])]),
    ],
  ]);
  test("are called by name, with several results as a tuple", () => {
    const source = "kernel k(x: f32[2, 3]) {\n  let (a, b) = split(scaled(x, axis=1, by=0.5))\n  a + b\n}";
    expect(signatureOf(lower(source, {}, { builtins }))).toBe("(%x: f32[2,3]) -> (out: f32[1])");
  });
  test("are checked like any other", () => {
    const source = "kernel k(x: f32[2, 3]) = scalded(x) + scaled(x, bye=1) + scaled(x, by=x)";
    expect(lower(source, {}, { builtins }).diagnostics.map(({ help }) => help)).toEqual([
      "did you mean scaled?",
      "did you mean by?",
      "values of tensors are not known when a kernel is compiled",
    ]);
    expect(lower("kernel k(x: f32[2, 3]) = scaled(x)").diagnostics.map(({ code }) => code)).toEqual([
      "unknown-name",
    ]);
  });
  test("give way to functions of the program", () => {
    expect(signatureOf(lower("fn scaled(x) = x\nkernel k(x: f32[2]) = scaled(x)", {}, { builtins }))).toBe(
      "(%x: f32[2]) -> (out: f32[2])",
    );
  });
});

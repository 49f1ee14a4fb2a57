/** Calls that make no sense are refused where they are made, with a way out; and the registry offers what is there. */
import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { Builtins } from "../../src/frontend/text/builtins.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { groupNorm } from "../../src/library/channel-norm.ts";
import { layerNorm } from "../../src/library/layer-norm.ts";
import { norm, normExceptDim } from "../../src/library/norm.ts";
import { LIBRARY } from "../../src/library/registry.ts";
import { softmax } from "../../src/library/softmax.ts";
import { demodulate, weightNorm } from "../../src/library/weight-norm.ts";

const SPAN = { file: "user.ts", line: 3, column: 5, length: 4 };

/** What a row gives that gives one value. */
function onlyValue(built: Value | readonly Value[]): Value {
  if ("id" in built) return built;
  throw new Error("several values where one is expected");
}

type Param = readonly [dtype: DType, ...shape: readonly number[]];

/** `code: message; help`, of a call that has to be refused at SPAN. */
function refusal(params: readonly Param[], build: (b: GraphBuilder, ...xs: Value[]) => Value): string {
  const builder = createGraphBuilder("test");
  const values = params.map(([dtype, ...shape], i) => builder.param(`x${i}`, { dtype, shape }));
  try {
    build(builder, ...values);
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    const [diagnostic] = error.diagnostics;
    expect(diagnostic?.span).toEqual(SPAN);
    return `${diagnostic?.code ?? ""}: ${diagnostic?.message ?? ""}; ${diagnostic?.help ?? ""}`;
  }
  return "accepted";
}

test("a gain that does not belong to the norms", () => {
  const wn = (g: Param, dim?: number | null): string =>
    refusal([["f32", 4, 3], g], (b, v, gain) => weightNorm(b, v, gain, { dim }, SPAN));
  expect(wn(["f32", 4])).toBe(
    "shape-mismatch: weightNorm of f32[4,3] cannot take the gain f32[4]; a norm is taken for each position of axis 0: reshape g to [4,1]",
  );
  expect(wn(["f32", 4, 1], null)).toBe(
    "shape-mismatch: weightNorm of f32[4,3] cannot take the gain f32[4,1]; one norm is taken over the whole tensor: reshape g to [] or [1,1]",
  );
  expect(wn(["f32", 1, 4, 1])).toMatch(/^shape-mismatch/);
  expect(wn(["f32", 3], 1)).toBe("accepted");
  expect(wn(["f32"], 0)).toBe("accepted");
  expect(wn(["f32", 4, 1], 2)).toBe(
    "invalid-axis: dim 2 is out of range for f32[4,3]; dim runs from -2 to 1; null or -1 takes the norm of the whole tensor",
  );
  expect(wn(["f32", 4, 1], 0.5)).toMatch(/^invalid-axis/);
});

test("integers, rank 0 and empty kept axes", () => {
  expect(refusal([["i32", 3]], (b, x) => norm(b, x, {}, SPAN))).toBe(
    'dtype-mismatch: norm needs a floating-point tensor, not i32[3]; cast it first, for example to "f32"',
  );
  expect(refusal([["bool", 3]], (b, x) => softmax(b, x, {}, SPAN))).toMatch(/^dtype-mismatch: softmax/);
  expect(refusal([["f32"]], (b, x) => normExceptDim(b, x, {}, SPAN))).toBe(
    "invalid-shape: normExceptDim needs at least one dimension, not f32[]; reshape a single number to [1]",
  );
  expect(refusal([["f32", 0, 3]], (b, x) => normExceptDim(b, x, {}, SPAN))).toMatch(/^invalid-shape/);
  expect(refusal([["f32", 3]], (b, x) => norm(b, x, { ord: Number.NaN }, SPAN))).toMatch(/^invalid-value/);
  expect(refusal([["f32", 0]], (b, x) => norm(b, x, { ord: Number.POSITIVE_INFINITY }, SPAN))).toMatch(
    /^empty-reduction/,
  );
  expect(refusal([["f32", 3]], (b, x) => softmax(b, x, { axis: 1 }, SPAN))).toMatch(/^invalid-axis/);
});

test("weights and shapes of layers", () => {
  const ln = (weight: Param, normalizedShape?: readonly number[]): string =>
    refusal([["f32", 2, 8], weight], (b, x, w) => layerNorm(b, x, { weight: w, normalizedShape }, SPAN));
  expect(ln(["f32", 8])).toBe("accepted");
  expect(ln(["f32", 2])).toBe("shape-mismatch: the weight of layerNorm is f32[2]; reshape the weight to [8]");
  // Would make the result larger than x.
  expect(ln(["f32", 5, 2, 8])).toMatch(/^shape-mismatch/);
  expect(ln(["f32", 8], [2])).toBe(
    "shape-mismatch: layerNorm over [2] does not fit f32[2,8]; normalizedShape is the end of the shape of x, at least its last dimension",
  );
  const gn = (numGroups: number): string =>
    refusal([["f32", 2, 6, 5]], (b, x) => groupNorm(b, x, { numGroups }, SPAN));
  expect(gn(4)).toBe(
    "invalid-value: 4 groups do not divide the channels of f32[2,6,5]; numGroups is a divisor of 6",
  );
  expect([gn(0), gn(-1), gn(1.5)].every((text) => text.startsWith("invalid-value"))).toBe(true);
  expect(
    refusal(
      [
        ["f32", 4, 3, 2, 2],
        ["f32", 3],
      ],
      (b, w, s) => demodulate(b, w, s, {}, SPAN),
    ),
  ).toMatch(/^invalid-shape: demodulate needs a tensor \[B, I\]/);
});

test("the registry has the form of the text language's builtins and builds the same graphs", () => {
  const builtins: Builtins = LIBRARY;
  expect(builtins.size).toBeGreaterThan(25);
  for (const [name, { params }] of LIBRARY) {
    expect(new Set(params.map((param) => param.name)).size, name).toBe(params.length);
    const firstOptional = params.findIndex((param) => !param.required);
    expect(
      params.slice(firstOptional).every((param) => firstOptional < 0 || !param.required),
      name,
    ).toBe(true);
  }
  const text = (build: (b: GraphBuilder, v: Value, g: Value) => Value): string => {
    const builder = createGraphBuilder("test");
    const v = builder.param("v", { dtype: "f32", shape: [4, 3] });
    const g = builder.param("g", { dtype: "f32", shape: [] });
    return printGraph(builder.finish([{ name: "w", value: build(builder, v, g) }]));
  };
  const row = LIBRARY.get("weightNorm");
  expect(row).toBeDefined();
  if (row === undefined) return;
  expect(text((b, v, g) => onlyValue(row.build(b, { v, g, dim: null, eps: 1e-7 })))).toBe(
    text((b, v, g) => weightNorm(b, v, g, { dim: null, eps: 1e-7 })),
  );
});

test("the registry refuses arguments of another kind", () => {
  const call = (
    name: string,
    args: (x: Value) => Readonly<Record<string, Value | number | boolean | null>>,
  ): string => refusal([["f32", 3]], (b, x) => onlyValue(LIBRARY.get(name)?.build(b, args(x), SPAN) ?? x));
  expect(call("softmax", (x) => ({ x, axis: true }))).toBe(
    "wrong-argument: axis of softmax takes a number or a list of numbers, not true; write axis as a number or a list of numbers",
  );
  expect(call("weightNorm", (x) => ({ v: x }))).toBe("wrong-arity: weightNorm needs g; pass a tensor for g");
  expect(call("norm", (x) => ({ x, ord: null }))).toMatch(
    /^wrong-argument: ord of norm takes a number, not none/,
  );
  expect(call("norm", () => ({ x: 3 }))).toMatch(/^wrong-argument: x of norm takes a tensor, not 3/);
});

/**
 * Formulas written by hand as method chains and through the library give one and the same graph text, and that text does
 * not move unnoticed: kernels are cached under it.
 */
import { expect, test } from "vitest";
import { scalar } from "../../../src/frontend/trace/arguments.ts";
import { gelu } from "../../../src/frontend/trace/activation-functions.ts";
import { layerNorm, rmsNorm, softmax, weightNorm } from "../../../src/frontend/trace/library-functions.ts";
import { f16, f32, trace } from "../../../src/frontend/trace/trace.ts";
import type { TraceResult } from "../../../src/frontend/trace/trace.ts";
import type { TracedTensor } from "../../../src/frontend/trace/traced-tensor.ts";
import { parseGraph } from "../../../src/ir/parse-graph.ts";
import { printGraph } from "../../../src/ir/print-graph.ts";
import { verifyGraph } from "../../../src/ir/verify-graph.ts";
import { listGoldens, testGoldens } from "../../support/golden.ts";

interface Formula {
  readonly chain: () => TraceResult;
  readonly library: () => TraceResult;
}

type T = TracedTensor;

const FORMULAS: Readonly<Record<string, Formula>> = {
  "weight-norm": {
    chain: () =>
      trace(
        function weight_norm(v: T, g: T) {
          const n = v
            .mul(v)
            .sum({ axis: [1, 2], keepdims: true })
            .sqrt();
          return v.mul(g.div(n));
        },
        [f32(64, 3, 3), f32(64, 1, 1)],
      ),
    library: () =>
      trace(
        function weight_norm(v: T, g: T) {
          return weightNorm(v, g);
        },
        [f32(64, 3, 3), f32(64, 1, 1)],
      ),
  },
  "layer-norm": {
    chain: () =>
      trace(
        function layer_norm(x: T, weight: T, bias: T) {
          const row = { axis: -1, keepdims: true };
          const c = x.sub(x.mean(row));
          return c.mul(c.mul(c).mean(row).add(1e-5).rsqrt()).mul(weight).add(bias);
        },
        [f32(8, 256), f32(256), f32(256)],
      ),
    library: () =>
      trace(
        function layer_norm(x: T, weight: T, bias: T) {
          return layerNorm(x, { weight, bias });
        },
        [f32(8, 256), f32(256), f32(256)],
      ),
  },
  "rms-norm": {
    chain: () =>
      trace(
        function rms_norm(x: T, weight: T, eps: T) {
          return x.mul(x.mul(x).mean({ axis: -1, keepdims: true }).add(eps).rsqrt()).mul(weight);
        },
        [f32(2, 5, 64), f32(64), scalar(1e-6)],
      ),
    library: () =>
      trace(
        function rms_norm(x: T, weight: T, eps: T) {
          return rmsNorm(x, { weight, eps });
        },
        [f32(2, 5, 64), f32(64), scalar(1e-5)],
      ),
  },
  softmax: {
    chain: () =>
      trace(
        function softmax_rows(x: T) {
          const e = x.sub(x.max({ axis: 1, keepdims: true })).exp();
          return e.div(e.sum({ axis: 1, keepdims: true }));
        },
        [f32(4, 1000)],
      ),
    library: () =>
      trace(
        function softmax_rows(x: T) {
          return softmax(x);
        },
        [f32(4, 1000)],
      ),
  },
  "gelu-tanh": {
    chain: () =>
      trace(
        function gelu_tanh(x: T) {
          const half = x.mul(0.5);
          const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
          return half.mul(inner.tanh().add(1));
        },
        [f16(1024)],
      ),
    library: () =>
      trace(
        function gelu_tanh(x: T) {
          return gelu(x, { approximate: "tanh" });
        },
        [f16(1024)],
      ),
  },
};

const findFormula = (name: string | undefined): Formula => {
  const formula = FORMULAS[name ?? ""];
  if (formula === undefined) throw new Error(`no formula ${String(name)}`);
  return formula;
};

testGoldens("frontend/trace", (golden) => {
  const { library } = findFormula(golden.header.get("formula")?.[0]);
  return printGraph(library().graph);
});

test("every formula has a golden", () => {
  const covered = listGoldens("frontend/trace").map((golden) => golden.header.get("formula")?.[0]);
  expect([...covered].sort()).toEqual(Object.keys(FORMULAS).sort());
});

/** Operand order of commutative ops and the place of constants are left to the canonicalize pass. */
const normalize = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) =>
      line
        .replace(/%\d+/g, "%")
        .replace(
          /(add|mul) (%\w*), (%\w*)/,
          (_, fn: string, ...pair) => `${fn} ${pair.slice(0, 2).sort().join(", ")}`,
        ),
    )
    .sort();

for (const [name, { chain, library }] of Object.entries(FORMULAS)) {
  test(`${name}: the chain and the library make the same nodes`, () => {
    expect(normalize(printGraph(chain().graph))).toEqual(normalize(printGraph(library().graph)));
  });
  test(`${name}: tracing twice gives the same text, which reads back`, () => {
    const text = printGraph(library().graph);
    expect(printGraph(library().graph)).toBe(text);
    expect(printGraph(parseGraph(text))).toBe(text);
    expect(verifyGraph(library().graph)).toEqual([]);
  });
}

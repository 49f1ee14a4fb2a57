/**
 * The kernels of sources/norms.ts again, traced: whatever a built module computes is held to the oracle on these graphs, and
 * its WGSL to theirs. With inputs that JSON can carry into a browser.
 */
import { expect } from "vitest";
import {
  f16,
  f32,
  groupNorm,
  max,
  mean,
  norm,
  scalar,
  sum,
  trace,
  where,
  type Graph,
  type TracedTensor,
} from "../../src/index.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { compareToOracle } from "../support/compare-to-oracle.ts";

export const SOURCE = "test/aot/sources/norms.ts";

type T = TracedTensor;
const ROW = { axis: 1, keepdims: true } as const;

const TRACED = {
  weightNorm: (v: T, g: T) => g.mul(v).div(norm(v, { axis: [1, 2], keepdims: true })),
  l2Normalize: (x: T) => {
    const length = sum(x.pow(2), ROW).sqrt();
    return x.div(where(length.gt(1e-12), length, 1e-12));
  },
  rmsNorm: (x: T, w: T, eps: T) => x.div(mean(x.pow(2), ROW).add(eps).sqrt()).mul(w),
  layerNorm: (x: T) => {
    const centred = x.sub(mean(x, ROW));
    const variance = mean(centred.mul(centred), ROW);
    return { y: centred.div(variance.add(1e-5).sqrt()), variance };
  },
  softmax: (x: T) => {
    const e = x.sub(max(x, ROW)).exp();
    return [e.div(sum(e, ROW))];
  },
  groupNorm: (x: T, weight: T, bias: T) => groupNorm(x, { numGroups: 2, weight, bias }),
};

export interface NormCase {
  readonly name: string;
  readonly variant: number;
  readonly graph: () => Graph;
}

export const NORM_CASES: readonly NormCase[] = [
  {
    name: "weightNorm",
    variant: 0,
    graph: () => trace(TRACED.weightNorm, [f32(8, 16, 3), f32(8, 1, 1)]).graph,
  },
  {
    name: "weightNorm",
    variant: 1,
    graph: () => trace(TRACED.weightNorm, [f16(4, 4, 7), f16(4, 1, 1)]).graph,
  },
  { name: "l2Normalize", variant: 0, graph: () => trace(TRACED.l2Normalize, [f32(4, 33)]).graph },
  {
    name: "rmsNorm",
    variant: 0,
    graph: () => trace(TRACED.rmsNorm, [f32(4, 32), f32(32), scalar(1e-6)]).graph,
  },
  { name: "layerNorm", variant: 0, graph: () => trace(TRACED.layerNorm, [f32(4, 32)]).graph },
  { name: "softmax", variant: 0, graph: () => trace(TRACED.softmax, [f32(2, 16)]).graph },
  {
    name: "groupNorm",
    variant: 0,
    graph: () => trace(TRACED.groupNorm, [f32(2, 4, 6), f32(4), f32(4)]).graph,
  },
];

/** A call of a kernel of the built module, as JSON. */
export interface BuiltCall {
  readonly name: string;
  readonly inputs: readonly { readonly shape: readonly number[]; readonly values: readonly number[] }[];
  readonly scalars: Readonly<Record<string, number>>;
}

/** Of its results, in order. */
export type BuiltResult = readonly (readonly number[])[];

const EPS = 1e-3; // not the default

/** A call for each kernel in f32. */
export const BUILT_CALLS: readonly BuiltCall[] = NORM_CASES.filter(({ variant }) => variant === 0).map(
  ({ name, graph }) => {
    const { nodes } = graph();
    const inputs = nodes
      .filter((node) => node.op === "param")
      .map(({ type: { shape } }, position) => ({
        shape,
        values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
          Math.fround(Math.sin(1 + i * (position + 1.5)) * (1 + (i % 7))),
        ),
      }));
    return { name, inputs, scalars: name === "rmsNorm" ? { eps: EPS } : {} };
  },
);

/** Holds the results of a call to the oracle, element by element. */
export function expectRight({ name, inputs, scalars }: BuiltCall, results: BuiltResult): void {
  const graph = NORM_CASES.find((one) => one.name === name)?.graph();
  if (graph === undefined) throw new Error(`no kernel ${name}`);
  let position = 0;
  const given = graph.nodes.flatMap((node): (readonly [string, readonly number[]])[] => {
    if (node.op === "param") return [[node.name, inputs[position++]?.values ?? []]];
    return node.op === "scalar" ? [[node.name, [scalars["eps"] ?? Number.NaN]]] : [];
  });
  const wanted = [...interpretGraph(graph, new Map(given), { bounds: true }).values()];
  expect(results, name).toHaveLength(wanted.length);
  for (const [i, want] of wanted.entries()) {
    const { mismatches, excluded } = compareToOracle(results[i] ?? [], want);
    expect({ name, mismatches, excluded }).toEqual({ name, mismatches: [], excluded: 0 });
  }
}

/**
 * Hand-written kernels as plans, and the graphs that say what they compute.
 *
 * A folder of kernels has a `cases.json`: per workload (f32) an op, a shape, reduced axes, eps, and the dispatches in
 * order, each with its WGSL file, workgroups and the names of its bindings (group 0).
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  f32,
  gelu,
  layerNorm,
  rmsNorm,
  softmax,
  trace,
  type Graph,
  type Plan,
  type TracedTensor,
} from "tensorweft";
import { bufferBytes } from "../src/ir/plan.ts";

export interface HandCase {
  readonly op: string;
  readonly shape: readonly number[];
  readonly axes?: readonly number[];
  readonly eps: number;
  readonly outputs: readonly string[];
  readonly scratchBytes: Readonly<Record<string, number>>;
  readonly dispatches: readonly {
    readonly file: string;
    readonly workgroups: readonly [number, number, number];
    readonly bindings: readonly string[];
  }[];
}

/** Whoever runs the race chose the folder: its format is taken on trust, and a missing file fails by its name. */
export const readCases = (folder: string): Readonly<Record<string, HandCase>> =>
  JSON.parse(readFileSync(join(folder, "cases.json"), "utf8")) as Readonly<Record<string, HandCase>>;

type Extent = "whole" | "kept" | "last";
interface Definition {
  /** Names as in the bindings, and which axes of the shape each has: all, those that are not reduced, the last. */
  readonly params: Readonly<Record<string, Extent>>;
  readonly formula: (handCase: HandCase) => (...tensors: TracedTensor[]) => readonly TracedTensor[];
}

const over = ({ axes = [-1] }: HandCase): { readonly axis: readonly number[]; readonly keepdims: true } => ({
  axis: axes,
  keepdims: true,
});

const DEFINITIONS: Readonly<Record<string, Definition>> = {
  weight_norm: {
    params: { v: "whole", g: "kept" },
    formula: (c) => (v, g) => [g.mul(v).div(v.mul(v).sum(over(c)).sqrt())],
  },
  weight_norm_bwd: {
    params: { v: "whole", g: "kept", dw: "whole" },
    formula: (c) => (v, g, dw) => {
      const square = v.mul(v).sum(over(c));
      const inner = v.mul(dw).sum(over(c));
      const length = square.sqrt();
      const dv = g.div(length).mul(dw.sub(v.mul(inner.div(square))));
      return [dv, inner.div(length)];
    },
  },
  l2norm: { params: { x: "whole" }, formula: (c) => (x) => [x.mul(x).sum(over(c)).sqrt()] },
  softmax: { params: { x: "whole" }, formula: () => (x) => [softmax(x)] },
  layer_norm: {
    params: { x: "whole", gamma: "last", beta: "last" },
    formula:
      ({ eps }) =>
      (x, weight, bias) => [layerNorm(x, { weight, bias, eps })],
  },
  rms_norm: {
    params: { x: "whole", gamma: "last" },
    formula:
      ({ eps }) =>
      (x, weight) => [rmsNorm(x, { weight, eps })],
  },
  gelu_chain: {
    params: { x: "whole", a: "last", b: "last", c: "last" },
    formula: () => (x, a, b, c) => [gelu(x.mul(a).add(b)).mul(c).add(x)],
  },
};

function shapeOf({ shape, axes = [] }: HandCase, extent: Extent): readonly number[] {
  if (extent === "last") return shape.slice(-1);
  return extent === "whole" ? shape : shape.map((length, d) => (axes.includes(d) ? 1 : length));
}

/** The graph of a case; its inputs have the names of the bindings, its results stand in the order of `outputs`. */
export function graphOf(name: string, handCase: HandCase): Graph {
  const definition = DEFINITIONS[handCase.op];
  if (definition === undefined) throw new Error(`${name}: the race knows no op "${handCase.op}"`);
  const { params, formula } = definition;
  const types = Object.values(params).map((extent) => f32(...shapeOf(handCase, extent)));
  return trace(formula(handCase), types, { name, parameterNames: Object.keys(params), locate: false }).graph;
}

/** The hand-written kernels as a plan with the inputs and outputs of ours. */
export function handPlan(folder: string, name: string, handCase: HandCase, ours: Plan): Plan {
  const buffers = [
    ...ours.inputs.map((input, index) => ({ name: input.name, buffer: { kind: "input", index } as const })),
    ...handCase.outputs.map((output, index) => ({
      name: output,
      buffer: { kind: "output", index } as const,
    })),
    ...Object.entries(handCase.scratchBytes).map(([scratch, bytes]) => ({
      name: scratch,
      buffer: { kind: "temporary", bytes: bufferBytes(bytes / 4, 4) } as const,
    })),
  ];
  const bytesOf = (position: number): number => {
    const buffer = buffers[position]?.buffer;
    if (buffer?.kind === "temporary") return buffer.bytes;
    const list = buffer?.kind === "input" ? ours.inputs : ours.outputs;
    const shape = list[buffer?.index ?? 0]?.shape ?? [];
    return bufferBytes(
      shape.reduce((n, d) => n * d, 1),
      4,
    );
  };
  const positions = handCase.dispatches.map(({ bindings }) =>
    bindings.map((binding) => {
      const position = buffers.findIndex((known) => known.name === binding);
      if (position < 0) throw new Error(`${name}: no tensor is called "${binding}"`);
      return position;
    }),
  );
  return {
    ...ours,
    name: `${name} by hand`,
    buffers: buffers.map(({ buffer }) => buffer),
    kernels: handCase.dispatches.map(({ file }, index) => {
      const wgsl = readFileSync(join(folder, file), "utf8");
      return {
        name: file,
        wgsl,
        entryPoint: "main",
        bindings: (positions[index] ?? []).map((position, binding) => ({
          access: accessOf(wgsl, binding),
          bytes: bytesOf(position),
        })),
        scalars: [],
        features: [],
      };
    }),
    steps: handCase.dispatches.map(({ workgroups }, kernel) => ({
      kind: "dispatch",
      kernel,
      buffers: positions[kernel] ?? [],
      workgroups,
    })),
  };
}

/** Scratch is written by one kernel and only read by the next: the text says which. */
const accessOf = (wgsl: string, binding: number): "read" | "read_write" =>
  new RegExp(`@binding\\(${String(binding)}\\)\\s*var<storage,\\s*read_write>`).test(wgsl)
    ? "read_write"
    : "read";

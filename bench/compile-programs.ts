/** Programs whose compilation is timed: the shapes of graph that stress different passes. */
import { add, f32, layerNorm, mul, sigmoid, tanh, trace, type Graph, type TracedTensor } from "tensorweft";

export interface CompileProgram {
  readonly name: string;
  readonly graph: Graph;
  /** The most that a warm compilation may take, where the project has a goal. */
  readonly goalMs?: number;
}

const BUDGET_MS = 100;

/** No two neighbours cancel, so that simplification cannot shorten the chain. */
function chain(x: TracedTensor, ops: number): TracedTensor {
  let y = x;
  for (let i = 0; i < ops; i++) y = i % 3 === 0 ? tanh(y) : i % 3 === 1 ? y.mul(x) : y.add(x);
  return y;
}

/** Columns of ops that meet pairwise: every value has two users, and the groups could merge in many ways. */
function wide(x: TracedTensor, width: number, depth: number): TracedTensor {
  let layer = Array.from({ length: width }, (_, i) => mul(x, i + 1.5));
  for (let d = 0; d < depth; d++)
    layer = layer.map((y, i) => add(i % 2 === 0 ? tanh(y) : sigmoid(y), layer[(i + 1) % width] ?? y));
  return layer.reduce((total, y) => total.add(y));
}

function reductions(x: TracedTensor, count: number): TracedTensor {
  let y = x;
  for (let i = 0; i < count; i++)
    y = y.div(
      y
        .abs()
        .sum({ axis: i % 2, keepdims: true })
        .add(1),
    );
  return y;
}

const graphOf = (
  name: string,
  fn: (x: TracedTensor) => TracedTensor,
  shape: readonly number[] = [256, 512],
): Graph => trace(fn, [f32(...shape)], { name, parameterNames: ["x"], locate: false }).graph;

export function compilePrograms(): readonly CompileProgram[] {
  return [
    { name: "pointwise chain, 300 ops", graph: graphOf("chain", (x) => chain(x, 300)), goalMs: BUDGET_MS },
    {
      name: "30 layer norms in sequence",
      graph: graphOf("layer_norms", (x) => {
        let y = x;
        for (let i = 0; i < 30; i++) y = layerNorm(y).mul(1.5);
        return y;
      }),
      goalMs: BUDGET_MS,
    },
    { name: "wide DAG, 20 columns", graph: graphOf("wide", (x) => wide(x, 20, 6)), goalMs: BUDGET_MS },
    {
      name: "60 reductions, rows and columns in turn",
      graph: graphOf("reductions", (x) => reductions(x, 60)),
      goalMs: BUDGET_MS,
    },
    { name: "pointwise chain, 20,000 ops", graph: graphOf("long_chain", (x) => chain(x, 20_000)) },
  ];
}

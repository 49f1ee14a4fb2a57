/** Derivatives of whole graphs, for tests: by the transform, and by differences of the oracle's values in float64. */
import { pullBack } from "../../src/autodiff/pull-back.ts";
import { isFloat } from "../../src/ir/dtype.ts";
import type { TensorType } from "../../src/ir/dtype.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, Value } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { nodeAt } from "../../src/ir/graph.ts";
import type { Graph, GraphResult } from "../../src/ir/graph.ts";
import { inlineGraph } from "./inline-graph.ts";
import { choiceGraph, isNearKink } from "./kinks.ts";

export type Inputs = ReadonlyMap<string, Float64Array>;

/** A computation that can be put into any graph. Marks of derivatives last as long as all is built in one. */
export interface Program {
  readonly name: string;
  readonly inputs: ReadonlyMap<string, TensorType>;
  readonly build: (builder: GraphBuilder, inputs: ReadonlyMap<string, Value>) => ReadonlyMap<string, Value>;
}

export const programOf = (graph: Graph): Program => ({
  name: graph.name,
  inputs: new Map(
    graph.nodes.flatMap((node) =>
      node.op === "param" || node.op === "scalar" ? [[node.name, node.type] as const] : [],
    ),
  ),
  build: (builder, inputs) => inlineGraph(builder, graph, inputs),
});

/** The program as a graph of its own. */
export function finishProgram({ name, inputs, build }: Program): Graph {
  const builder = createGraphBuilder(name);
  const params = new Map([...inputs].map(([input, type]) => [input, builder.param(input, type)]));
  return builder.finish([...build(builder, params)].map(([result, value]) => ({ name: result, value })));
}

/** Inputs that can be differentiated by. */
export const floatInputs = ({ inputs }: Program): readonly string[] =>
  [...inputs].flatMap(([name, { dtype }]) => (isFloat(dtype) ? [name] : []));

const floatResults = (graph: Graph): readonly GraphResult[] =>
  graph.results.filter(({ node }) => isFloat(graph.nodes[node]?.type.dtype ?? "bool"));

/**
 * The gradients of sum(result * up_result) over all float results, by all float inputs: inputs are those of the program
 * and `up_<result>`, results `grad_<input>`.
 */
export function gradientOf(program: Program): Program {
  const wrt = floatInputs(program);
  const forward = finishProgram(program);
  const seeded = floatResults(forward).map(
    ({ name, node }) => [name, nodeAt(forward, node).type.shape] as const,
  );
  return {
    name: `${program.name}_gradient`,
    inputs: new Map([
      ...program.inputs,
      ...seeded.map(([name, shape]): [string, TensorType] => [`up_${name}`, { dtype: "f32", shape }]),
    ]),
    build: (builder, inputs) => {
      const given = new Map(inputs);
      const variables = wrt.map((name) => {
        const variable = builder.variable(inputs.get(name) ?? 0);
        given.set(name, variable);
        return variable;
      });
      const results = program.build(builder, given);
      const seeds = seeded.flatMap(([name]) => {
        const [value, cotangent] = [results.get(name), inputs.get(`up_${name}`)];
        return value === undefined || cotangent === undefined ? [] : [{ value, cotangent }];
      });
      const gradients = pullBack(builder, seeds, variables);
      return new Map(
        wrt.map((name, i) => {
          const { dtype, shape } = program.inputs.get(name) ?? { dtype: "f32", shape: [] };
          return [`grad_${name}`, builder.cast(gradients[i] ?? builder.constant(0, "f32", shape), dtype)];
        }),
      );
    },
  };
}

/** sum(result * upstream) over all float results, in float64, with a bound on its rounding there. */
function contract(graph: Graph, inputs: Inputs, upstream: Inputs): Contracted {
  const results = interpretGraph(graph, inputs, { bounds: true, rounded: false });
  let value = 0;
  let error = 0;
  for (const { name } of floatResults(graph)) {
    const { values, bounds } = results.get(name) ?? { values: new Float64Array(), bounds: undefined };
    const up = upstream.get(`up_${name}`);
    values.forEach((x, i) => {
      value += x * (up?.[i] ?? 0);
      // Bounds are proportional to the precision: float64 has 29 bits more than f32.
      error += Math.abs(up?.[i] ?? 0) * ((bounds?.[i] ?? 0) * 2 ** -29 + Math.abs(x) * 2 ** -50);
    });
  }
  return { value, error };
}

/** What central differences say of a gradient, and the gradient. */
export interface DerivativeCheck {
  /** The derivative along a random direction, by the transform and by differences. */
  readonly transform: number;
  readonly differences: number;
  /** How far the two may lie apart: the oracle's bound of the gradient, rounding and truncation of the differences. */
  readonly tolerance: number;
  /** Sum of the magnitudes that the derivative along the direction is made of. */
  readonly scale: number;
}

/** Of the differences, and of others that they are judged by. */
const STEPS = [2 ** -11, 2 ** -13];

interface Contracted {
  readonly value: number;
  readonly error: number;
}

/** The derivative from values at h, -h, h/2, -h/2; undefined where these do not resolve the function. */
function extrapolate(
  h: number,
  a: Contracted,
  b: Contracted,
  c: Contracted,
  d: Contracted,
): Contracted | undefined {
  const coarse = (a.value - b.value) / (2 * h);
  const fine = (c.value - d.value) / h;
  if (!isResolved(coarse, fine)) return undefined;
  // Richardson: the error of both is one of h^2, and what is left after taking it away is smaller than their difference.
  const truncation = Math.abs(coarse - fine);
  const rounding = (2 * (a.error + b.error + c.error + d.error)) / h;
  return { value: (4 * fine - coarse) / 3, error: truncation + rounding };
}

/**
 * Compares along a random direction; undefined where differences say nothing: at a kink, where the step does not resolve
 * the function, where nothing is finite.
 */
export function checkDerivative(
  program: Program,
  inputs: Inputs,
  random: () => number,
): DerivativeCheck | undefined {
  const graph = finishProgram(program);
  const upstream = drawUpstream(graph, inputs, random);
  const gradients = interpretGraph(finishProgram(gradientOf(program)), new Map([...inputs, ...upstream]), {
    bounds: true,
    rounded: false,
  });
  let transform = 0;
  let bound = 0;
  let scale = 0;
  const direction = new Map<string, Float64Array>();
  for (const name of floatInputs(program)) {
    const { values, bounds } = gradients.get(`grad_${name}`) ?? {
      values: new Float64Array(),
      bounds: undefined,
    };
    const along = Float64Array.from(values, (value, i) => {
      const isKnown = Number.isFinite(value) && Number.isFinite(bounds?.[i]);
      const step = isKnown ? 2 * random() - 1 : 0;
      if (!isKnown) return 0;
      transform += value * step;
      scale += Math.abs(value * step);
      bound += Math.abs(step) * (bounds?.[i] ?? 0);
      return step;
    });
    direction.set(name, along);
  }
  const move = (h: number): Inputs =>
    new Map(
      [...inputs].map(([name, x]) => [
        name,
        x.map((value, i) => value + h * (direction.get(name)?.[i] ?? 0)),
      ]),
    );
  const points = STEPS.map((h) => [h, -h, h / 2, -h / 2].map(move));
  if (isNearKink(choiceGraph(graph), [inputs, ...points.flat()])) return undefined;
  const [wide, narrow] = points.map((four, i) => {
    const [a, b, c, d] = four.map((point) => contract(graph, point, upstream));
    return a && b && c && d ? extrapolate(STEPS[i] ?? 1, a, b, c, d) : undefined;
  });
  if (wide === undefined || narrow === undefined) return undefined;
  // A wrong derivative lies off whatever the step is; differences that say little change with it.
  const { value: differences, error } = wide;
  const tolerance = bound + error + Math.abs(wide.value - narrow.value);
  return Number.isFinite(tolerance) ? { transform, differences, tolerance, scale } : undefined;
}

/**
 * Whether halving the step hardly changes the quotient. Near a pole or a step that is narrower than ours it does, by a half
 * or more: such functions fall off as powers of the distance.
 */
const isResolved = (coarse: number, fine: number): boolean => Math.abs(coarse - fine) <= Math.abs(fine) / 16;

/** A random cotangent for each float result; 0 where the oracle says nothing of the element. */
function drawUpstream(graph: Graph, inputs: Inputs, random: () => number): Inputs {
  const results = interpretGraph(graph, inputs, { bounds: true });
  return new Map(
    floatResults(graph).map(({ name }) => {
      const { values, bounds } = results.get(name) ?? { values: new Float64Array(), bounds: undefined };
      const draw = (value: number, i: number): number =>
        Number.isFinite(value) && Number.isFinite(bounds?.[i]) ? Math.fround(2 * random() - 1) : 0;
      return [`up_${name}`, Float64Array.from(values, draw)];
    }),
  );
}

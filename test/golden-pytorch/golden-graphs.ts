/**
 * The graph of a golden case: PyTorch's op as a call of the library, with PyTorch's argument names turned into ours.
 */
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, ReduceOptions, Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { adain, globalResponseNorm } from "../../src/library/channel-norm.ts";
import { layerNorm } from "../../src/library/layer-norm.ts";
import { mean, std, variance } from "../../src/library/moments.ts";
import {
  cosineSimilarity,
  norm,
  normalize,
  normExceptDim,
  pixelNorm,
  scaleNorm,
} from "../../src/library/norm.ts";
import { logSoftmax, logsumexp, softmax } from "../../src/library/softmax.ts";
import {
  centeredWeightNorm,
  demodulate,
  weightNorm,
  weightStandardize,
} from "../../src/library/weight-norm.ts";
import type { Attribute, GoldenCase } from "./golden-data.ts";

/** Arguments of a case, read by PyTorch's names. */
interface Arguments {
  readonly tensor: (name: string) => Value;
  readonly optional: (name: string) => Value | undefined;
  readonly number: (name: string) => number;
  readonly dim: (name: string) => number | null;
  readonly reduce: () => ReduceOptions;
}

type Build = (b: GraphBuilder, a: Arguments) => Value;

const BUILDS: Readonly<Record<string, Build>> = {
  vector_norm: (b, a) => norm(b, a.tensor("x"), { ...a.reduce(), ord: a.number("ord") }),
  norm_except_dim: (b, a) => normExceptDim(b, a.tensor("v"), { pow: a.number("pow"), dim: a.dim("dim") }),
  weight_norm: (b, a) => weightNorm(b, a.tensor("v"), a.tensor("g"), { dim: a.dim("dim") }),
  weight_norm_eps: (b, a) =>
    weightNorm(b, a.tensor("v"), a.tensor("g"), { dim: a.dim("dim"), eps: a.number("eps") }),
  layer_norm: (b, a) => {
    const x = a.tensor("x");
    const normalizedShape = x.type.shape.slice(-a.number("normalized_ndim"));
    return layerNorm(b, x, {
      normalizedShape,
      weight: a.optional("weight"),
      bias: a.optional("bias"),
      eps: a.number("eps"),
    });
  },
  softmax: (b, a) => softmax(b, a.tensor("x"), { axis: a.number("dim") }),
  log_softmax: (b, a) => logSoftmax(b, a.tensor("x"), { axis: a.number("dim") }),
  logsumexp: (b, a) => logsumexp(b, a.tensor("x"), a.reduce()),
  normalize: (b, a) =>
    normalize(b, a.tensor("x"), { p: a.number("p"), axis: a.number("dim"), eps: a.number("eps") }),
  cosine_similarity: (b, a) =>
    cosineSimilarity(b, a.tensor("a"), a.tensor("b"), { axis: a.number("dim"), eps: a.number("eps") }),
  var: (b, a) => variance(b, a.tensor("x"), { ...a.reduce(), correction: a.number("correction") }),
  std: (b, a) => std(b, a.tensor("x"), { ...a.reduce(), correction: a.number("correction") }),
  sum: (b, a) => b.reduce("sum", a.tensor("x"), a.reduce()),
  mean: (b, a) => mean(b, a.tensor("x"), a.reduce()),
  prod: (b, a) => b.reduce("prod", a.tensor("x"), a.reduce()),
  amax: (b, a) => b.reduce("max", a.tensor("x"), a.reduce()),
  amin: (b, a) => b.reduce("min", a.tensor("x"), a.reduce()),
  weight_standardization: (b, a) =>
    weightStandardize(b, a.tensor("w"), { gain: a.optional("gain"), eps: a.number("eps") }),
  centered_weight_norm: (b, a) => centeredWeightNorm(b, a.tensor("v"), a.tensor("g")),
  global_response_norm: (b, a) =>
    globalResponseNorm(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), { eps: a.number("eps") }),
  scale_norm: (b, a) => scaleNorm(b, a.tensor("x"), a.tensor("g"), { eps: a.number("eps") }),
  pixel_norm: (b, a) => pixelNorm(b, a.tensor("x"), { eps: a.number("eps") }),
  demodulate: (b, a) => demodulate(b, a.tensor("w"), a.tensor("s"), { eps: a.number("eps") }),
  adain: (b, a) => adain(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), { eps: a.number("eps") }),
};

/** The ops for which there is a graph; a case of another op is a failure, not a skip. */
export const GOLDEN_OPS: readonly string[] = Object.keys(BUILDS);

/** Throws what the library throws where it refuses the call. The result bears the name of the case's only output. */
export function buildGoldenGraph(golden: GoldenCase): Graph {
  const build = BUILDS[golden.op];
  if (build === undefined) throw new Error(`${golden.id}: no graph for op ${golden.op}`);
  const builder = createGraphBuilder(golden.op);
  const values = new Map<string, Value>();
  for (const [name, tensor] of golden.inputs)
    if (tensor !== null) values.set(name, builder.param(name, { dtype: "f32", shape: tensor.shape }));
  const value = build(builder, readArguments(golden, values));
  return builder.finish([{ name: golden.outputs[0]?.name ?? "y", value }]);
}

function readArguments(golden: GoldenCase, values: ReadonlyMap<string, Value>): Arguments {
  const refuse = (name: string): never => {
    throw new Error(`${golden.id}: argument ${name} is missing or of another kind`);
  };
  const attribute = (name: string): Attribute => golden.attributes.get(name) ?? null;
  const number = (name: string): number => {
    const value = attribute(name);
    return typeof value === "number" ? value : refuse(name);
  };
  return {
    tensor: (name) => values.get(name) ?? refuse(name),
    optional: (name) => values.get(name),
    number,
    dim: (name) => (attribute(name) === null ? null : number(name)),
    reduce: () => {
      const axes = attribute("axes");
      if (typeof axes === "number" || typeof axes === "boolean") return refuse("axes");
      return { axis: axes ?? undefined, keepdims: attribute("keepdim") === true };
    },
  };
}

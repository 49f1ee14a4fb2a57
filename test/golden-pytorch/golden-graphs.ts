/**
 * The graph of a golden case: PyTorch's op as a call of the library, with PyTorch's argument names turned into ours.
 */
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder, ReduceOptions, Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { batchNorm, batchNormTraining, instanceNormTraining } from "../../src/library/batch-norm.ts";
import type { TrainingNorm } from "../../src/library/batch-norm.ts";
import { adain, globalResponseNorm, groupNorm, instanceNorm } from "../../src/library/channel-norm.ts";
import { layerNorm, rmsNorm } from "../../src/library/layer-norm.ts";
import { localResponseNorm } from "../../src/library/local-response-norm.ts";
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
import { spectralNorm } from "../../src/library/spectral-norm.ts";
import {
  centeredWeightNorm,
  demodulate,
  weightNorm,
  weightStandardize,
} from "../../src/library/weight-norm.ts";
import type { Attribute, GoldenCase } from "./golden-data.ts";
import { applyModule } from "./torch-modules.ts";

/** Arguments of a case, read by PyTorch's names. */
interface Arguments {
  readonly tensor: (name: string) => Value;
  readonly optional: (name: string) => Value | undefined;
  readonly number: (name: string) => number;
  readonly flag: (name: string) => boolean;
  readonly attribute: (name: string) => Attribute;
  readonly text: (name: string) => string;
  readonly hasOutput: (name: string) => boolean;
  readonly dim: (name: string) => number | null;
  readonly reduce: () => ReduceOptions;
}

/** One value, or several by the names of the case's outputs. */
type Built = Value | Readonly<Record<string, Value>>;
type Build = (b: GraphBuilder, a: Arguments) => Built;

const readAffine = (a: Arguments) => ({
  weight: a.optional("weight"),
  bias: a.optional("bias"),
  eps: a.number("eps"),
});
const readTraining = (a: Arguments) => ({
  ...readAffine(a),
  runningMean: a.optional("running_mean"),
  runningVar: a.optional("running_var"),
  momentum: a.number("momentum"),
});
const nameTraining = ({ y, runningMean, runningVar }: TrainingNorm): Built => ({
  y,
  new_running_mean: runningMean,
  new_running_var: runningVar,
});
const trailing = (x: Value, a: Arguments): readonly number[] =>
  x.type.shape.slice(-a.number("normalized_ndim"));

const BUILDS: Readonly<Record<string, Build>> = {
  vector_norm: (b, a) => norm(b, a.tensor("x"), { ...a.reduce(), ord: a.number("ord") }),
  norm_except_dim: (b, a) => normExceptDim(b, a.tensor("v"), { pow: a.number("pow"), dim: a.dim("dim") }),
  weight_norm: (b, a) => ({
    w: weightNorm(b, a.tensor("v"), a.tensor("g"), { dim: a.dim("dim") }),
    ...(a.hasOutput("norm") ? { norm: normExceptDim(b, a.tensor("v"), { dim: a.dim("dim") }) } : {}),
  }),
  weight_norm_eps: (b, a) =>
    weightNorm(b, a.tensor("v"), a.tensor("g"), { dim: a.dim("dim"), eps: a.number("eps") }),
  layer_norm: (b, a) => {
    const x = a.tensor("x");
    return layerNorm(b, x, { normalizedShape: trailing(x, a), ...readAffine(a) });
  },
  rms_norm: (b, a) => {
    const x = a.tensor("x");
    return rmsNorm(b, x, { normalizedShape: trailing(x, a), ...readAffine(a) });
  },
  group_norm: (b, a) => groupNorm(b, a.tensor("x"), { numGroups: a.number("num_groups"), ...readAffine(a) }),
  instance_norm: (b, a) => {
    const x = a.tensor("x");
    if (!a.flag("use_input_stats"))
      return batchNorm(b, x, a.tensor("running_mean"), a.tensor("running_var"), readAffine(a));
    if (a.optional("running_mean") === undefined) return instanceNorm(b, x, readAffine(a));
    return nameTraining(instanceNormTraining(b, x, readTraining(a)));
  },
  batch_norm: (b, a) =>
    a.flag("training")
      ? nameTraining(batchNormTraining(b, a.tensor("x"), readTraining(a)))
      : batchNorm(b, a.tensor("x"), a.tensor("running_mean"), a.tensor("running_var"), readAffine(a)),
  local_response_norm: (b, a) =>
    localResponseNorm(b, a.tensor("x"), {
      size: a.number("size"),
      alpha: a.number("alpha"),
      beta: a.number("beta"),
      k: a.number("k"),
    }),
  spectral_norm: (b, a) => {
    const { y, sigma, u, v } = spectralNorm(b, a.tensor("w"), a.tensor("u"), a.tensor("v"), {
      dim: a.number("dim"),
      nPowerIterations: a.number("n_power_iterations"),
      eps: a.number("eps"),
    });
    return { y, sigma, new_u: u, new_v: v };
  },
  weight_norm_module: (b, a) => {
    const dim = a.dim("dim");
    const weight = weightNorm(b, a.tensor("weight_v"), a.tensor("weight_g"), { dim });
    return {
      initial_weight_g: normExceptDim(b, a.tensor("initial_weight"), { dim }),
      weight,
      y: applyModule(b, a.text("module"), a.attribute("args"), {
        x: a.tensor("x"),
        weight,
        bias: a.tensor("bias"),
      }),
    };
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

/** The results of `buildGoldenGraph` that are the 16-bit ones before they are stored: in f32. */
export const UNROUNDED = "_f32";

/**
 * Throws what the library throws where it refuses the call. Results bear the names of the case's outputs; one in 16 bits
 * comes again in f32, under its name and UNROUNDED.
 */
export function buildGoldenGraph(golden: GoldenCase): Graph {
  const build = BUILDS[golden.op];
  if (build === undefined) throw new Error(`${golden.id}: no graph for op ${golden.op}`);
  const builder = createGraphBuilder(golden.op);
  const values = new Map<string, Value>();
  for (const [name, input] of golden.inputs)
    if (input !== null) values.set(name, builder.param(name, { dtype: input.dtype, shape: input.shape }));
  const built = build(builder, readArguments(golden, values));
  const named: Readonly<Record<string, Value>> = isValue(built)
    ? { [golden.outputs[0]?.name ?? "y"]: built }
    : built;
  const results = golden.outputs.flatMap(({ name }) => {
    const value = named[name];
    if (value === undefined) throw new Error(`${golden.id}: the graph has no result ${name}`);
    if (value.type.dtype === "f32") return [{ name, value }];
    return [
      { name, value },
      { name: name + UNROUNDED, value: builder.cast(value, "f32") },
    ];
  });
  return builder.finish(results.length > 0 ? results : [{ name: "y", value: Object.values(named)[0] ?? 0 }]);
}

const isValue = (built: Built): built is Value => typeof built["id"] === "number";

const isNumbers = (value: Attribute): value is readonly number[] =>
  Array.isArray(value) && value.every((item) => typeof item === "number");

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
    flag: (name) => {
      const value = attribute(name);
      return typeof value === "boolean" ? value : refuse(name);
    },
    attribute,
    text: (name) => {
      const value = attribute(name);
      return typeof value === "string" ? value : refuse(name);
    },
    hasOutput: (name) => golden.outputs.some((output) => output.name === name),
    dim: (name) => (attribute(name) === null ? null : number(name)),
    reduce: () => {
      const axes = attribute("axes");
      if (axes !== null && !isNumbers(axes)) return refuse("axes");
      return { axis: axes ?? undefined, keepdims: attribute("keepdim") === true };
    },
  };
}

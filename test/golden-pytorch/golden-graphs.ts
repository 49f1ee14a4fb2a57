/**
 * The graph of a golden case: PyTorch's op as a call of the library, with PyTorch's argument names turned into ours.
 */
import { pullBack } from "../../src/autodiff/pull-back.ts";
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
  weight_norm_double_backward: (b, a) => buildDoubleBackward(b, a),
  weight_norm_sgd: (b, a) => buildDescent(b, a),
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

/** The backward of weight_norm as it stands, and its own: of `sum(grad_v * tv) + sum(grad_g * tg)`. */
function buildDoubleBackward(b: GraphBuilder, a: Arguments): Built {
  const [v, g, up] = ["v", "g", "grad_w"].map((name) => b.variable(a.tensor(name)));
  if (v === undefined || g === undefined || up === undefined) throw new Error("three variables were made");
  const [innerV, innerG] = [b.variable(v), b.variable(g)];
  const w = weightNorm(b, innerV, innerG, { dim: a.dim("dim") });
  const [gradV = b.constant(0), gradG = b.constant(0)] = pullBack(
    b,
    [{ value: w, cotangent: up }],
    [innerV, innerG],
  );
  const seeds = [
    { value: gradV, cotangent: a.tensor("tv") },
    { value: gradG, cotangent: a.tensor("tg") },
  ];
  const [dV = b.constant(0), dG = b.constant(0), dUp = b.constant(0)] = pullBack(b, seeds, [v, g, up]);
  return { grad_v: gradV, grad_g: gradG, d_v: dV, d_g: dG, d_grad_w: dUp };
}

/** Descent on `sum((w - target)^2) / 2` by v and g, with momentum, all steps in one graph. */
function buildDescent(b: GraphBuilder, a: Arguments): Built {
  const add = (x: Value, y: Value): Value => b.map("add", [x, y]);
  const scale = (x: Value, by: number): Value => b.map("mul", [x, by]);
  const record = a.attribute("record");
  const kept: Record<string, Value> = {};
  const losses: Value[] = [];
  let point = [a.tensor("v0"), a.tensor("g0")];
  let momentum: (Value | undefined)[] = [];
  for (let step = 1; step <= a.number("steps"); step++) {
    const variables = point.map((value) => b.variable(value));
    const [v, g] = variables;
    if (v === undefined || g === undefined) throw new Error("two variables were made");
    const off = b.map("sub", [weightNorm(b, v, g, { dim: a.dim("dim") }), a.tensor("target")]);
    const loss = scale(b.reduce("sum", b.map("mul", [off, off])), 0.5);
    losses.push(b.reshape(loss, [1]));
    const slopes = pullBack(b, [{ value: loss, cotangent: b.constant(1, "f32") }], variables);
    momentum = slopes.map((slope = b.constant(0), i) => {
      const old = momentum[i];
      return old === undefined ? slope : add(scale(old, a.number("momentum")), slope);
    });
    point = point.map((value, i) => add(value, scale(momentum[i] ?? b.constant(0), -a.number("lr"))));
    if (isNumbers(record) && record.includes(step)) {
      const [newV, newG] = point;
      if (newV !== undefined && newG !== undefined)
        Object.assign(kept, { [`v${String(step)}`]: newV, [`g${String(step)}`]: newG });
    }
  }
  return { ...kept, losses: b.concat(losses, 0) };
}

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
  const values = declareInputs(builder, golden.inputs);
  const named = nameResults(golden, build(builder, readArguments(golden, values)));
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

function declareInputs(builder: GraphBuilder, inputs: GoldenCase["inputs"]): Map<string, Value> {
  const values = new Map<string, Value>();
  for (const [name, input] of inputs)
    if (input !== null) values.set(name, builder.param(name, { dtype: input.dtype, shape: input.shape }));
  return values;
}

const nameResults = (golden: GoldenCase, built: Built): Readonly<Record<string, Value>> =>
  isValue(built) ? { [golden.outputs[0]?.name ?? "y"]: built } : built;

/**
 * The graph of a case's gradients: of the sum of its outputs times their upstream, by `wrt`. Results are named as those of
 * `buildGoldenGraph`.
 */
export function buildGradientGraph(golden: GoldenCase): Graph {
  const build = BUILDS[golden.op];
  const { gradients } = golden;
  if (build === undefined || gradients === undefined) throw new Error(`${golden.id}: no gradients`);
  const builder = createGraphBuilder(`${golden.op}_gradient`);
  const values = declareInputs(builder, golden.inputs);
  const upstream = declareInputs(builder, gradients.inputs);
  const wanted = gradients.wrt.flatMap((name) => {
    const value = values.get(name);
    return value === undefined ? [] : [{ name, variable: builder.variable(value) }];
  });
  for (const { name, variable } of wanted) values.set(name, variable);
  const named = nameResults(golden, build(builder, readArguments(golden, values)));
  const seeds = [...gradients.upstream].map(([name, by]) => {
    const value = named[name];
    if (value === undefined) throw new Error(`${golden.id}: the graph has no result ${name}`);
    const given =
      typeof by === "number"
        ? builder.constant(by, "f32", value.type.shape)
        : (upstream.get(by) ?? values.get(by));
    if (given === undefined) throw new Error(`${golden.id}: no upstream ${by}`);
    return { value, cotangent: builder.cast(given, "f32") };
  });
  const cotangents = pullBack(
    builder,
    seeds,
    wanted.map(({ variable }) => variable),
  );
  const results = wanted.flatMap(({ name, variable: { type } }, i) => {
    const value = cotangents[i] ?? builder.constant(0, "f32", type.shape);
    const result = { name: `grad_${name}`, value: builder.cast(value, type.dtype) };
    return type.dtype === "f32" ? [result] : [result, { name: `grad_${name}${UNROUNDED}`, value }];
  });
  return builder.finish(results);
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

/**
 * The library as a table: what a front end needs to offer its functions by name.
 *
 * Requires: of callers of `build`, nothing: `callLibrary` checks names and kinds.
 * Ensures:  parameters stand in the order in which they may be given without a name; `tensor` parameters come first.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { clip, gelu, relu, sigmoid, silu, softplus } from "./activations.ts";
import { readArguments } from "./arguments.ts";
import type {
  ArgumentReader,
  LibraryArguments,
  LibraryParameter,
  LibraryParameterKind,
} from "./arguments.ts";
import { adain, batchNorm, globalResponseNorm, groupNorm, instanceNorm } from "./channel-norm.ts";
import { layerNorm, rmsNorm } from "./layer-norm.ts";
import { std, variance } from "./moments.ts";
import { cosineSimilarity, norm, normalize, normExceptDim, pixelNorm, scaleNorm } from "./norm.ts";
import { logSoftmax, logsumexp, softmax } from "./softmax.ts";
import { centeredWeightNorm, demodulate, weightNorm, weightStandardize } from "./weight-norm.ts";

type Build = (b: GraphBuilder, args: ArgumentReader, span: Span | undefined) => Value;

export interface LibraryFunction {
  readonly name: string;
  readonly parameters: readonly LibraryParameter[];
  readonly build: Build;
}

/** `"v g dim?:kept-axis"`: a bare word is a required tensor, `?` marks what may be left out. */
function defineFunction(name: string, signature: string, build: Build): LibraryFunction {
  const parameters = signature.split(" ").map((word): LibraryParameter => {
    const [head = "", kind = "tensor"] = word.split(":");
    return { name: head.replace("?", ""), kind: kind as LibraryParameterKind, required: !head.endsWith("?") };
  });
  return { name, parameters, build };
}

const softmaxOptions = (a: ArgumentReader) => ({ axis: a.axes("axis") });
const reduceOptions = (a: ArgumentReader) => ({ axis: a.axes("axis"), keepdims: a.boolean("keepdims") });
const varOptions = (a: ArgumentReader) => ({ ...reduceOptions(a), correction: a.number("correction") });
const epsOption = (a: ArgumentReader) => ({ eps: a.operand("eps") });
const affineOptions = (a: ArgumentReader) => ({
  weight: a.optionalTensor("weight"),
  bias: a.optionalTensor("bias"),
  ...epsOption(a),
});

function readApproximation(a: ArgumentReader, span: Span | undefined): "none" | "tanh" {
  const word = a.text("approximate") ?? "none";
  if (word === "none" || word === "tanh") return word;
  return fail("invalid-value", `gelu knows no approximation "${word}"`, {
    span,
    help: 'approximate is "none" or "tanh"',
  });
}

const REDUCTION = "axis?:axes keepdims?:boolean";

const FUNCTIONS: readonly LibraryFunction[] = [
  defineFunction("norm", `x ord?:number ${REDUCTION}`, (b, a, span) =>
    norm(b, a.tensor("x"), { ...reduceOptions(a), ord: a.number("ord") }, span),
  ),
  defineFunction("normExceptDim", "v pow?:number dim?:kept-axis", (b, a, span) =>
    normExceptDim(b, a.tensor("v"), { pow: a.number("pow"), dim: a.keptAxis("dim") }, span),
  ),
  defineFunction("weightNorm", "v g dim?:kept-axis eps?:operand", (b, a, span) =>
    weightNorm(b, a.tensor("v"), a.tensor("g"), { dim: a.keptAxis("dim"), ...epsOption(a) }, span),
  ),
  defineFunction("centeredWeightNorm", "v g eps?:operand", (b, a, span) =>
    centeredWeightNorm(b, a.tensor("v"), a.tensor("g"), epsOption(a), span),
  ),
  defineFunction("weightStandardize", "w gain?:tensor eps?:operand", (b, a, span) =>
    weightStandardize(b, a.tensor("w"), { gain: a.optionalTensor("gain"), ...epsOption(a) }, span),
  ),
  defineFunction("demodulate", "w s eps?:operand", (b, a, span) =>
    demodulate(b, a.tensor("w"), a.tensor("s"), epsOption(a), span),
  ),
  defineFunction("normalize", "x p?:number axis?:axes eps?:operand", (b, a, span) =>
    normalize(b, a.tensor("x"), { ...softmaxOptions(a), p: a.number("p"), ...epsOption(a) }, span),
  ),
  defineFunction("cosineSimilarity", "x y axis?:axis eps?:operand", (b, a, span) =>
    cosineSimilarity(b, a.tensor("x"), a.tensor("y"), { axis: a.number("axis"), ...epsOption(a) }, span),
  ),
  defineFunction("scaleNorm", "x g eps?:operand", (b, a, span) =>
    scaleNorm(b, a.tensor("x"), a.tensor("g"), epsOption(a), span),
  ),
  defineFunction("pixelNorm", "x eps?:operand", (b, a, span) =>
    pixelNorm(b, a.tensor("x"), epsOption(a), span),
  ),
  defineFunction("softmax", "x axis?:axes", (b, a, span) =>
    softmax(b, a.tensor("x"), softmaxOptions(a), span),
  ),
  defineFunction("logSoftmax", "x axis?:axes", (b, a, span) =>
    logSoftmax(b, a.tensor("x"), softmaxOptions(a), span),
  ),
  defineFunction("logsumexp", `x ${REDUCTION}`, (b, a, span) =>
    logsumexp(b, a.tensor("x"), reduceOptions(a), span),
  ),
  defineFunction("var", `x ${REDUCTION} correction?:number`, (b, a, span) =>
    variance(b, a.tensor("x"), varOptions(a), span),
  ),
  defineFunction("std", `x ${REDUCTION} correction?:number`, (b, a, span) =>
    std(b, a.tensor("x"), varOptions(a), span),
  ),
  defineFunction(
    "layerNorm",
    "x normalizedShape?:shape weight?:tensor bias?:tensor eps?:operand",
    (b, a, span) =>
      layerNorm(b, a.tensor("x"), { normalizedShape: a.axes("normalizedShape"), ...affineOptions(a) }, span),
  ),
  defineFunction("rmsNorm", "x normalizedShape?:shape weight?:tensor eps?:operand", (b, a, span) =>
    rmsNorm(
      b,
      a.tensor("x"),
      {
        normalizedShape: a.axes("normalizedShape"),
        weight: a.optionalTensor("weight"),
        ...epsOption(a),
      },
      span,
    ),
  ),
  defineFunction("groupNorm", "x numGroups:number weight?:tensor bias?:tensor eps?:operand", (b, a, span) =>
    groupNorm(b, a.tensor("x"), { numGroups: a.number("numGroups") ?? 0, ...affineOptions(a) }, span),
  ),
  defineFunction("instanceNorm", "x weight?:tensor bias?:tensor eps?:operand", (b, a, span) =>
    instanceNorm(b, a.tensor("x"), affineOptions(a), span),
  ),
  defineFunction(
    "batchNorm",
    "x runningMean runningVar weight?:tensor bias?:tensor eps?:operand",
    (b, a, span) =>
      batchNorm(b, a.tensor("x"), a.tensor("runningMean"), a.tensor("runningVar"), affineOptions(a), span),
  ),
  defineFunction("globalResponseNorm", "x gamma beta eps?:operand", (b, a, span) =>
    globalResponseNorm(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), epsOption(a), span),
  ),
  defineFunction("adain", "x gamma beta eps?:operand", (b, a, span) =>
    adain(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), epsOption(a), span),
  ),
  defineFunction("relu", "x", (b, a, span) => relu(b, a.tensor("x"), {}, span)),
  defineFunction("sigmoid", "x", (b, a, span) => sigmoid(b, a.tensor("x"), {}, span)),
  defineFunction("silu", "x", (b, a, span) => silu(b, a.tensor("x"), {}, span)),
  defineFunction("gelu", "x approximate?:text", (b, a, span) =>
    gelu(b, a.tensor("x"), { approximate: readApproximation(a, span) }, span),
  ),
  defineFunction("softplus", "x beta?:operand", (b, a, span) =>
    softplus(b, a.tensor("x"), { beta: a.operand("beta") }, span),
  ),
  defineFunction("clip", "x min?:operand max?:operand", (b, a, span) =>
    clip(b, a.tensor("x"), { min: a.operand("min"), max: a.operand("max") }, span),
  ),
];

/** The library by name. */
export const LIBRARY: ReadonlyMap<string, LibraryFunction> = new Map(FUNCTIONS.map((fn) => [fn.name, fn]));

/** Calls a library function with named arguments; refuses unknown names and missing arguments. */
export function callLibrary(
  fn: LibraryFunction,
  b: GraphBuilder,
  args: LibraryArguments,
  span?: Span,
): Value {
  for (const name of args.keys())
    if (!fn.parameters.some((parameter) => parameter.name === name))
      fail("unknown-argument", `${fn.name} has no parameter ${name}`, {
        span,
        help: `its parameters are ${fn.parameters.map((parameter) => parameter.name).join(", ")}`,
      });
  const missing = fn.parameters.find((parameter) => parameter.required && !args.has(parameter.name));
  if (missing !== undefined)
    fail("wrong-arity", `${fn.name} needs ${missing.name}`, { span, help: `pass ${missing.name}` });
  return fn.build(b, readArguments(fn.name, args, span), span);
}

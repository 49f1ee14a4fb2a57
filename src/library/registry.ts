/**
 * The library as a table: what a front end needs to offer its functions by name. The rows have the form of the text
 * language's `Builtins`, so the two maps can be joined.
 */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { clip, gelu, relu, sigmoid, silu, softplus } from "./activations.ts";
import { readArguments } from "./arguments.ts";
import type { ArgumentReader, LibraryFunction, LibraryParameter, LibraryParameterKind } from "./arguments.ts";
import { adain, batchNorm, globalResponseNorm, groupNorm, instanceNorm } from "./channel-norm.ts";
import { layerNorm, rmsNorm } from "./layer-norm.ts";
import { std, variance } from "./moments.ts";
import { cosineSimilarity, norm, normalize, normExceptDim, pixelNorm, scaleNorm } from "./norm.ts";
import { logSoftmax, logsumexp, softmax } from "./softmax.ts";
import { centeredWeightNorm, demodulate, weightNorm, weightStandardize } from "./weight-norm.ts";

type Signature = Readonly<Record<string, LibraryParameterKind | `${LibraryParameterKind}?`>>;
type Row = readonly [string, LibraryFunction];

/** A question mark makes a parameter optional. */
function defineRow(
  name: string,
  signature: Signature,
  build: (b: GraphBuilder, args: ArgumentReader, span: Span | undefined) => Value,
): Row {
  const params = Object.entries(signature).map(([param, spec]): LibraryParameter => {
    // What is left without the question mark is a kind, by the type of a signature.
    const kind = spec.replace("?", "") as LibraryParameterKind;
    return { name: param, kind, required: kind === spec };
  });
  return [name, { params, build: (b, args, span) => build(b, readArguments(name, args, span), span) }];
}

const readEps = (a: ArgumentReader) => ({ eps: a.operand("eps") });
const readReduce = (a: ArgumentReader) => ({ axis: a.numbers("axis"), keepdims: a.boolean("keepdims") });
const readVar = (a: ArgumentReader) => ({ ...readReduce(a), correction: a.number("correction") });
const readAffine = (a: ArgumentReader) => ({
  weight: a.optionalTensor("weight"),
  bias: a.optionalTensor("bias"),
  ...readEps(a),
});
const readTrailing = (a: ArgumentReader) => ({
  normalizedShape: a.numbers("normalizedShape"),
  ...readAffine(a),
});

const EPS = { eps: "operand?" } as const;
const AFFINE = { weight: "operand?", bias: "operand?", eps: "operand?" } as const;
const REDUCTION = { axis: "axis?", keepdims: "boolean?" } as const;

const NORMS: readonly Row[] = [
  defineRow("norm", { x: "operand", ord: "number?", ...REDUCTION }, (b, a, span) =>
    norm(b, a.tensor("x"), { ...readReduce(a), ord: a.number("ord") }, span),
  ),
  defineRow("normExceptDim", { v: "operand", pow: "number?", dim: "axis?" }, (b, a, span) =>
    normExceptDim(b, a.tensor("v"), { pow: a.number("pow"), dim: a.keptAxis("dim") }, span),
  ),
  defineRow("normalize", { x: "operand", p: "number?", axis: "axis?", ...EPS }, (b, a, span) =>
    normalize(b, a.tensor("x"), { p: a.number("p"), axis: a.numbers("axis"), ...readEps(a) }, span),
  ),
  defineRow("cosineSimilarity", { x: "operand", y: "operand", axis: "integer?", ...EPS }, (b, a, span) =>
    cosineSimilarity(b, a.tensor("x"), a.tensor("y"), { axis: a.number("axis"), ...readEps(a) }, span),
  ),
  defineRow("scaleNorm", { x: "operand", g: "operand", ...EPS }, (b, a, span) =>
    scaleNorm(b, a.tensor("x"), a.tensor("g"), readEps(a), span),
  ),
  defineRow("pixelNorm", { x: "operand", ...EPS }, (b, a, span) =>
    pixelNorm(b, a.tensor("x"), readEps(a), span),
  ),
];

const WEIGHT_NORMS: readonly Row[] = [
  defineRow("weightNorm", { v: "operand", g: "operand", dim: "axis?", ...EPS }, (b, a, span) =>
    weightNorm(b, a.tensor("v"), a.tensor("g"), { dim: a.keptAxis("dim"), ...readEps(a) }, span),
  ),
  defineRow("centeredWeightNorm", { v: "operand", g: "operand", ...EPS }, (b, a, span) =>
    centeredWeightNorm(b, a.tensor("v"), a.tensor("g"), readEps(a), span),
  ),
  defineRow("weightStandardize", { w: "operand", gain: "operand?", ...EPS }, (b, a, span) =>
    weightStandardize(b, a.tensor("w"), { gain: a.optionalTensor("gain"), ...readEps(a) }, span),
  ),
  defineRow("demodulate", { w: "operand", s: "operand", ...EPS }, (b, a, span) =>
    demodulate(b, a.tensor("w"), a.tensor("s"), readEps(a), span),
  ),
];

const REDUCTIONS: readonly Row[] = [
  defineRow("softmax", { x: "operand", axis: "axis?" }, (b, a, span) =>
    softmax(b, a.tensor("x"), { axis: a.numbers("axis") }, span),
  ),
  defineRow("logSoftmax", { x: "operand", axis: "axis?" }, (b, a, span) =>
    logSoftmax(b, a.tensor("x"), { axis: a.numbers("axis") }, span),
  ),
  defineRow("logsumexp", { x: "operand", ...REDUCTION }, (b, a, span) =>
    logsumexp(b, a.tensor("x"), readReduce(a), span),
  ),
  defineRow("var", { x: "operand", ...REDUCTION, correction: "number?" }, (b, a, span) =>
    variance(b, a.tensor("x"), readVar(a), span),
  ),
  defineRow("std", { x: "operand", ...REDUCTION, correction: "number?" }, (b, a, span) =>
    std(b, a.tensor("x"), readVar(a), span),
  ),
];

const LAYERS: readonly Row[] = [
  defineRow("layerNorm", { x: "operand", normalizedShape: "axis?", ...AFFINE }, (b, a, span) =>
    layerNorm(b, a.tensor("x"), readTrailing(a), span),
  ),
  defineRow("rmsNorm", { x: "operand", normalizedShape: "axis?", weight: "operand?", ...EPS }, (b, a, span) =>
    rmsNorm(b, a.tensor("x"), readTrailing(a), span),
  ),
  defineRow("groupNorm", { x: "operand", numGroups: "integer", ...AFFINE }, (b, a, span) =>
    // An absent number of groups cannot pass a front end that reads `required`; 0 is refused by the function.
    groupNorm(b, a.tensor("x"), { numGroups: a.number("numGroups") ?? 0, ...readAffine(a) }, span),
  ),
  defineRow("instanceNorm", { x: "operand", ...AFFINE }, (b, a, span) =>
    instanceNorm(b, a.tensor("x"), readAffine(a), span),
  ),
  defineRow(
    "batchNorm",
    { x: "operand", runningMean: "operand", runningVar: "operand", ...AFFINE },
    (b, a, span) =>
      batchNorm(b, a.tensor("x"), a.tensor("runningMean"), a.tensor("runningVar"), readAffine(a), span),
  ),
  defineRow("globalResponseNorm", { x: "operand", gamma: "operand", beta: "operand", ...EPS }, (b, a, span) =>
    globalResponseNorm(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), readEps(a), span),
  ),
  defineRow("adain", { x: "operand", gamma: "operand", beta: "operand", ...EPS }, (b, a, span) =>
    adain(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), readEps(a), span),
  ),
];

const ACTIVATIONS: readonly Row[] = [
  defineRow("relu", { x: "operand" }, (b, a, span) => relu(b, a.tensor("x"), {}, span)),
  defineRow("sigmoid", { x: "operand" }, (b, a, span) => sigmoid(b, a.tensor("x"), {}, span)),
  defineRow("silu", { x: "operand" }, (b, a, span) => silu(b, a.tensor("x"), {}, span)),
  defineRow("gelu", { x: "operand" }, (b, a, span) => gelu(b, a.tensor("x"), {}, span)),
  // The text language has no strings, so the approximation is a function of its own there.
  defineRow("geluTanh", { x: "operand" }, (b, a, span) =>
    gelu(b, a.tensor("x"), { approximate: "tanh" }, span),
  ),
  defineRow("softplus", { x: "operand", beta: "operand?" }, (b, a, span) =>
    softplus(b, a.tensor("x"), { beta: a.operand("beta") }, span),
  ),
  defineRow("clip", { x: "operand", min: "operand?", max: "operand?" }, (b, a, span) =>
    clip(b, a.tensor("x"), { min: a.operand("min"), max: a.operand("max") }, span),
  ),
];

/** The library by name. */
export const LIBRARY: ReadonlyMap<string, LibraryFunction> = new Map([
  ...NORMS,
  ...WEIGHT_NORMS,
  ...REDUCTIONS,
  ...LAYERS,
  ...ACTIVATIONS,
]);

/**
 * The library as a table: what a front end needs to offer its functions by name. The rows have the form of the text
 * language's `Builtins`, so the two maps can be joined.
 */
import type { ArgumentReader, LibraryFunction } from "./arguments.ts";
import { batchNorm, batchNormTraining, instanceNormTraining } from "./batch-norm.ts";
import type { TrainingNorm } from "./batch-norm.ts";
import { adain, globalResponseNorm, groupNorm, instanceNorm } from "./channel-norm.ts";
import { AFFINE, defineRow, EPS, readAffine, readEps } from "./define-row.ts";
import type { Row } from "./define-row.ts";
import { layerNorm, rmsNorm } from "./layer-norm.ts";
import { localResponseNorm } from "./local-response-norm.ts";
import { std, variance } from "./moments.ts";
import { cosineSimilarity, norm, normalize, normExceptDim, pixelNorm, scaleNorm } from "./norm.ts";
import { ACTIVATIONS } from "./registry-activations.ts";
import { hardmax, logSoftmax, logsumexp, softmax, softmin } from "./softmax.ts";
import { spectralNorm } from "./spectral-norm.ts";
import { centeredWeightNorm, demodulate, weightNorm, weightStandardize } from "./weight-norm.ts";

const readReduce = (a: ArgumentReader) => ({ axis: a.numbers("axis"), keepdims: a.boolean("keepdims") });
const readVar = (a: ArgumentReader) => ({ ...readReduce(a), correction: a.number("correction") });
const readTrailing = (a: ArgumentReader) => ({
  normalizedShape: a.numbers("normalizedShape"),
  ...readAffine(a),
});

const SAFE = { safe: "boolean?" } as const;
const TRAINING = { runningMean: "operand?", runningVar: "operand?", ...AFFINE, momentum: "number?" } as const;
const readTraining = (a: ArgumentReader) => ({
  ...readAffine(a),
  runningMean: a.optionalTensor("runningMean"),
  runningVar: a.optionalTensor("runningVar"),
  momentum: a.number("momentum"),
});
const toTuple = ({ y, runningMean, runningVar }: TrainingNorm) => [y, runningMean, runningVar];

const REDUCTION = { axis: "axis?", keepdims: "boolean?" } as const;

const NORMS: readonly Row[] = [
  defineRow("norm", { x: "operand", ord: "number?", ...REDUCTION, ...SAFE }, (b, a, span) =>
    norm(b, a.tensor("x"), { ...readReduce(a), ord: a.number("ord"), safe: a.boolean("safe") }, span),
  ),
  defineRow("normExceptDim", { v: "operand", pow: "number?", dim: "axis?" }, (b, a, span) =>
    normExceptDim(b, a.tensor("v"), { pow: a.number("pow"), dim: a.keptAxis("dim") }, span),
  ),
  defineRow("normalize", { x: "operand", p: "number?", axis: "axis?", ...EPS, ...SAFE }, (b, a, span) =>
    normalize(
      b,
      a.tensor("x"),
      { p: a.number("p"), axis: a.numbers("axis"), ...readEps(a), safe: a.boolean("safe") },
      span,
    ),
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
  defineRow("weightNorm", { v: "operand", g: "operand", dim: "axis?", ...EPS, ...SAFE }, (b, a, span) =>
    weightNorm(
      b,
      a.tensor("v"),
      a.tensor("g"),
      { dim: a.keptAxis("dim"), ...readEps(a), safe: a.boolean("safe") },
      span,
    ),
  ),
  defineRow("centeredWeightNorm", { v: "operand", g: "operand", ...EPS }, (b, a, span) =>
    centeredWeightNorm(b, a.tensor("v"), a.tensor("g"), readEps(a), span),
  ),
  defineRow("weightStandardize", { w: "operand", gain: "operand?", ...EPS }, (b, a, span) =>
    weightStandardize(b, a.tensor("w"), { gain: a.optionalTensor("gain"), ...readEps(a) }, span),
  ),
  defineRow(
    "spectralNorm",
    { w: "operand", u: "operand", v: "operand", dim: "integer?", nPowerIterations: "integer?", ...EPS },
    (b, a, span) => {
      const options = { dim: a.number("dim"), nPowerIterations: a.number("nPowerIterations"), ...readEps(a) };
      const { y, sigma, u, v } = spectralNorm(b, a.tensor("w"), a.tensor("u"), a.tensor("v"), options, span);
      return [y, sigma, u, v];
    },
  ),
  defineRow("demodulate", { w: "operand", s: "operand", ...EPS }, (b, a, span) =>
    demodulate(b, a.tensor("w"), a.tensor("s"), readEps(a), span),
  ),
];

const REDUCTIONS: readonly Row[] = [
  defineRow("softmax", { x: "operand", axis: "axis?" }, (b, a, span) =>
    softmax(b, a.tensor("x"), { axis: a.numbers("axis") }, span),
  ),
  defineRow("softmin", { x: "operand", axis: "axis?" }, (b, a, span) =>
    softmin(b, a.tensor("x"), { axis: a.numbers("axis") }, span),
  ),
  defineRow("hardmax", { x: "operand", axis: "integer?" }, (b, a, span) =>
    hardmax(b, a.tensor("x"), { axis: a.number("axis") }, span),
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
  defineRow("batchNormTraining", { x: "operand", ...TRAINING }, (b, a, span) =>
    toTuple(batchNormTraining(b, a.tensor("x"), readTraining(a), span)),
  ),
  defineRow("instanceNormTraining", { x: "operand", ...TRAINING }, (b, a, span) =>
    toTuple(instanceNormTraining(b, a.tensor("x"), readTraining(a), span)),
  ),
  defineRow(
    "localResponseNorm",
    { x: "operand", size: "integer", alpha: "operand?", beta: "operand?", k: "operand?" },
    (b, a, span) =>
      localResponseNorm(
        b,
        a.tensor("x"),
        // As for numGroups: a front end sees to it that the size is there.
        {
          size: a.number("size") ?? 0,
          alpha: a.operand("alpha"),
          beta: a.operand("beta"),
          k: a.operand("k"),
        },
        span,
      ),
  ),
  defineRow("globalResponseNorm", { x: "operand", gamma: "operand", beta: "operand", ...EPS }, (b, a, span) =>
    globalResponseNorm(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), readEps(a), span),
  ),
  defineRow("adain", { x: "operand", gamma: "operand", beta: "operand", ...EPS }, (b, a, span) =>
    adain(b, a.tensor("x"), a.tensor("gamma"), a.tensor("beta"), readEps(a), span),
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

/** The rows of the registry for activation functions. */
import {
  celu,
  elu,
  gelu,
  glu,
  logSigmoid,
  mish,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  swiglu,
  swish,
  tanhshrink,
} from "./activations.ts";
import { defineRow } from "./define-row.ts";
import type { Row } from "./define-row.ts";
import { dynamicTanh } from "./dynamic-tanh.ts";
import {
  clip,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  prelu,
  relu,
  relu6,
  shrink,
  threshold,
} from "./piecewise-activations.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";

type Plain = (b: GraphBuilder, x: Value, options: object, span?: Span) => Value;

/** A function of one tensor and nothing else. */
const definePlain = (name: string, fn: Plain): Row =>
  defineRow(name, { x: "operand" }, (b, a, span) => fn(b, a.tensor("x"), {}, span));

export const ACTIVATIONS: readonly Row[] = [
  definePlain("relu", relu),
  definePlain("relu6", relu6),
  definePlain("sigmoid", sigmoid),
  definePlain("logSigmoid", logSigmoid),
  definePlain("silu", silu),
  definePlain("mish", mish),
  definePlain("softsign", softsign),
  definePlain("tanhshrink", tanhshrink),
  definePlain("hardSwish", hardSwish),
  definePlain("gelu", gelu),
  // The text language has no strings, so the approximation is a function of its own there.
  definePlain("geluTanh", (b, x, _options, span) => gelu(b, x, { approximate: "tanh" }, span)),
  defineRow("softplus", { x: "operand", beta: "operand?" }, (b, a, span) =>
    softplus(b, a.tensor("x"), { beta: a.operand("beta") }, span),
  ),
  defineRow("swish", { x: "operand", beta: "operand?" }, (b, a, span) =>
    swish(b, a.tensor("x"), { beta: a.operand("beta") }, span),
  ),
  defineRow("swiglu", { x: "operand", gate: "operand", beta: "operand?" }, (b, a, span) =>
    swiglu(b, a.tensor("x"), a.tensor("gate"), { beta: a.operand("beta") }, span),
  ),
  defineRow("glu", { x: "operand", axis: "integer?" }, (b, a, span) =>
    glu(b, a.tensor("x"), { axis: a.number("axis") }, span),
  ),
  defineRow("elu", { x: "operand", alpha: "operand?" }, (b, a, span) =>
    elu(b, a.tensor("x"), { alpha: a.operand("alpha") }, span),
  ),
  defineRow("celu", { x: "operand", alpha: "operand?" }, (b, a, span) =>
    celu(b, a.tensor("x"), { alpha: a.operand("alpha") }, span),
  ),
  defineRow("selu", { x: "operand", alpha: "operand?", scale: "operand?" }, (b, a, span) =>
    selu(b, a.tensor("x"), { alpha: a.operand("alpha"), scale: a.operand("scale") }, span),
  ),
  defineRow("leakyRelu", { x: "operand", negativeSlope: "operand?" }, (b, a, span) =>
    leakyRelu(b, a.tensor("x"), { negativeSlope: a.operand("negativeSlope") }, span),
  ),
  defineRow("prelu", { x: "operand", weight: "operand" }, (b, a, span) =>
    prelu(b, a.tensor("x"), a.tensor("weight"), {}, span),
  ),
  defineRow("hardSigmoid", { x: "operand", alpha: "operand?", beta: "operand?" }, (b, a, span) =>
    hardSigmoid(b, a.tensor("x"), { alpha: a.operand("alpha"), beta: a.operand("beta") }, span),
  ),
  defineRow("threshold", { x: "operand", threshold: "operand?", value: "operand?" }, (b, a, span) =>
    threshold(b, a.tensor("x"), { threshold: a.operand("threshold"), value: a.operand("value") }, span),
  ),
  defineRow("shrink", { x: "operand", lambd: "operand?", bias: "operand?" }, (b, a, span) =>
    shrink(b, a.tensor("x"), { lambd: a.operand("lambd"), bias: a.operand("bias") }, span),
  ),
  defineRow("clip", { x: "operand", min: "operand?", max: "operand?" }, (b, a, span) =>
    clip(b, a.tensor("x"), { min: a.operand("min"), max: a.operand("max") }, span),
  ),
  defineRow(
    "dynamicTanh",
    { x: "operand", alpha: "operand?", weight: "operand?", bias: "operand?" },
    (b, a, span) =>
      dynamicTanh(
        b,
        a.tensor("x"),
        {
          alpha: a.operand("alpha"),
          weight: a.optionalTensor("weight"),
          bias: a.optionalTensor("bias"),
        },
        span,
      ),
  ),
];

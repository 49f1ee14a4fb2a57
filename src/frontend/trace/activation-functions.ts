/** The activation functions of the library for traced functions; what each computes stands in src/library. */
import * as smooth from "../../library/activations.ts";
import { dynamicTanh as buildDynamicTanh } from "../../library/dynamic-tanh.ts";
import type { DynamicTanhOptions } from "../../library/dynamic-tanh.ts";
import * as piecewise from "../../library/piecewise-activations.ts";
import { lowerOptions } from "./lower-options.ts";
import { traceOp } from "./traced-tensor.ts";
import type { TracedTensor } from "./traced-tensor.ts";

type T = TracedTensor;

export const relu = (x: T): T =>
  traceOp("relu", [x], (c) => piecewise.relu(c.builder, c.value(x), {}, c.span));

export const relu6 = (x: T): T =>
  traceOp("relu6", [x], (c) => piecewise.relu6(c.builder, c.value(x), {}, c.span));

export const clip = (x: T, options: piecewise.ClipOptions<T> = {}): T =>
  traceOp("clip", [x], (c) => piecewise.clip(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const leakyRelu = (x: T, options: piecewise.LeakyReluOptions<T> = {}): T =>
  traceOp("leakyRelu", [x], (c) =>
    piecewise.leakyRelu(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const prelu = (x: T, weight: T): T =>
  traceOp("prelu", [x, weight], (c) => piecewise.prelu(c.builder, c.value(x), c.value(weight), {}, c.span));

export const hardSigmoid = (x: T, options: piecewise.HardSigmoidOptions<T> = {}): T =>
  traceOp("hardSigmoid", [x], (c) =>
    piecewise.hardSigmoid(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const hardSwish = (x: T): T =>
  traceOp("hardSwish", [x], (c) => piecewise.hardSwish(c.builder, c.value(x), {}, c.span));

export const threshold = (x: T, options: piecewise.ThresholdOptions<T> = {}): T =>
  traceOp("threshold", [x], (c) =>
    piecewise.threshold(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const shrink = (x: T, options: piecewise.ShrinkOptions<T> = {}): T =>
  traceOp("shrink", [x], (c) => piecewise.shrink(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const sigmoid = (x: T): T =>
  traceOp("sigmoid", [x], (c) => smooth.sigmoid(c.builder, c.value(x), {}, c.span));

export const logSigmoid = (x: T): T =>
  traceOp("logSigmoid", [x], (c) => smooth.logSigmoid(c.builder, c.value(x), {}, c.span));

export const silu = (x: T): T => traceOp("silu", [x], (c) => smooth.silu(c.builder, c.value(x), {}, c.span));

export const swish = (x: T, options: smooth.SwishOptions<T> = {}): T =>
  traceOp("swish", [x], (c) => smooth.swish(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const swiglu = (x: T, gate: T, options: smooth.SwishOptions<T> = {}): T =>
  traceOp("swiglu", [x, gate], (c) =>
    smooth.swiglu(c.builder, c.value(x), c.value(gate), lowerOptions(options, c), c.span),
  );

export const glu = (x: T, options: smooth.GluOptions = {}): T =>
  traceOp("glu", [x], (c) => smooth.glu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const gelu = (x: T, options: smooth.GeluOptions = {}): T =>
  traceOp("gelu", [x], (c) => smooth.gelu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const softplus = (x: T, options: smooth.SoftplusOptions<T> = {}): T =>
  traceOp("softplus", [x], (c) => smooth.softplus(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const mish = (x: T): T => traceOp("mish", [x], (c) => smooth.mish(c.builder, c.value(x), {}, c.span));

export const softsign = (x: T): T =>
  traceOp("softsign", [x], (c) => smooth.softsign(c.builder, c.value(x), {}, c.span));

export const tanhshrink = (x: T): T =>
  traceOp("tanhshrink", [x], (c) => smooth.tanhshrink(c.builder, c.value(x), {}, c.span));

export const elu = (x: T, options: smooth.EluOptions<T> = {}): T =>
  traceOp("elu", [x], (c) => smooth.elu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const selu = (x: T, options: smooth.SeluOptions<T> = {}): T =>
  traceOp("selu", [x], (c) => smooth.selu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const celu = (x: T, options: smooth.EluOptions<T> = {}): T =>
  traceOp("celu", [x], (c) => smooth.celu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const dynamicTanh = (x: T, options: DynamicTanhOptions<T> = {}): T =>
  traceOp("dynamicTanh", [x], (c) =>
    buildDynamicTanh(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

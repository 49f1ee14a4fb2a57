/** The activation functions of the library for traced functions; what each computes stands in src/library. */
import * as smooth from "../../library/activations.ts";
import { dynamicTanh as buildDynamicTanh } from "../../library/dynamic-tanh.ts";
import type { DynamicTanhOptions } from "../../library/dynamic-tanh.ts";
import * as piecewise from "../../library/piecewise-activations.ts";
import type { Shape } from "../../ir/shape-types.ts";
import { lowerOptions } from "./lower-options.ts";
import { traceOp } from "./traced-tensor.ts";
import type { TracedTensor } from "./traced-tensor.ts";

type T = TracedTensor;

export const relu = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("relu", [x], (c) => piecewise.relu(c.builder, c.value(x), {}, c.span));

export const relu6 = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("relu6", [x], (c) => piecewise.relu6(c.builder, c.value(x), {}, c.span));

export const clip = <S extends Shape>(
  x: TracedTensor<S>,
  options: piecewise.ClipOptions<T> = {},
): TracedTensor<S> =>
  traceOp("clip", [x], (c) => piecewise.clip(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const leakyRelu = <S extends Shape>(
  x: TracedTensor<S>,
  options: piecewise.LeakyReluOptions<T> = {},
): TracedTensor<S> =>
  traceOp("leakyRelu", [x], (c) =>
    piecewise.leakyRelu(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const prelu = <S extends Shape>(x: TracedTensor<S>, weight: T): TracedTensor<S> =>
  traceOp("prelu", [x, weight], (c) => piecewise.prelu(c.builder, c.value(x), c.value(weight), {}, c.span));

export const hardSigmoid = <S extends Shape>(
  x: TracedTensor<S>,
  options: piecewise.HardSigmoidOptions<T> = {},
): TracedTensor<S> =>
  traceOp("hardSigmoid", [x], (c) =>
    piecewise.hardSigmoid(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const hardSwish = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("hardSwish", [x], (c) => piecewise.hardSwish(c.builder, c.value(x), {}, c.span));

export const threshold = <S extends Shape>(
  x: TracedTensor<S>,
  options: piecewise.ThresholdOptions<T> = {},
): TracedTensor<S> =>
  traceOp("threshold", [x], (c) =>
    piecewise.threshold(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

export const shrink = <S extends Shape>(
  x: TracedTensor<S>,
  options: piecewise.ShrinkOptions<T> = {},
): TracedTensor<S> =>
  traceOp("shrink", [x], (c) => piecewise.shrink(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const sigmoid = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("sigmoid", [x], (c) => smooth.sigmoid(c.builder, c.value(x), {}, c.span));

export const logSigmoid = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("logSigmoid", [x], (c) => smooth.logSigmoid(c.builder, c.value(x), {}, c.span));

export const silu = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("silu", [x], (c) => smooth.silu(c.builder, c.value(x), {}, c.span));

export const swish = <S extends Shape>(
  x: TracedTensor<S>,
  options: smooth.SwishOptions<T> = {},
): TracedTensor<S> =>
  traceOp("swish", [x], (c) => smooth.swish(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const swiglu = <S extends Shape>(
  x: TracedTensor<S>,
  gate: T,
  options: smooth.SwishOptions<T> = {},
): TracedTensor<S> =>
  traceOp("swiglu", [x, gate], (c) =>
    smooth.swiglu(c.builder, c.value(x), c.value(gate), lowerOptions(options, c), c.span),
  );

export const glu = (x: T, options: smooth.GluOptions = {}): T =>
  traceOp("glu", [x], (c) => smooth.glu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const gelu = <S extends Shape>(
  x: TracedTensor<S>,
  options: smooth.GeluOptions = {},
): TracedTensor<S> =>
  traceOp("gelu", [x], (c) => smooth.gelu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const softplus = <S extends Shape>(
  x: TracedTensor<S>,
  options: smooth.SoftplusOptions<T> = {},
): TracedTensor<S> =>
  traceOp("softplus", [x], (c) => smooth.softplus(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const mish = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("mish", [x], (c) => smooth.mish(c.builder, c.value(x), {}, c.span));

export const softsign = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("softsign", [x], (c) => smooth.softsign(c.builder, c.value(x), {}, c.span));

export const tanhshrink = <S extends Shape>(x: TracedTensor<S>): TracedTensor<S> =>
  traceOp("tanhshrink", [x], (c) => smooth.tanhshrink(c.builder, c.value(x), {}, c.span));

export const elu = <S extends Shape>(
  x: TracedTensor<S>,
  options: smooth.EluOptions<T> = {},
): TracedTensor<S> =>
  traceOp("elu", [x], (c) => smooth.elu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const selu = <S extends Shape>(
  x: TracedTensor<S>,
  options: smooth.SeluOptions<T> = {},
): TracedTensor<S> =>
  traceOp("selu", [x], (c) => smooth.selu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const celu = <S extends Shape>(
  x: TracedTensor<S>,
  options: smooth.EluOptions<T> = {},
): TracedTensor<S> =>
  traceOp("celu", [x], (c) => smooth.celu(c.builder, c.value(x), lowerOptions(options, c), c.span));

export const dynamicTanh = <S extends Shape>(
  x: TracedTensor<S>,
  options: DynamicTanhOptions<T> = {},
): TracedTensor<S> =>
  traceOp("dynamicTanh", [x], (c) =>
    buildDynamicTanh(c.builder, c.value(x), lowerOptions(options, c), c.span),
  );

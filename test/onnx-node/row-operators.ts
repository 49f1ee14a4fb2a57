/** ONNX's reductions, the softmax family and the normalizations, from the library where it has them. */
import type { GraphBuilder, ReduceOptions, Value } from "../../src/ir/graph-builder.ts";
import { batchNorm } from "../../src/library/batch-norm.ts";
import { groupNorm, instanceNorm } from "../../src/library/channel-norm.ts";
import { layerNorm, rmsNorm } from "../../src/library/layer-norm.ts";
import { localResponseNorm } from "../../src/library/local-response-norm.ts";
import { variance } from "../../src/library/moments.ts";
import { norm } from "../../src/library/norm.ts";
import { hardmax, logSoftmax, logsumexp, softmax } from "../../src/library/softmax.ts";
import type { OnnxCall, OnnxTable } from "./onnx-values.ts";

/** Axes come as an attribute or, since opset 13 or 18, as an input; none of them means all, or none on request. */
function readReduction({ list, numbers, flag }: OnnxCall): ReduceOptions {
  const axes = list(1) ?? numbers("axes") ?? [];
  const keepdims = flag("keepdims", true);
  if (axes.length > 0) return { axis: axes, keepdims };
  return { axis: flag("noop_with_empty_axes", false) ? [] : undefined, keepdims };
}

const isEmpty = (x: Value): boolean => x.type.shape.includes(0);

/** Of nothing, the neutral element; bools as truth values. */
function extreme(call: OnnxCall, fn: "max" | "min"): Value {
  const { b } = call;
  const x = call.tensor(0);
  const options = readReduction(call);
  if (x.type.dtype === "bool") return b.reduce(fn === "max" ? "any" : "all", x, options);
  if (!isEmpty(x)) return b.reduce(fn, x, options);
  const { shape } = b.reduce("sum", x, options).type;
  return b.constant(fn === "max" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, x.type.dtype, shape);
}

/** Position of the greatest or least element: the first where it is met, or the last. */
function position({ b, tensor, flag, number }: OnnxCall, fn: "argmax" | "argmin"): Value {
  const which = flag("select_last_index", false) ? (`${fn}_last` as const) : fn;
  return b.reduce(which, tensor(0), { axis: number("axis", 0), keepdims: flag("keepdims", true) });
}

const spatial = (x: Value): readonly number[] => x.type.shape.map((_, d) => d).slice(2);

const REDUCTIONS: OnnxTable = {
  ArgMax: (call) => position(call, "argmax"),
  ArgMin: (call) => position(call, "argmin"),
  GlobalAveragePool: ({ b, tensor }) => b.mean(tensor(0), { axis: spatial(tensor(0)), keepdims: true }),
  GlobalMaxPool: ({ b, tensor }) => b.reduce("max", tensor(0), { axis: spatial(tensor(0)), keepdims: true }),
  ReduceL1: (call) => norm(call.b, call.tensor(0), { ...readReduction(call), ord: 1 }),
  ReduceL2: (call) => norm(call.b, call.tensor(0), readReduction(call)),
  ReduceLogSum: (call) => call.b.map("log", [call.b.reduce("sum", call.tensor(0), readReduction(call))]),
  ReduceLogSumExp: (call) => logsumexp(call.b, call.tensor(0), readReduction(call)),
  ReduceMax: (call) => extreme(call, "max"),
  ReduceMean: (call) => call.b.mean(call.tensor(0), readReduction(call)),
  ReduceMin: (call) => extreme(call, "min"),
  ReduceProd: (call) => call.b.reduce("prod", call.tensor(0), readReduction(call)),
  ReduceSum: (call) => call.b.reduce("sum", call.tensor(0), readReduction(call)),
  ReduceSumSquare: (call) => {
    const x = call.tensor(0);
    return call.b.reduce("sum", call.b.map("mul", [x, x]), readReduction(call));
  },
};

const SOFTMAX: OnnxTable = {
  Softmax: ({ b, tensor, number }) => softmax(b, tensor(0), { axis: number("axis", -1) }),
  LogSoftmax: ({ b, tensor, number }) => logSoftmax(b, tensor(0), { axis: number("axis", -1) }),
  Hardmax: ({ b, tensor, number }) => hardmax(b, tensor(0), { axis: number("axis", -1) }),
};

/** The lengths from `axis` on, which layer and RMS normalization take together. */
function trailing({ tensor, number }: OnnxCall): readonly number[] {
  const { shape } = tensor(0).type;
  const axis = number("axis", -1);
  return shape.slice(axis < 0 ? axis + shape.length : axis);
}

const addEps = (b: GraphBuilder, x: Value, eps: number): Value => b.map("add", [x, eps]);

const NORMALIZATIONS: OnnxTable = {
  LayerNormalization: (call) => {
    const { b, tensor, optional, number } = call;
    const x = tensor(0);
    const normalizedShape = trailing(call);
    const eps = number("epsilon", 1e-5);
    const axis = normalizedShape.map((_, d) => d - normalizedShape.length);
    const over = { axis, keepdims: true };
    const y = layerNorm(b, x, { normalizedShape, weight: tensor(1), bias: optional(2), eps });
    const deviation = addEps(b, variance(b, x, { ...over, correction: 0 }), eps);
    return [y, b.mean(x, over), b.map("rsqrt", [deviation])];
  },
  RMSNormalization: (call) =>
    rmsNorm(call.b, call.tensor(0), {
      normalizedShape: trailing(call),
      weight: call.tensor(1),
      eps: call.number("epsilon", 1e-5),
    }),
  GroupNormalization: ({ b, tensor, number }) =>
    groupNorm(b, tensor(0), {
      numGroups: number("num_groups", 1),
      weight: tensor(1),
      bias: tensor(2),
      eps: number("epsilon", 1e-5),
    }),
  InstanceNormalization: ({ b, tensor, number }) =>
    instanceNorm(b, tensor(0), { weight: tensor(1), bias: tensor(2), eps: number("epsilon", 1e-5) }),
  BatchNormalization: ({ b, tensor, number, flag }) => {
    const x = tensor(0);
    const affine = { weight: tensor(1), bias: tensor(2), eps: number("epsilon", 1e-5) };
    if (!flag("training_mode", false)) return batchNorm(b, x, tensor(3), tensor(4), affine);
    // ONNX keeps the biased variance, and its momentum is the weight of the old statistics.
    const momentum = number("momentum", 0.9);
    const over = { axis: [0, ...spatial(x)] };
    const average = b.mean(x, over);
    const deviation = variance(b, x, { ...over, correction: 0 });
    const update = (old: Value, batch: Value): Value =>
      b.map("add", [b.map("mul", [old, momentum]), b.map("mul", [batch, 1 - momentum])]);
    const y = batchNorm(b, x, average, deviation, affine);
    return [y, update(tensor(3), average), update(tensor(4), deviation)];
  },
  LpNormalization: ({ b, tensor, number }) => {
    const x = tensor(0);
    const n = norm(b, x, { ord: number("p", 2), axis: number("axis", -1), keepdims: true });
    return b.map("where", [b.map("eq", [n, 0]), 0, b.map("div", [x, n])]);
  },
  MeanVarianceNormalization: ({ b, tensor, numbers }) => {
    const x = tensor(0);
    const over = { axis: numbers("axes") ?? [0, 2, 3], keepdims: true };
    const deviation = b.map("sqrt", [variance(b, x, { ...over, correction: 0 })]);
    return b.map("div", [b.map("sub", [x, b.mean(x, over)]), addEps(b, deviation, 1e-9)]);
  },
  LRN: ({ b, tensor, number }) => {
    const size = number("size", 1);
    if (size % 2 === 0) throw new Error("LRN of an even size, whose window lies one channel further on");
    return localResponseNorm(b, tensor(0), {
      size,
      alpha: number("alpha", 1e-4),
      beta: number("beta", 0.75),
      k: number("bias", 1),
    });
  },
};

export const ROW_OPERATORS: OnnxTable = { ...REDUCTIONS, ...SOFTMAX, ...NORMALIZATIONS };

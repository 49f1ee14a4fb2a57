/** What the normalizations of activations `[N, C, ...]` share: numbers per channel, channels being axis 1. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { Value } from "../ir/graph-builder.ts";
import { applyAffine } from "./layer-norm.ts";
import type { NumberOrValue, Ops } from "./ops.ts";

export const CHANNELS = { least: 2, layout: "[N, C, ...]" } as const;

export interface ChannelNormOptions<T = Value> {
  /** One number per channel, `[C]`. */
  readonly weight?: T | undefined;
  /** One number per channel, `[C]`. */
  readonly bias?: T | undefined;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/** `x * weight + bias` with one weight and bias per channel. */
export function applyPerChannel(
  name: string,
  ops: Ops,
  x: Value,
  { weight, bias }: ChannelNormOptions,
  span: Span | undefined,
): Value {
  const spread = (role: string, given: Value | undefined): Value | undefined =>
    given === undefined ? undefined : perChannel(name, ops, x, role, given, span);
  return applyAffine(ops, x, spread("weight", weight), spread("bias", bias));
}

/** `[C]` as `[C, 1, ...]`, which broadcasts against `[N, C, ...]`. */
export function perChannel(
  name: string,
  ops: Ops,
  x: Value,
  role: string,
  given: Value,
  span: Span | undefined,
): Value {
  const [, channels = 0, ...rest] = x.type.shape;
  if (given.type.shape.length !== 1 || given.type.shape[0] !== channels)
    fail("shape-mismatch", `the ${role} of ${name} is ${printType(given.type)}`, {
      span,
      notes: [{ message: `x is ${printType(x.type)}, with its channels on axis 1` }],
      help: `reshape the ${role} to [${String(channels)}], one number per channel`,
    });
  return ops.reshape(given, [channels, ...rest.map(() => 1)]);
}

/** The number of values that each channel's moments are taken over, which has to be more than one. */
export function requireSeveral(
  name: string,
  x: Value,
  axes: readonly number[],
  span: Span | undefined,
): number {
  const count = axes.reduce((n, d) => n * (x.type.shape[d] ?? 1), 1);
  if (count === 1)
    fail("invalid-shape", `${name} of ${printType(x.type)} has one value to take a mean and a variance of`, {
      span,
      help: "the result would be the bias whatever x is: use more values, or batchNorm with running statistics",
    });
  return count;
}

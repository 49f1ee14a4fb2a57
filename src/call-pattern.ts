/**
 * What the arguments of a call look like: tensors by type, scalars by dtype, all else by value. A call that matches the
 * pattern of an earlier one runs the same program; matching is several times faster than spelling out a key.
 *
 * Requires: arguments that `flattenArguments` accepts.
 * Ensures:  calls match one pattern only if their keys are equal; tensors and scalars are found in the order of leaves.
 */
import { isScalarArgument } from "./frontend/trace/arguments.ts";
import { type DType, sameShape } from "./ir/dtype.ts";
import type { Device, Tensor } from "./runtime/device.ts";

export type ArgumentPattern =
  | { readonly kind: "tensor"; readonly dtype: DType; readonly shape: readonly number[] }
  | { readonly kind: "scalar"; readonly dtype: DType }
  | { readonly kind: "static"; readonly value: unknown }
  | { readonly kind: "array"; readonly items: readonly ArgumentPattern[] }
  | { readonly kind: "object"; readonly keys: readonly string[]; readonly items: readonly ArgumentPattern[] };

/** Tensors and scalar values of a call, in the order of its leaves. */
export interface CallValues {
  readonly tensors: Tensor[];
  readonly scalars: number[];
}

export const isTensor = (arg: object): arg is Tensor => "read" in arg && "device" in arg && "dtype" in arg;

export function describeArgument(arg: unknown): ArgumentPattern {
  if (typeof arg !== "object" || arg === null) return { kind: "static", value: arg };
  if (isTensor(arg)) return { kind: "tensor", dtype: arg.dtype, shape: [...arg.shape] };
  if (isScalarArgument(arg)) return { kind: "scalar", dtype: arg.dtype };
  if (Array.isArray(arg)) return { kind: "array", items: arg.map(describeArgument) };
  return { kind: "object", keys: Object.keys(arg), items: Object.values(arg).map(describeArgument) };
}

/** The values of a call that matches and has its tensors on the device, or null. */
export function matchArguments(
  patterns: readonly ArgumentPattern[],
  args: readonly unknown[],
  device: Device,
): CallValues | null {
  if (patterns.length !== args.length) return null;
  const values: CallValues = { tensors: [], scalars: [] };
  for (let i = 0; i < args.length; i++) {
    const pattern = patterns[i];
    if (pattern === undefined || !matches(pattern, args[i], device, values)) return null;
  }
  return values;
}

function matches(pattern: ArgumentPattern, arg: unknown, device: Device, into: CallValues): boolean {
  if (pattern.kind === "static") return Object.is(pattern.value, arg);
  if (typeof arg !== "object" || arg === null) return false;
  switch (pattern.kind) {
    case "tensor":
      if (!isTensor(arg) || arg.device !== device) return false;
      if (arg.dtype !== pattern.dtype || !sameShape(arg.shape, pattern.shape)) return false;
      into.tensors.push(arg);
      return true;
    case "scalar":
      if (!isScalarArgument(arg) || arg.dtype !== pattern.dtype) return false;
      into.scalars.push(arg.value);
      return true;
    case "array":
      return Array.isArray(arg) && matchItems(pattern.items, arg, device, into);
    case "object":
      return matchObject(pattern, arg, device, into);
  }
}

const matchItems = (
  patterns: readonly ArgumentPattern[],
  items: readonly unknown[],
  device: Device,
  into: CallValues,
): boolean =>
  items.length === patterns.length &&
  patterns.every((pattern, index) => matches(pattern, items[index], device, into));

function matchObject(
  { keys, items }: Extract<ArgumentPattern, { readonly kind: "object" }>,
  arg: object,
  device: Device,
  into: CallValues,
): boolean {
  if (Array.isArray(arg) || isTensor(arg) || isScalarArgument(arg)) return false;
  const found = Object.keys(arg);
  if (found.length !== keys.length || !keys.every((key, index) => key === found[index])) return false;
  return matchItems(items, Object.values(arg), device, into);
}

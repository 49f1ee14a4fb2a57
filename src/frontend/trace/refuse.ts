/** What traced tensors refuse, in words that say how to mend it. All of them throw `TensorweftError`. */
import { captureCallSite } from "../../diagnostics/call-site.ts";
import { fail } from "../../diagnostics/diagnostic.ts";
import type { Span } from "../../diagnostics/diagnostic.ts";
import { printType } from "../../ir/dtype.ts";
import type { TensorType } from "../../ir/dtype.ts";
import { resolveAxes } from "../../ir/shape-rules.ts";

/** @throws {TensorweftError} `value-dependent`, at the line of user code that asked */
export function refuseValue(message: string): never {
  fail("value-dependent", `${message}, which is not known while its function is traced`, {
    span: captureCallSite(1),
    help:
      "compute with methods (x.add(y), x.lt(y)), choose between values with where(condition, x, y), take parts with " +
      "slice; dtype, shape, ndim and size are known",
  });
}

/** The shape without dimensions of length 1; refuses axes of another length. */
export function squeezeShape(
  type: TensorType,
  axis: number | readonly number[],
  span: Span | undefined,
): readonly number[] {
  const axes = resolveAxes(typeof axis === "number" ? [axis] : axis, type, span);
  const long = axes.find((d) => type.shape[d] !== 1);
  if (long !== undefined)
    fail("invalid-axis", `axis ${String(long)} of ${printType(type)} has not length 1`, {
      span,
      help: "squeeze drops dimensions of length 1 only; reduce or reshape others",
    });
  return type.shape.filter((_, d) => !axes.includes(d));
}

/** For callers without types: what is no operand is named, instead of failing somewhere inside. */
export function refuseOperand(op: string, given: unknown, span: Span | undefined): never {
  const kind =
    given === null ? "null" : Array.isArray(given) ? "an array" : `a value of type ${typeof given}`;
  fail("wrong-argument", `${op} is given ${kind}`, {
    span,
    help: "operands are traced tensors, numbers and booleans; pass data as an argument of the traced function",
  });
}

/** Calls that give several tensors, by name. */
import type { Value } from "../../ir/graph-builder.ts";
import { TracedTensor } from "./traced-tensor.ts";
import type { TracedOperand } from "./traced-tensor.ts";
import { openCall } from "./traced-value.ts";
import type { TraceCall } from "./traced-value.ts";

/** As `traceOp`, for a function that builds one value for each key. */
export function traceSeveral<K extends string>(
  op: string,
  operands: readonly TracedOperand[],
  build: (call: TraceCall) => Readonly<Record<K, Value>>,
): Readonly<Record<K, TracedTensor>> {
  const { scope, call } = openCall(op, operands);
  const entries: readonly (readonly [string, Value])[] = Object.entries(build(call));
  const traced = entries.map(([key, value]) => [key, new TracedTensor(scope, value)]);
  // Object.fromEntries forgets the keys, which are those that `build` gave.
  return Object.fromEntries(traced) as Readonly<Record<K, TracedTensor>>;
}

/** Options of library functions, with the values of traced tensors in the tensors' place. */
import type { Value } from "../../ir/graph-builder.ts";
import { TracedTensor } from "./traced-tensor.ts";
import type { TraceCall } from "./traced-value.ts";

type LoweredOption<V> = V extends TracedTensor ? Value : V;
type LoweredOptions<O> = { readonly [K in keyof O]: LoweredOption<O[K]> };

export function lowerOptions<O extends object>(options: O, call: TraceCall): LoweredOptions<O> {
  const entries: readonly (readonly [string, unknown])[] = Object.entries(options);
  const lowered = entries.map(([key, value]) => [
    key,
    value instanceof TracedTensor ? call.value(value) : value,
  ]);
  // Object.fromEntries forgets keys and their types; both are those of `options`.
  return Object.fromEntries(lowered) as LoweredOptions<O>;
}

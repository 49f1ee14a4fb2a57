/**
 * Stores that other kernels can read a value from. 16-bit outputs are rounded: a reader of the value must not see that. Of an
 * output that several statements store, a kernel may write one part while it would have to read another, which no device allows.
 */
import { isNarrowFloat } from "../../ir/dtype.ts";
import type { IndexProgram, Store } from "../../ir/index-notation.ts";

export function keepingStores({
  tensors,
  stores,
}: Pick<IndexProgram, "tensors" | "stores">): readonly Store[] {
  const narrow = new Set(tensors.filter((t) => isNarrowFloat(t.dtype)).map((t) => t.name));
  const shared = new Set<string>();
  const seen = new Set<string>();
  for (const { tensor } of stores) (seen.has(tensor) ? shared : seen).add(tensor);
  return stores.filter(({ tensor }) => !narrow.has(tensor) && !shared.has(tensor));
}

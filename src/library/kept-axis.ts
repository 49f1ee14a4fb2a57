/**
 * PyTorch's `dim` of weight normalization: the axis that keeps its own norms. It is no ordinary axis number.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { TensorType } from "../ir/dtype.ts";

/**
 * The axis that `dim` keeps, or null for one norm over the whole tensor. null and -1 both mean the whole tensor; -2, -3,
 * ... count from the end, so the last axis can only be named by its positive number (PyTorch does the same).
 */
export function resolveKeptAxis(
  name: string,
  type: TensorType,
  dim: number | null,
  span: Span | undefined,
): number | null {
  const rank = type.shape.length;
  if (rank === 0)
    fail("invalid-shape", `${name} needs at least one dimension, not ${printType(type)}`, {
      span,
      help: "reshape a single number to [1]",
    });
  if (dim === null || dim === -1) return null;
  if (Number.isInteger(dim) && dim >= -rank && dim < rank) return dim < 0 ? dim + rank : dim;
  return fail("invalid-axis", `dim ${String(dim)} is out of range for ${printType(type)}`, {
    span,
    help: `dim runs from ${String(-rank)} to ${String(rank - 1)}; null or -1 takes the norm of the whole tensor`,
  });
}

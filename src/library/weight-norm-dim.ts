/**
 * Which axis of a weight a gain belongs to, read off the two shapes: checkpoints store g and v and no `dim`.
 *
 *     v [O,I,K], g [O,1,1]         axis 0; likewise any axis that alone is not 1 in g (PyTorch, and MLX where g keeps all axes)
 *     v [O,I,K], g [] or all 1     one norm over the whole tensor
 *     v [O,I,K], g [O]             axis 0, if no other axis of v has length O
 *
 * Where g has one element and v an axis of length 1, keeping that axis and keeping none give the same norm. Of these equal
 * readings the first such axis is taken, so that conv_post.weight_v [1,32,7] with g [1,1,1] has PyTorch's default, 0.
 */
import { elementCount } from "../ir/dtype.ts";

export type InferredDim =
  /** null: one norm over the whole tensor. */
  | { readonly kind: "known"; readonly dim: number | null }
  /** Several axes fit, and they mean different norms. */
  | { readonly kind: "ambiguous"; readonly dims: readonly number[] }
  | { readonly kind: "mismatch" };

const MISMATCH: InferredDim = { kind: "mismatch" };

/** The axes of v that a gain of this shape can have kept. */
export function inferDim(v: readonly number[], g: readonly number[]): InferredDim {
  if (v.length === 0 || g.length > v.length) return MISMATCH;
  const long = g.flatMap((n, axis) => (n === 1 ? [] : [axis]));
  if (long.length === 0) {
    const single = g.length === 0 ? -1 : v.indexOf(1);
    return { kind: "known", dim: single < 0 ? null : single };
  }
  if (g.length === v.length) {
    const [axis = 0, ...others] = long;
    return others.length === 0 && g[axis] === v[axis] ? { kind: "known", dim: axis } : MISMATCH;
  }
  if (g.length > 1) return MISMATCH;
  const [length] = g;
  const fitting = v.flatMap((n, axis) => (n === length ? [axis] : []));
  const [only, ...others] = fitting;
  if (only === undefined) return MISMATCH;
  return others.length === 0 ? { kind: "known", dim: only } : { kind: "ambiguous", dims: fitting };
}

/** Whether a gain of this shape can be read as one number for each position of axis `dim` (null: one number). */
export function fitsDim(v: readonly number[], g: readonly number[], dim: number | null): boolean {
  const norms = gainShape(v, dim);
  if (elementCount(g) !== elementCount(norms)) return false;
  if (g.length === v.length) return g.every((n, axis) => n === 1 || axis === dim);
  return g.length <= 1;
}

/** The shape of g as PyTorch stores it: the other axes with length 1, or [] for one norm over the whole tensor. */
export const gainShape = (v: readonly number[], dim: number | null): readonly number[] =>
  dim === null ? [] : v.map((n, axis) => (axis === dim ? n : 1));

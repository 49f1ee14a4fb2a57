/** Normalization of a weight by its greatest singular value. */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { printType } from "../ir/dtype.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { resolveAxis } from "../ir/shape-rules.ts";
import { normalize } from "./norm.ts";
import { bindOps, requireFloat, requireRank } from "./ops.ts";
import type { NumberOrValue } from "./ops.ts";

export interface SpectralNormOptions<T = Value> {
  /** The axis that is the matrix's first; all others are its second. Default 0 (1 for transposed convolutions). */
  readonly dim?: number | undefined;
  /** Steps of the power iteration, known at compile time. Default 1; 0 uses u and v as they are. */
  readonly nPowerIterations?: number | undefined;
  /** Least value of the norms that u and v are divided by. Default 1e-12. */
  readonly eps?: NumberOrValue<T> | undefined;
}

/** The normalized weight, what it was divided by (rank 0), and the vectors to start from at the next call. */
export interface SpectralNorm<T = Value> {
  readonly y: T;
  readonly sigma: T;
  readonly u: T;
  readonly v: T;
}

/**
 * `w / sigma`, `sigma = u M v`, for `w` of any rank from 2 as the matrix M `[h, w]` (h the length of `dim`), after
 * nPowerIterations steps `u = normalize(M v)`, `v = normalize(transpose(M) u)` from the given `u` `[h]` and `v` `[w]`.
 * Miyato et al., "Spectral Normalization for Generative Adversarial Networks" (2018), algorithm 1;
 * torch.nn.utils.parametrizations.spectral_norm. Unlike there, u and v are arguments and results, not hidden state. A
 * matrix of zeros gives NaN. Dtypes: floating point, the result that of w.
 *
 * @throws {TensorweftError} where u or v is not one number per row or column of M
 */
export function spectralNorm(
  b: GraphBuilder,
  w: Value,
  u: Value,
  v: Value,
  options: SpectralNormOptions = {},
  span?: Span,
): SpectralNorm {
  const { nPowerIterations = 1, eps = 1e-12 } = options;
  requireFloat("spectralNorm", w, span);
  requireRank("spectralNorm", w, { least: 2, layout: "[O, I, ...]" }, span);
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 0)
    fail("invalid-value", `${String(nPowerIterations)} power iterations`, {
      span,
      help: "nPowerIterations is a whole number from 0",
    });
  const ops = bindOps(b, span);
  const matrix = toMatrix(b, w, options.dim ?? 0, span);
  const [rows = 0, columns = 0] = matrix.type.shape;
  requireVector("u", u, rows, w, span);
  requireVector("v", v, columns, w, span);
  const timesMatrix = (x: Value): Value => ops.reduce("sum", ops.mul(matrix, x), { axis: 1 });
  const timesTransposed = (x: Value): Value =>
    ops.reduce("sum", ops.mul(matrix, ops.reshape(x, [rows, 1])), { axis: 0 });
  // u and v are constants, as PyTorch iterates under no_grad.
  const unit = (x: Value): Value => ops.stopGradient(normalize(b, x, { axis: 0, eps }, span));
  let left = ops.stopGradient(u);
  let right = ops.stopGradient(v);
  let product: Value | undefined; // transpose(M) u of the last step
  for (let step = 0; step < nPowerIterations; step++) {
    left = unit(timesMatrix(right));
    product = timesTransposed(left);
    right = unit(product);
  }
  // u (M v) is (transpose(M) u) v: the step has that product, and M need not be read again. Both have the gradient u v by M.
  const terms = product === undefined ? ops.mul(left, timesMatrix(right)) : ops.mul(product, right);
  const sigma = ops.reduce("sum", terms, {});
  return { y: ops.div(w, sigma), sigma, u: left, v: right };
}

/** `dim` in front, the rest flattened. */
function toMatrix(b: GraphBuilder, w: Value, dim: number, span: Span | undefined): Value {
  const axis = resolveAxis(dim, w.type, span);
  const order = w.type.shape.map((_, d) => d).filter((d) => d !== axis);
  const turned = axis === 0 ? w : b.transpose(w, [axis, ...order], span);
  const columns = order.reduce((n, d) => n * (w.type.shape[d] ?? 1), 1);
  return b.reshape(turned, [w.type.shape[axis] ?? 0, columns], span);
}

function requireVector(role: string, x: Value, length: number, w: Value, span: Span | undefined): void {
  if (x.type.shape.length === 1 && x.type.shape[0] === length) return;
  fail("shape-mismatch", `${role} of spectralNorm is ${printType(x.type)}`, {
    span,
    notes: [{ message: `w is ${printType(w.type)}` }],
    help: `${role} has one number per ${role === "u" ? "row" : "column"} of w as a matrix: [${String(length)}]`,
  });
}

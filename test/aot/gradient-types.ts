/** Checked by tsc alone: what the editor says of gradients in source. */
import {
  grad,
  softmax,
  sum,
  valueAndGrad,
  vjp,
  weightNorm,
  type Mask,
  type Result,
  type Tensor,
} from "../../src/aot.ts";

declare const x: Tensor<["N", 3]>;
declare const w: Tensor<[3]>;
interface Params {
  readonly scale: number;
  readonly layers: readonly [number, number];
}
declare const params: Params;

const loss = (a: Tensor<["N", 3]>, b: Tensor<[3]>): number => sum(a * b);

export const one: Result = grad(loss)(x, w);
export const several: readonly [Result, Result] = grad(loss, { argnums: [0, -1] })(x, w);
export const value: readonly [Result, Result] = valueAndGrad(loss, { argnums: 1 })(x, w);
export const shape: readonly number[] = grad(loss)(x, w).shape;
/** Parameters without types are numbers, as tensors are to operators. */
export const untyped: Result = grad((a, b) => sum(a ** 2 * b))(x * 2, 3);
export const twice: Result = grad((a) => sum(grad((b) => sum(b ** 3))(a)))(x);

const ofParams = ({ scale, layers }: Params, input: number): number => sum(scale * layers[0] * input);
export const tree: { readonly scale: Result; readonly layers: readonly [Result, Result] } = grad(ofParams)(
  params,
  x,
);

const [y, pullback] = vjp(softmax, x);
export const [dx]: readonly [Result] = pullback(y);
export const [dv, dg]: readonly [Result, Result] = vjp((v, g) => weightNorm(v, g), x, w)[1](1);
const [parts, pullParts] = vjp((a: number) => ({ total: sum(a), rows: [a, a * 2] }), x);
export const total: number = parts.total;
export const [da]: readonly [Result] = pullParts({ total: 1, rows: [x, x] });

// @ts-expect-error -- the arguments stand in parentheses of their own
grad(loss, x, w);
// @ts-expect-error -- the other argument is missing
grad(loss)(x);
// @ts-expect-error -- no function
grad(x);
// @ts-expect-error -- results are one tensor
grad((a: number) => [a, a]);
// @ts-expect-error -- and that is no mask
valueAndGrad((a: number): Mask => softmax(a) as unknown as Mask);
// @ts-expect-error -- one gradient is no array
export const [first] = grad(loss)(x, w);
// @ts-expect-error -- no such option
grad(loss, { argnum: 1 });
// @ts-expect-error -- a cotangent for each tensor of the result
pullParts({ total: 1 });
// @ts-expect-error -- a mask has no derivative
vjp((a: number): Mask => (a > 0) as Mask, x);

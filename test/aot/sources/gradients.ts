/** Gradients as source, in every form that there is: the tests hold what is built to the tracing API and to the oracle. */
import {
  exp,
  grad,
  kernel,
  layerNorm,
  max,
  mean,
  norm,
  rmsNorm,
  softmax,
  stopGradient,
  sum,
  valueAndGrad,
  vjp,
  weightNorm,
  type Tensor,
} from "tensorweft/aot";
import { scaled } from "./helpers.ts";

const distance = (a: number, b: number): number => sum((a - b) ** 2);

/** A local function, by two of its three arguments. */
const loss = (v: Tensor<["O", "I", "K"]>, g: Tensor<["O", 1, 1]>, target: Tensor<["O", "I", "K"]>): number =>
  distance((g * v) / norm(v, { axis: [1, 2], keepdims: true }), target);

/** The parameters are those of the function. */
export const weightNormGrad = kernel(grad(loss, { argnums: [0, 1] }));

export const weightNormStep = kernel(
  (v: Tensor<["O", "I", "K"]>, g: Tensor<["O", 1, 1]>, target: Tensor<["O", "I", "K"]>, rate = 0.1) => {
    const [error, [dv, dg]] = valueAndGrad(loss, { argnums: [0, -2] })(v, g, target);
    return { error, v: v - rate * dv, g: g - rate * dg };
  },
);

/** A kernel of the module. */
export const rms = kernel((x: Tensor<["N", "M"]>, w: Tensor<["M"]>, eps = 1e-6) =>
  scaled(x, { weight: w, eps }),
);

export const rmsBackward = kernel(
  (x: Tensor<["N", "M"]>, w: Tensor<["M"]>, dy: Tensor<["N", "M"]>, eps = 1e-6) => {
    const [, pullback] = vjp(
      (input: Tensor<["N", "M"]>, weight: Tensor<["M"]>) => rms(input, weight, eps),
      x,
      w,
    );
    const [dx, dw] = pullback(dy);
    return { dx, dw };
  },
);

/** A function of the library, and the pullback taken by its position. */
export const softmaxBackward = kernel(
  (x: Tensor<["N", "M"]>, dy: Tensor<["N", "M"]>) => vjp(softmax, x)[1](dy)[0],
);

/** Results and arguments in objects and arrays; a number for a cotangent. */
export const moments = kernel((x: Tensor<["N", "M"]>, w: Tensor<["M"]>, dy: Tensor<["N", 1]>) => {
  const statistics = ({ rows, weights: [first] }: { rows: number; weights: readonly [number] }) => {
    const mu = mean(rows * first, { axis: 1, keepdims: true });
    return { mu, total: sum(rows ** 2) };
  };
  const [{ total }, pullback] = vjp(statistics, { rows: x, weights: [w] });
  const [{ rows, weights }] = pullback({ mu: dy, total: 0.5 });
  return [total, rows, ...weights];
});

/** Second derivatives, of an arrow function without types. */
export const curvature = kernel((x: Tensor<["N", "M"]>) =>
  grad((a) => sum(grad((b) => sum(exp(-(b ** 2))))(a) ** 2))(x),
);

/** No derivative through the maximum. */
export const stable = kernel((x: Tensor<["N", "M"]>) => {
  const energy = (a: number): number => {
    const top = stopGradient(max(a, { axis: 1, keepdims: true }));
    return sum(Math.log(sum(exp(a - top), { axis: 1, keepdims: true })) + top);
  };
  return grad(energy)(x);
});

/** By a scalar of the call, and by a tensor that the function reads beside its arguments: that one is constant. */
export const slope = kernel((x: Tensor<["N", "M"]>, scale: number) => {
  const energy = (by: number): number => sum((x * by) ** 2) / 2;
  return grad(energy)(scale);
});

/** Any number of rows. */
export const layerNormBackward = kernel((x: Tensor<["B", "D"]>, dy: Tensor<["B", "D"]>) => {
  const [y, pullback] = vjp((input) => layerNorm(input), x);
  return [y, ...pullback(dy)];
});

/** In f16: computed in f32, rounded once. */
export const packedGrad = kernel((v: Tensor<["O", "I"]>, g: Tensor<["O", 1]>) =>
  grad((a: number, b: number): number => sum(weightNorm(a, b) ** 2), { argnums: 1 })(v, g),
);

/** Derivatives are values like others. */
export const powers = kernel((x: Tensor<["N", "M"]>) => {
  const cube = (a: number): number => sum(a ** 3);
  const first = grad(cube);
  const parts = [x, x * 2].map(first);
  return [...parts, rmsNorm(first(x))];
});

/** One tensor for two arguments, given as a list, and the gradients in another order than the arguments. */
export const sameTwice = kernel((x: Tensor<["N", "M"]>) => {
  const pair = [x, x] as const;
  return grad((a: number, b: number): number => sum(a * b ** 2), { argnums: [1, 0] })(...pair);
});

/** A derivative by one tensor inside a function of another, which it reads. */
export const mixed = kernel((x: Tensor<["N", "M"]>, w: Tensor<["M"]>) =>
  grad((a: number): number => sum(a * sum(grad((b: number): number => sum(a * b * b))(w))))(x),
);

/** A pullback of a derivative, called more than once: by a tensor, by a number, by the result. */
export const again = kernel((x: Tensor<["N", "M"]>, dy: Tensor<["N", "M"]>) => {
  const [y, pullback] = vjp(
    grad((a: number): number => sum(a > 0 ? a ** 3 : -a)),
    x,
  );
  return [pullback(dy)[0], pullback(1)[0], pullback(y)[0]];
});

const rows = { N: 4, M: 32 };
export const shapes = {
  weightNormGrad: [{ O: 8, I: 16, K: 3 }],
  weightNormStep: { O: 8, I: 16, K: 3 },
  rms: rows,
  rmsBackward: rows,
  softmaxBackward: rows,
  moments: rows,
  curvature: rows,
  stable: rows,
  slope: rows,
  layerNormBackward: { B: "dynamic", D: 24 },
  packedGrad: { O: 6, I: 32, dtype: "f16" },
  powers: rows,
  sameTwice: rows,
  mixed: rows,
  again: rows,
};

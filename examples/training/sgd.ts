/** Stochastic gradient descent with momentum, as PyTorch has it: m = momentum * m + gradient, p = p - lr * m. */
import { valueAndGrad } from "tensorweft";
import type { TracedTensor } from "tensorweft";

export type Parameters = Readonly<Record<string, TracedTensor>>;

export interface DescentOptions {
  readonly lr: number;
  /** Default 0. */
  readonly momentum?: number;
}

/** What one step gives: the loss before it, and parameters and velocities after it. */
export type Step<P extends Parameters> = Readonly<{ loss: TracedTensor; params: P; velocity: P }>;

/** One step on a loss: a function of the parameters, their velocities, and what else the loss takes. */
export const descend =
  <P extends Parameters, D extends readonly TracedTensor[]>(
    loss: (params: P, ...data: D) => TracedTensor,
    { lr, momentum = 0 }: DescentOptions,
  ): ((params: P, velocity: P, ...data: D) => Step<P>) =>
  (params, velocity, ...data) => {
    const [value, slopes] = valueAndGrad(loss)(params, ...data);
    const next = mapParameters(velocity, (m, name) => m.mul(momentum).add(at(slopes, name)));
    return {
      loss: value,
      params: mapParameters(params, (p, name) => p.sub(at(next, name).mul(lr))),
      velocity: next,
    };
  };

function mapParameters<P extends Parameters>(
  parameters: P,
  update: (value: TracedTensor, name: string) => TracedTensor,
): P {
  const entries = Object.entries(parameters).map(([name, value]) => [name, update(value, name)]);
  return Object.fromEntries(entries) as P; // the names are those of `parameters`
}

function at(parameters: object, name: string): TracedTensor {
  const value = (parameters as Partial<Parameters>)[name];
  if (value === undefined) throw new Error(`there is no parameter ${name}`);
  return value;
}

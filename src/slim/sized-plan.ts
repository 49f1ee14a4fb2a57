/** Plans for every size of a dynamic dimension in generated modules: found by the shapes of a call, and kept for the next one. */
import { sameShape, type TensorType } from "../ir/dtype.ts";
import { type DynamicPlan, isInRange, planAt } from "../ir/dynamic-plan.ts";
import type { Plan } from "../ir/plan.ts";

/** Plans that are kept: a size that comes again finds its buffers. */
const MOST_PLANS = 16;

export class SizedPlan {
  readonly #dynamic: DynamicPlan;
  readonly #plans = new Map<number, Plan>();

  constructor(dynamic: DynamicPlan) {
    this.#dynamic = dynamic;
  }

  /** At some size: its kernels are those of all sizes. */
  get plan(): Plan {
    return this.#dynamic.plan;
  }

  /** The plan for tensors of these types, or undefined where they have other shapes or a size out of range. */
  find(types: readonly TensorType[]): Plan | undefined {
    const { inputs, plan } = this.#dynamic;
    const size = this.#sizeOf(types);
    if (!isInRange(this.#dynamic, size)) return undefined;
    const fits = plan.inputs.every(({ dtype, shape }, i) => {
      const type = types[i];
      const wanted = shape.map((length, d) => (inputs[i]?.[d] ?? 0) * size || length);
      return type?.dtype === dtype && sameShape(type.shape, wanted);
    });
    return fits ? this.#planFor(size) : undefined;
  }

  /** Its inputs in the words of a message, as in `x: f32[1 to 4095,512]`. */
  describe(): string {
    const { inputs, plan, least, most } = this.#dynamic;
    const types = plan.inputs.map(({ name, dtype, shape }, i) => {
      const lengths = shape.map((length, d) => {
        const growth = inputs[i]?.[d] ?? 0;
        return growth === 0 ? String(length) : `${least * growth} to ${most * growth}`;
      });
      return `${name}: ${dtype}[${lengths.join(",")}]`;
    });
    return `(${types.join(", ")})`;
  }

  #sizeOf(types: readonly TensorType[]): number {
    for (const [i, growths] of this.#dynamic.inputs.entries())
      for (const [d, growth] of growths.entries())
        if (growth > 0) return (types[i]?.shape[d] ?? Number.NaN) / growth;
    return Number.NaN;
  }

  #planFor(size: number): Plan {
    const plan = this.#plans.get(size) ?? planAt(this.#dynamic, size);
    this.#plans.delete(size);
    this.#plans.set(size, plan); // last used, last in the order
    const [oldest] = this.#plans.keys();
    if (this.#plans.size > MOST_PLANS && oldest !== undefined) this.#plans.delete(oldest);
    return plan;
  }
}

/** What generated modules write around a plan that serves many sizes. */
export const sizedPlan = (dynamic: DynamicPlan): SizedPlan => new SizedPlan(dynamic);

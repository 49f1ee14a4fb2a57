/** What generated modules export: functions on tensors, each with a plan for every shape that it was built for. */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { printType, sameShape, type TensorType } from "../ir/dtype.ts";
import type { Plan } from "../ir/plan.ts";
import type { SizedPlan } from "./sized-plan.ts";
import { asTensors, SlimDevice } from "./slim-device.ts";
import type { SlimTensor } from "./slim-tensor.ts";
import type { Device, Preparable } from "./types.ts";

/** How results are handed out: alone, as an array, or as an object with these keys. */
export type ResultForm = "one" | "list" | readonly string[];

type AnyPlan = Plan | SizedPlan;

/**
 * A kernel over its plans, which differ in the types of their inputs only. `Call` is its type: the generator writes an
 * overload for each plan. Calls take the tensors, then an object with the scalars where there are any.
 */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- generated modules say what they export
export function defineKernel<Call>(
  name: string,
  form: ResultForm,
  plans: readonly AnyPlan[],
): Call & Preparable {
  const count = plans[0] === undefined ? 0 : kernelsOf(plans[0]).inputs.length;
  const call = (...args: readonly unknown[]): unknown => {
    const tensors = asTensors(name, args.slice(0, Math.max(count, args.length - 1)));
    const rest = args[tensors.length];
    const [plan, kernels] = choosePlan(name, plans, tensors);
    const device = tensors[0]?.device;
    if (!(device instanceof SlimDevice)) return refuseCount(name, plans, tensors.length);
    const results = device.run(plan, kernels, tensors, (rest ?? {}) as Readonly<Record<string, number>>);
    if (form === "one") return results[0];
    if (form === "list") return results;
    return Object.fromEntries(form.map((key, i) => [key, results[i]]));
  };
  const prepare = async (device: Device): Promise<void> => {
    if (!(device instanceof SlimDevice))
      fail("wrong-device", `${name}.prepare() was given no device of tensorweft/runtime`, {
        span: captureCallSite(),
        help: 'open one with openDevice() of "tensorweft/runtime"',
      });
    await Promise.all(plans.map((plan) => device.loadKernels(kernelsOf(plan)).prepare()));
  };
  Object.defineProperty(call, "name", { value: name });
  // That the plans do what `Call` says is the generator's part.
  return Object.assign(call, { prepare }) as unknown as Call & Preparable;
}

/** Where its kernels are, which a device compiles once. */
const kernelsOf = (plan: AnyPlan): Plan => ("version" in plan ? plan : plan.plan);

/** The plan for these tensors, and the one that its kernels are compiled for. */
function choosePlan(
  name: string,
  plans: readonly AnyPlan[],
  tensors: readonly SlimTensor[],
): readonly [Plan, Plan] {
  const [first, ...others] = plans;
  if (first === undefined || kernelsOf(first).inputs.length !== tensors.length)
    return refuseCount(name, plans, tensors.length);
  // With one plan, the check of its inputs says which of them is wrong.
  if (others.length === 0 && "version" in first) return [first, first];
  for (const plan of plans) {
    const found = "version" in plan ? (fits(plan, tensors) ? plan : undefined) : plan.find(tensors);
    if (found !== undefined) return [found, kernelsOf(plan)];
  }
  const built = plans.map((plan) => ("version" in plan ? listTypes(plan, plan.inputs) : plan.describe()));
  return fail("shape-mismatch", `${name} was not built for ${listTypes(kernelsOf(first), tensors)}`, {
    span: captureCallSite(),
    help: `it was built for ${built.join(" or ")}: add these shapes to its source and build again`,
  });
}

const fits = ({ inputs }: Plan, tensors: readonly SlimTensor[]): boolean =>
  inputs.every((input, i) => {
    const tensor = tensors[i];
    return tensor?.dtype === input.dtype && sameShape(tensor.shape, input.shape);
  });

const listTypes = ({ inputs }: Plan, types: readonly TensorType[]): string =>
  `(${types.map((type, i) => `${inputs[i]?.name ?? ""}: ${printType(type)}`).join(", ")})`;

function refuseCount(name: string, [plan]: readonly AnyPlan[], given: number): never {
  const names = plan === undefined ? [] : kernelsOf(plan).inputs.map((input) => input.name);
  return fail("wrong-argument", `${name} takes ${names.length} tensors, not ${given}`, {
    span: captureCallSite(),
    help: `call it as ${name}(${names.join(", ")})`,
  });
}

/**
 * The text of a plan for many sizes, as caches hold it: JSON, like that of a plan (read-plan.ts).
 *
 * Ensures: `readDynamicPlanValue` gives back what `printPlan` wrote. It takes anything, throws nothing and gives only what has the
 *          form of such a plan, field by field; whether it makes sense is for `verifyDynamicPlan` to say.
 */
import type { DynamicPlan, StepGrowth } from "./dynamic-plan.ts";
import { isRecord, readCount, readEach } from "./read-json.ts";
import { readPlanValue } from "./read-plan.ts";

export function readDynamicPlanValue(value: unknown): DynamicPlan | null {
  if (!isRecord(value)) return null;
  const plan = readPlanValue(value["plan"]);
  const [least, most, mostWorkgroups] = [value["least"], value["most"], value["mostWorkgroups"]].map(
    readCount,
  );
  const [inputs, outputs, bindings] = [value["inputs"], value["outputs"], value["bindings"]].map((rows) =>
    readEach(rows, readCounts),
  );
  const temporaries = readCounts(value["temporaries"]);
  const steps = readEach(value["steps"], readStep)?.map(({ growth }) => growth);
  if (plan === null || temporaries === null || steps === undefined) return null;
  if (typeof least !== "number" || typeof most !== "number" || typeof mostWorkgroups !== "number")
    return null;
  if (!inputs || !outputs || !bindings) return null;
  return { plan, least, most, inputs, outputs, temporaries, bindings, steps, mostWorkgroups };
}

const readCounts = (value: unknown): readonly number[] | null => readEach(value, readCount);

/** In an object, because null is a growth as well. */
function readStep(value: unknown): { readonly growth: StepGrowth | null } | null {
  if (value === null) return { growth: null };
  if (!isRecord(value)) return null;
  const [steps, perWorkgroup, others] = [value["steps"], value["perWorkgroup"], value["others"]].map(
    readCount,
  );
  if (typeof steps !== "number" || typeof perWorkgroup !== "number" || typeof others !== "number")
    return null;
  return { growth: { steps, perWorkgroup, others } };
}

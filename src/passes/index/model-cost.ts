/** What the kernels of a program cost together, by the model of fusion. */
import { isRefusal } from "../../ir/fusion-reason.ts";
import type { GroupedProgram } from "../../ir/index-notation.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import { formCandidate, type Candidate } from "./candidate-group.ts";
import { fusionContext } from "./fusion-context.ts";

export interface ModelledCost {
  readonly kernels: number;
  readonly us: number;
  readonly bytes: number;
}

/** The kernels run one after another. */
export function modelCost({ program, groups }: GroupedProgram, profile: DeviceProfile): ModelledCost {
  const context = fusionContext(program, profile);
  const candidates = groups.flatMap(({ statements }) => {
    const candidate = formCandidate(context, statements);
    return isRefusal(candidate) ? [] : candidate;
  });
  const total = (part: (candidate: Candidate) => number): number =>
    candidates.reduce((sum, candidate) => sum + part(candidate), 0);
  return { kernels: groups.length, us: total((c) => c.timeUs), bytes: total((c) => c.bytes) };
}

/** Slower forms of as many kernels that move less: how few workgroups slow a kernel down is the least certain of the model. */
const ABOUT_AS_QUICK = 1.25;

/** Whether one form of a program should run in place of another one. */
export const isBetterForm = (form: ModelledCost, other: ModelledCost): boolean =>
  form.us < other.us ||
  (form.kernels <= other.kernels && form.bytes < other.bytes && form.us < ABOUT_AS_QUICK * other.us);

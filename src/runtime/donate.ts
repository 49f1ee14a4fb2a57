/**
 * Which results may take over the buffer of an input that the caller gives away.
 *
 * A result fits an input of equal dtype and size in bytes. Every step that reads the input must come before the first that
 * writes the result; a step that does both is ruled out, since WebGPU forbids a dispatch to bind one buffer for
 * reading and for writing, and a copy from a buffer to itself.
 */
import type { Plan } from "../ir/plan.ts";
import { tensorBytes } from "../ir/verify-plan.ts";

/** For each output, the donated input that it replaces, or -1. Each input is used once, in the order of outputs. */
export function assignDonations(plan: Plan, donated: readonly number[]): readonly number[] {
  const free = new Set(donated);
  const accesses = findAccesses(plan);
  return plan.outputs.map((_, output) => {
    for (const input of free) {
      if (!canReplace(plan, input, output, accesses)) continue;
      free.delete(input);
      return input;
    }
    return -1;
  });
}

/** Whether input and output may be one buffer. */
export function canReplace(
  plan: Plan,
  input: number,
  output: number,
  { reads, writes } = findAccesses(plan),
): boolean {
  const [given, wanted] = [plan.inputs[input], plan.outputs[output]];
  if (given === undefined || wanted === undefined) return false;
  if (given.dtype !== wanted.dtype || tensorBytes(given) !== tensorBytes(wanted)) return false;
  const from = plan.buffers.findIndex((b) => b.kind === "input" && b.index === input);
  const to = plan.buffers.findIndex((b) => b.kind === "output" && b.index === output);
  return (reads.get(from)?.last ?? -1) < (writes.get(to)?.first ?? 0);
}

interface Steps {
  readonly first: number;
  readonly last: number;
}

interface Accesses {
  readonly reads: ReadonlyMap<number, Steps>;
  readonly writes: ReadonlyMap<number, Steps>;
}

/** First and last step that reads, and that writes, each buffer of the plan. */
function findAccesses(plan: Plan): Accesses {
  const [reads, writes] = [new Map<number, Steps>(), new Map<number, Steps>()];
  const note = (steps: Map<number, Steps>, buffer: number, step: number): void => {
    steps.set(buffer, { first: steps.get(buffer)?.first ?? step, last: step });
  };
  for (const [index, step] of plan.steps.entries()) {
    if (step.kind === "copy") {
      note(reads, step.from, index);
      note(writes, step.to, index);
      continue;
    }
    const bindings = plan.kernels[step.kernel]?.bindings ?? [];
    for (const [position, buffer] of step.buffers.entries())
      note(bindings[position]?.access === "read" ? reads : writes, buffer, index);
  }
  return { reads, writes };
}

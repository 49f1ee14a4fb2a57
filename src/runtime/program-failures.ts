/** Errors of WebGPU as errors of a program: which kernel, and which lines of the user it computes. */
import { type Note, TensorweftError } from "../diagnostics/diagnostic.ts";
import type { Plan, PlanStep, StepSource } from "../ir/plan.ts";
import { firstLine } from "./device-health.ts";
import { gpuError } from "./runtime-errors.ts";

/** Lines of the user that one message names. */
const MOST_PLACES = 8;
const LONGEST_STATEMENT = 160;

/** The error of a call that shared a scope with all its steps, or with other calls too. */
export function describeCallFailure(
  { name, kernels }: Plan,
  error: GPUError,
  isAlone: boolean,
): TensorweftError {
  const names = [...new Set(kernels.map((kernel) => kernel.name))];
  const guilty = names.filter((kernel) => error.message.includes(`"${kernel}"`));
  if (guilty.length === 0 && !isAlone)
    return gpuError(`@${name} was submitted with a call that failed: ${firstLine(error.message)}`, [], error);
  const list = (guilty.length > 0 ? guilty : names).map((kernel) => `"${kernel}"`).join(", ");
  const label = names.length === 1 || guilty.length === 1 ? "kernel" : "one of the kernels";
  return gpuError(`running @${name} failed in ${label} ${list}: ${firstLine(error.message)}`, [], error);
}

/** The error of one step, which had a scope of its own; step -1 stands for the copies of inputs that are made before. */
export function describeStepFailure(plan: Plan, position: number, error: GPUError): TensorweftError {
  const step = plan.steps[position];
  const what = step?.kind === "dispatch" ? nameDispatch(plan, step) : "a copy of an input";
  const [first = "", ...rest] = error.message.trim().split("\n");
  const where = position < 0 ? "" : `, step ${position + 1} of ${plan.steps.length}`;
  const notes = rest.map((line): Note => ({ message: line.replace(/^[\s-]+/, "") }));
  const failure = gpuError(`running @${plan.name} failed in ${what}${where}: ${first}`, notes, error);
  return locate(failure, step?.kind === "dispatch" ? step.sources : undefined);
}

/**
 * The kernel of a step. Where equal layers share one it is called after the first of them, so that the results that this step
 * computes are named as well.
 */
function nameDispatch(plan: Plan, step: PlanStep & { readonly kind: "dispatch" }): string {
  const kernel = plan.kernels[step.kernel];
  const sharers = plan.steps.filter((other) => other.kind === "dispatch" && other.kernel === step.kernel);
  const name = `kernel "${kernel?.name ?? ""}"`;
  if (sharers.length === 1) return name;
  const results = step.buffers.flatMap((position, i) => {
    const buffer = plan.buffers[position];
    const isResult = buffer?.kind === "output" && kernel?.bindings[i]?.access === "read_write";
    return isResult ? [`"${plan.outputs[buffer.index]?.name ?? ""}"`] : [];
  });
  const what = results.length === 0 ? "" : ` for ${results.join(", ")}`;
  return `${name}${what}, which ${String(sharers.length)} steps share`;
}

/** The error of a kernel that does not compile, at the lines of all steps that run it. */
export function locateKernelFailure(plan: Plan, kernel: number, failure: TensorweftError): TensorweftError {
  const sources = plan.steps.flatMap((step) =>
    step.kind === "dispatch" && step.kernel === kernel ? (step.sources ?? []) : [],
  );
  return locate(failure, sources);
}

/** The last statement of a kernel is what it is for: the error stands there, and the others are notes. */
function locate(failure: TensorweftError, sources: readonly StepSource[] = []): TensorweftError {
  const [diagnostic] = failure.diagnostics;
  const bySpan = new Map<string, StepSource>();
  for (const source of sources) {
    const { span } = source;
    if (span === undefined) continue;
    const key = `${span.file}:${String(span.line)}:${String(span.column)}`;
    bySpan.delete(key); // in the order of last statements
    bySpan.set(key, source);
  }
  const places = [...bySpan.values()].reverse();
  if (diagnostic === undefined || places.length === 0) return failure;
  const notes = places.slice(0, MOST_PLACES).map(({ statement, span }): Note => {
    const text =
      statement.length > LONGEST_STATEMENT ? `${statement.slice(0, LONGEST_STATEMENT)} ...` : statement;
    return { message: `the kernel computes ${text}`, span };
  });
  return new TensorweftError(
    [{ ...diagnostic, span: places[0]?.span, notes: [...notes, ...diagnostic.notes] }],
    {
      cause: failure.cause,
    },
  );
}

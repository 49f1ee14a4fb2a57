/** Checks of what a loaded program is called with, the same for every backend. */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { errorAt, fail, TensorweftError } from "../diagnostics/diagnostic.ts";
import { suggestName } from "../diagnostics/suggest.ts";
import { type DType, printType, sameShape, type TensorType } from "../ir/dtype.ts";
import type { Plan, PlanScalar, PlanTensor } from "../ir/plan.ts";
import { roundTo } from "../ir/round.ts";
import { disposedTensor, wrongDevice } from "./runtime-errors.ts";

export interface Signature {
  readonly name: string;
  readonly inputs: readonly PlanTensor[];
  readonly scalars: readonly PlanScalar[];
}

/** What the checks see of a tensor, whichever runtime it belongs to. */
export interface CheckedTensor extends TensorType {
  readonly disposed: boolean;
  readonly label: string;
  readonly device: { readonly backend: string };
}

/** Every input is there, alive, on this device, and of the type that the program was compiled for. */
export function checkInputs(
  signature: Signature,
  device: CheckedTensor["device"],
  inputs: readonly CheckedTensor[],
): void {
  checkTensors({ role: "input", program: signature.name, wanted: signature.inputs }, device, inputs);
}

/** As `checkInputs`, for tensors that a bound call is to fill. */
export function checkOutputs(
  signature: Pick<Plan, "name" | "outputs">,
  device: CheckedTensor["device"],
  outputs: readonly CheckedTensor[],
): void {
  checkTensors({ role: "result", program: signature.name, wanted: signature.outputs }, device, outputs);
}

interface Wanted {
  readonly role: "input" | "result";
  readonly program: string;
  readonly wanted: readonly PlanTensor[];
}

function checkTensors(
  signature: Wanted,
  device: CheckedTensor["device"],
  tensors: readonly CheckedTensor[],
): void {
  const { role, program, wanted } = signature;
  if (tensors.length !== wanted.length) {
    const count = role === "input" ? `takes ${wanted.length} tensors` : `has ${wanted.length} results`;
    fail("wrong-argument", `@${program} ${count}, not ${tensors.length}`, {
      span: captureCallSite(),
      help: `pass ${wanted.length === 0 ? "none" : wanted.map(({ name }) => name).join(", ")}`,
    });
  }
  for (let index = 0; index < wanted.length; index++) {
    const [type, tensor] = [wanted[index], tensors[index]];
    if (type === undefined || tensor === undefined) continue;
    if (tensor.disposed) throw disposedTensor(tensor.label);
    if (tensor.device !== device) throw wrongDevice(tensor);
    if (tensor.dtype !== type.dtype || !sameShape(tensor.shape, type.shape))
      throw wrongType(signature, type, tensor);
  }
}

function wrongType({ role, program }: Wanted, wanted: PlanTensor, given: TensorType): TensorweftError {
  const code = given.dtype === wanted.dtype ? "shape-mismatch" : "dtype-mismatch";
  const message = `${role} "${wanted.name}" of @${program} is ${printType(wanted)}, but ${printType(given)} was passed`;
  const help = "pass a tensor of that type, or compile the program for this one";
  return new TensorweftError([errorAt(code, message, { span: captureCallSite(), help })]);
}

/** The values of all scalars of the signature, in its order. */
export function bindScalars(
  signature: Signature,
  given: Readonly<Record<string, number>>,
): readonly number[] {
  let used = 0;
  const values = signature.scalars.map((scalar) => {
    const value = given[scalar.name];
    if (value !== undefined) used += 1;
    const bound = value ?? scalar.default;
    if (bound === undefined)
      return fail("wrong-argument", `scalar "${scalar.name}" of @${signature.name} has no value`, {
        span: captureCallSite(),
        help: `pass { ${scalar.name}: ... }: it has no default`,
      });
    checkScalar(signature, scalar, bound);
    return bound;
  });
  // Counting first keeps the common call free of searches for names that are not there.
  const names = Object.keys(given);
  if (used !== names.length) refuseUnknown(signature, names);
  return values;
}

function refuseUnknown(signature: Signature, names: readonly string[]): void {
  const known = signature.scalars.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  const near = suggestName(unknown, known);
  const list = known.length === 0 ? "it has no scalars" : `its scalars are ${known.join(", ")}`;
  fail("unknown-argument", `@${signature.name} has no scalar "${unknown}"`, {
    span: captureCallSite(),
    help: near === undefined ? list : `did you mean "${near}"?`,
  });
}

function checkScalar(signature: Signature, { name, dtype }: PlanScalar, value: unknown): void {
  if (typeof value !== "number" && typeof value !== "boolean")
    fail("wrong-argument", `scalar "${name}" of @${signature.name} is a ${typeof value}`, {
      span: captureCallSite(),
      help: "pass a number",
    });
  if (isExact(dtype, Number(value))) return;
  fail("invalid-value", `scalar "${name}" of @${signature.name} is ${dtype}, which ${String(value)} is not`, {
    span: captureCallSite(),
    help: "pass a whole number in its range",
  });
}

/** f32 rounds and bool is `!= 0`, but an integer that silently became another one would be a wrong result. */
const isExact = (dtype: DType, value: number): boolean =>
  (dtype !== "i32" && dtype !== "u32") || roundTo(dtype, value) === value;

/** Calls after an `await` are not in the batch that their function was passed to. */
export function refusePromise<R>(result: R): R {
  if (result instanceof Promise) {
    result.catch(() => undefined); // the mistake below is the one to report
    fail("wrong-argument", "batch() was given an async function", {
      span: captureCallSite(),
      help: "pass a function that makes its calls at once, and await reads after batch()",
    });
  }
  return result;
}

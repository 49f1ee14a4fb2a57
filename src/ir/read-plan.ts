/**
 * The text of a plan, as caches and files hold it: JSON, in which nan, infinities and -0 are words, since JSON has no
 * numbers for them.
 *
 * Ensures: `readPlan(printPlan(p))` equals p. `readPlan` takes anything, throws nothing and gives only what has the form of a
 *          plan, field by field: nothing else of a foreign object gets any further. Whether the plan makes sense is for
 *          `verifyPlan` to say.
 */
import { type DType, DTYPES } from "./dtype.ts";
import { isRecord, readCount, readEach, readText } from "./read-json.ts";
import type { ScalarParam } from "./kernel.ts";
import { parseNumber, printNumber } from "./number-text.ts";
import type { Plan, PlanBuffer, PlanKernel, PlanScalar, PlanStep, PlanTensor, StepSource } from "./plan.ts";

const SCALAR_DTYPES: readonly ScalarParam["dtype"][] = ["f32", "i32", "u32", "bool"];

/** The text of a plan, or of something that holds one. */
export const printPlan = (plan: object): string => JSON.stringify(plan, (_, value: unknown) => spell(value));

const spell = (value: unknown): unknown =>
  typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))
    ? printNumber(value, "f32")
    : value;

/** The plan in a text, or null. */
export function readPlan(text: string): Plan | null {
  try {
    return readPlanValue(JSON.parse(text));
  } catch {
    return null;
  }
}

/** The plan in what JSON.parse has made of its text, or null. */
export function readPlanValue(value: unknown): Plan | null {
  if (!isRecord(value) || value["version"] !== 1) return null;
  const name = readText(value["name"]);
  const inputs = readEach(value["inputs"], readTensor);
  const scalars = readEach(value["scalars"], readScalar);
  const outputs = readEach(value["outputs"], readTensor);
  const buffers = readEach(value["buffers"], readBuffer);
  const kernels = readEach(value["kernels"], readKernel);
  const steps = readEach(value["steps"], readStep);
  if (name === null || inputs === null || scalars === null || outputs === null) return null;
  if (buffers === null || kernels === null || steps === null) return null;
  return { version: 1, name, inputs, scalars, outputs, buffers, kernels, steps };
}

function readTensor(value: unknown): PlanTensor | null {
  if (!isRecord(value)) return null;
  const name = readText(value["name"]);
  const dtype = DTYPES.find((known: DType) => known === value["dtype"]);
  const shape = readEach(value["shape"], readCount);
  return name === null || dtype === undefined || shape === null ? null : { name, dtype, shape };
}

function readScalarParam(value: unknown): ScalarParam | null {
  if (!isRecord(value)) return null;
  const name = readText(value["name"]);
  const dtype = SCALAR_DTYPES.find((known) => known === value["dtype"]);
  return name === null || dtype === undefined ? null : { name, dtype };
}

function readScalar(value: unknown): PlanScalar | null {
  const param = readScalarParam(value);
  if (param === null || !isRecord(value)) return null;
  if (value["default"] === undefined) return param;
  const standard = readNumber(value["default"]);
  return standard === null ? null : { ...param, default: standard };
}

function readBuffer(value: unknown): PlanBuffer | null {
  if (!isRecord(value)) return null;
  const { kind } = value;
  if (kind === "temporary") {
    const bytes = readCount(value["bytes"]);
    return bytes === null ? null : { kind, bytes };
  }
  if (kind !== "input" && kind !== "output") return null;
  const index = readCount(value["index"]);
  return index === null ? null : { kind, index };
}

function readKernel(value: unknown): PlanKernel | null {
  if (!isRecord(value)) return null;
  const [name, wgsl, entryPoint] = [value["name"], value["wgsl"], value["entryPoint"]].map(readText);
  const bindings = readEach(value["bindings"], readBinding);
  const scalars = readEach(value["scalars"], readScalarParam);
  const features = readEach(value["features"], readText);
  if (typeof name !== "string" || typeof wgsl !== "string" || typeof entryPoint !== "string") return null;
  if (bindings === null || scalars === null || features === null) return null;
  return { name, wgsl, entryPoint, bindings, scalars, features };
}

function readBinding(value: unknown): PlanKernel["bindings"][number] | null {
  if (!isRecord(value)) return null;
  const { access } = value;
  const bytes = readCount(value["bytes"]);
  return (access === "read" || access === "read_write") && bytes !== null ? { access, bytes } : null;
}

function readStep(value: unknown): PlanStep | null {
  if (!isRecord(value)) return null;
  const { kind } = value;
  if (kind === "copy") {
    const [from, to, bytes] = [value["from"], value["to"], value["bytes"]].map(readCount);
    if (typeof from !== "number" || typeof to !== "number" || typeof bytes !== "number") return null;
    return { kind, from, to, bytes };
  }
  if (kind !== "dispatch") return null;
  const kernel = readCount(value["kernel"]);
  const buffers = readEach(value["buffers"], readCount);
  const [x, y, z, ...more] = readEach(value["workgroups"], readCount) ?? [];
  if (kernel === null || buffers === null || more.length > 0) return null;
  if (x === undefined || y === undefined || z === undefined) return null;
  const offsets = value["offsets"] === undefined ? undefined : readEach(value["offsets"], readCount);
  const values = value["values"] === undefined ? undefined : readEach(value["values"], readNumber);
  const sources = value["sources"] === undefined ? undefined : readEach(value["sources"], readSource);
  if (offsets === null || values === null || sources === null) return null;
  return {
    kind,
    kernel,
    buffers,
    workgroups: [x, y, z],
    ...(offsets === undefined ? {} : { offsets }),
    ...(values === undefined ? {} : { values }),
    ...(sources === undefined ? {} : { sources }),
  };
}

function readSource(value: unknown): StepSource | null {
  if (!isRecord(value)) return null;
  const statement = readText(value["statement"]);
  if (statement === null || value["span"] === undefined) return statement === null ? null : { statement };
  if (!isRecord(value["span"])) return null;
  const file = readText(value["span"]["file"]);
  const [line, column, length] = ["line", "column", "length"].map((key) =>
    readCount(Reflect.get(value["span"] as object, key)),
  );
  if (file === null || typeof line !== "number" || typeof column !== "number" || typeof length !== "number")
    return null;
  return { statement, span: { file, line, column, length } };
}

function readNumber(value: unknown): number | null {
  if (typeof value === "number") return value;
  return typeof value === "string" ? (parseNumber(value) ?? null) : null;
}

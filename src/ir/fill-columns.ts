/**
 * Ops of index expressions over columns of numbers: what `kernel-values.ts` says of one point, for many at a time.
 *
 * Requires: operands are as long as the result, or have one number for all points.
 */
import { evaluateElement } from "./kernel-values.ts";
import type { IndexOp, ScalarType } from "./kernel.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/** Numbers of indices and conditions are u32, others keep their fractions and signs. */
export type Numbers = Uint32Array | Float64Array;

/** 0 where a column has one number for all points. */
export const stepOf = (numbers: Numbers | undefined): number => (numbers?.length === 1 ? 0 : 1);

/** Also tells the engine that no fraction has to be kept. */
const u32 = (value: number | undefined): number => (value ?? 0) >>> 0;

/** `floor(from / stride) mod size`. */
export function fillCoordinate(into: Numbers, from: Numbers, stride: number, size: number): void {
  for (let i = 0; i < into.length; i++) into[i] = u32(u32(from[i]) / stride) % size;
}

/** As `evaluateIndex` does: arrays of u32 take integers modulo 2^32 and drop fractions. */
export function fillIndex(fn: IndexOp, into: Numbers, operands: readonly Numbers[]): void {
  const [a = into, b = into] = operands;
  const [p, q] = [stepOf(a), stepOf(b)];
  const n = into.length;
  switch (fn) {
    case "add":
      for (let i = 0; i < n; i++) into[i] = (a[i * p] ?? 0) + (b[i * q] ?? 0);
      break;
    case "sub":
      for (let i = 0; i < n; i++) into[i] = (a[i * p] ?? 0) - (b[i * q] ?? 0);
      break;
    case "mul":
      for (let i = 0; i < n; i++) into[i] = Math.imul(a[i * p] ?? 0, b[i * q] ?? 0);
      break;
    case "div":
      for (let i = 0; i < n; i++) into[i] = u32(a[i * p]) / u32(b[i * q]);
      break;
    case "mod":
      for (let i = 0; i < n; i++) into[i] = u32(a[i * p]) % u32(b[i * q]);
      break;
    case "min":
      for (let i = 0; i < n; i++) into[i] = Math.min(u32(a[i * p]), u32(b[i * q]));
      break;
    default:
      fn satisfies never;
  }
}

type U32Comparison = "lt" | "ge" | "eq" | "and";

/** What bounds are made of; other ops go the long way. */
const isU32Comparison = (fn: ScalarOp, operands: readonly Numbers[]): fn is U32Comparison =>
  (fn === "lt" || fn === "ge" || fn === "eq" || fn === "and") &&
  operands.every((numbers) => numbers instanceof Uint32Array);

function fillTruth(fn: U32Comparison, into: Numbers, operands: readonly Numbers[]): void {
  const [a = into, b = into] = operands;
  const [p, q] = [stepOf(a), stepOf(b)];
  const n = into.length;
  switch (fn) {
    case "lt":
      for (let i = 0; i < n; i++) into[i] = (a[i * p] ?? 0) < (b[i * q] ?? 0) ? 1 : 0;
      break;
    case "ge":
      for (let i = 0; i < n; i++) into[i] = (a[i * p] ?? 0) >= (b[i * q] ?? 0) ? 1 : 0;
      break;
    case "eq":
      for (let i = 0; i < n; i++) into[i] = a[i * p] === b[i * q] ? 1 : 0;
      break;
    case "and":
      for (let i = 0; i < n; i++) into[i] = a[i * p] !== 0 && b[i * q] !== 0 ? 1 : 0;
      break;
    default:
      fn satisfies never;
  }
}

/** Element by element; `operand` is the type of the last operand. */
export function fillOp(fn: ScalarOp, operand: ScalarType, into: Numbers, operands: readonly Numbers[]): void {
  if (isU32Comparison(fn, operands)) fillTruth(fn, into, operands);
  else
    for (let i = 0; i < into.length; i++)
      into[i] = evaluateElement(
        fn,
        operand,
        operands.map((numbers) => numbers[i * stepOf(numbers)] ?? 0),
      );
}

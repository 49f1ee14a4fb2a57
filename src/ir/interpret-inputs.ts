/**
 * Inputs of an interpreted graph: found by name, counted, rounded to the dtype they are declared with.
 *
 * Ensures: what is missing, too long or too short is the caller's mistake and throws `TensorweftError`.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import { elementCount, printType } from "./dtype.ts";
import type { DType } from "./dtype.ts";
import type { ParamNode, ScalarNode } from "./graph.ts";
import { roundTo } from "./round.ts";

/** Elements in row-major order as numbers (bool: 0 and not 0). A plain number serves for one element. */
export type InputData = ArrayLike<number> | number;

export function readInput(
  node: ParamNode | ScalarNode,
  inputs: ReadonlyMap<string, InputData>,
  rounded = true,
): Float64Array {
  const given = inputs.get(node.name) ?? (node.op === "scalar" ? node.default : undefined);
  if (given === undefined)
    fail("wrong-argument", `no value is given for ${node.name}`, {
      span: node.span,
      help: `pass ${node.name} as ${printType(node.type)}`,
    });
  const source = typeof given === "number" ? [given] : given;
  const count = elementCount(node.type.shape);
  if (source.length !== count)
    fail("wrong-argument", `${node.name} has ${String(source.length)} elements, expected ${String(count)}`, {
      span: node.span,
      help: `pass ${node.name} as ${printType(node.type)}, in row-major order`,
    });
  return rounded ? roundElements(node.type.dtype, source) : new Float64Array(source);
}

function roundElements(dtype: DType, source: ArrayLike<number>): Float64Array {
  if (isStoredAs(dtype, source)) return new Float64Array(source);
  const values = new Float64Array(source.length);
  for (let i = 0; i < values.length; i++) values[i] = roundTo(dtype, source[i] ?? 0);
  return values;
}

/** Whether the array's own element type already holds only values of the dtype. */
function isStoredAs(dtype: DType, source: ArrayLike<number>): boolean {
  return (
    (dtype === "f32" && source instanceof Float32Array) ||
    (dtype === "i32" && source instanceof Int32Array) ||
    (dtype === "u32" && source instanceof Uint32Array)
  );
}

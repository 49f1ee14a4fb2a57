/**
 * ONNX operators as graphs of ours.
 *
 * Ensures: arithmetic on shapes and constants happens here and leaves no node; an operator that there is not throws.
 */
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import type { GraphBuilder } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { ELEMENTWISE_OPERATORS } from "./elementwise-operators.ts";
import type { OnnxAttributes, OnnxCase } from "./onnx-data.ts";
import { createCall, host, tensor, toTensor } from "./onnx-values.ts";
import type { OnnxTable, OnnxValue } from "./onnx-values.ts";
import { ROW_OPERATORS } from "./row-operators.ts";
import { foldArithmetic, SHAPE_OPERATORS } from "./shape-operators.ts";

const OPERATORS: OnnxTable = { ...SHAPE_OPERATORS, ...ELEMENTWISE_OPERATORS, ...ROW_OPERATORS };

export const OPERATOR_NAMES: ReadonlySet<string> = new Set(Object.keys(OPERATORS));

/** The outputs of one operator. */
export function fromOnnxNode(
  b: GraphBuilder,
  op: string,
  attributes: OnnxAttributes,
  inputs: readonly (OnnxValue | null)[],
): readonly OnnxValue[] {
  const present = inputs.filter((value) => value !== null);
  const known = present.filter((value) => value.kind === "host");
  const folded = known.length === present.length ? foldArithmetic(op, known) : undefined;
  if (folded !== undefined) return [folded];
  const build = OPERATORS[op];
  if (build === undefined) throw new Error(`no operator ${op}`);
  const built = build(createCall(b, op, inputs, attributes));
  if ("kind" in built) return [built];
  return "id" in built ? [tensor(built)] : built.map(tensor);
}

/** A case as a graph: its inputs but the lists, its outputs under their names. */
export function buildOnnxGraph({ id, inputs, outputs, nodes }: OnnxCase): Graph {
  const b = createGraphBuilder(id);
  const values = new Map<string, OnnxValue>();
  for (const input of inputs) {
    if (input === null) continue;
    const { name, dtype, shape, isList } = input;
    values.set(
      name,
      isList ? host(dtype, shape, [...input.values]) : tensor(b.param(name, { dtype, shape })),
    );
  }
  for (const node of nodes) {
    const operands = node.inputs.map((name) => {
      const value = name === null ? null : values.get(name);
      if (value === undefined) throw new Error(`${id}: ${node.op} reads ${name ?? "?"} before it is there`);
      return value;
    });
    fromOnnxNode(b, node.op, node.attributes, operands).forEach((value, i) => {
      const name = node.outputs[i];
      if (name !== undefined) values.set(name, value);
    });
  }
  return b.finish(
    outputs.flatMap((output) => {
      if (output === null) return [];
      const value = values.get(output.name);
      if (value === undefined) throw new Error(`${id} has no output ${output.name}`);
      return [{ name: output.name, value: toTensor(b, value) }];
    }),
  );
}

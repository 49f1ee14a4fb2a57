/**
 * Reverse accumulation: cotangents flow from values back to what they were computed from, through the rules of this
 * folder. The nodes that compute them are added to the same graph, so a derivative can be differentiated like anything
 * else, and all of it is simplified and fused together.
 *
 * Requires: variables made by `builder.variable`; outputs of this builder.
 * Ensures:  linear time in the nodes between the first variable and the last output, without recursion; nothing is built
 *           that no variable needs; contributions are added in one order, that of their users from last to first, so
 *           equal programs give equal graphs. A new node carries the place of the node it is the derivative of.
 *
 * Baydin et al., "Automatic Differentiation in Machine Learning: a Survey" (2018), section 3.2; marks of variables keep
 * nested derivatives apart (Siskind and Pearlmutter, "Perturbation Confusion and Referential Transparency", 2005).
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { isFloat } from "../ir/dtype.ts";
import type { CustomRegion, GraphBuilder, Value } from "../ir/graph-builder.ts";
import { operandsOf } from "../ir/graph.ts";
import type { Node, NodeId } from "../ir/graph.ts";
import { REDUCE_RULES } from "./reduce-rules.ts";
import { SCALAR_RULES } from "./scalar-rules.ts";
import type { ScalarRule } from "./scalar-rules.ts";
import { bindTerms } from "./terms.ts";
import type { MovingTerms, Terms } from "./terms.ts";
import { VIEW_RULES } from "./view-rules.ts";

/** A value, and the cotangent that it has from outside: f32, of its shape. */
export interface Seed {
  readonly value: Value;
  readonly cotangent: Value;
}

interface Sweep extends MovingTerms {
  readonly builder: GraphBuilder;
  readonly span: Span | undefined;
  /** Whether a cotangent of the node would reach a variable. */
  readonly isActive: (id: NodeId) => boolean;
  /** What has come in so far. */
  readonly cotangents: Map<NodeId, Value>;
}

/** The cotangents of `variables`, f32, in their order; undefined where no output depends on it. */
export function pullBack(
  builder: GraphBuilder,
  outputs: readonly Seed[],
  variables: readonly Value[],
  span?: Span,
): readonly (Value | undefined)[] {
  const wanted = new Set(variables.map(({ id }) => id));
  const first = Math.min(...wanted);
  const last = Math.max(-1, ...outputs.map(({ value }) => value.id));
  const isActive = findActive(builder, wanted, first, last);
  const sweep: Sweep = { ...bindTerms(builder), builder, span, isActive, cotangents: new Map() };
  for (const { value, cotangent } of outputs) receive(sweep, value.id, cotangent);
  for (let id = last; id >= first; id--) {
    if (wanted.has(id) || !isActive(id)) continue;
    const mark = builder.markAt(id);
    if (mark?.kind !== "custom") pullThroughNode(sweep, id);
    // Outputs of a region stand together: at the first of them, all cotangents are there.
    else if (id === mark.region.outputs[0]) pullThroughRegion(sweep, mark.region);
  }
  return variables.map(({ id }) => sweep.cotangents.get(id));
}

/** Adds a contribution to the cotangent of a node, unless it would lead nowhere. */
function receive({ builder, span, isActive, cotangents }: Sweep, id: NodeId, cotangent: Value): void {
  if (!isActive(id)) return;
  const known = cotangents.get(id);
  cotangents.set(id, known === undefined ? cotangent : builder.map("add", [known, cotangent], span));
}

function findActive(
  builder: GraphBuilder,
  wanted: ReadonlySet<NodeId>,
  first: NodeId,
  last: NodeId,
): (id: NodeId) => boolean {
  const active: boolean[] = [];
  const isActive = (id: NodeId): boolean => active[id - first] === true;
  for (let id = first; id <= last; id++) {
    const { type } = builder.valueAt(id);
    const mark = builder.markAt(id);
    if (!isFloat(type.dtype) || mark?.kind === "stop") active.push(false);
    else if (wanted.has(id)) active.push(true);
    else if (mark?.kind === "custom") active.push(mark.region.inputs.some(isActive));
    else active.push(activeOperands(builder.nodes[id], isActive).length > 0);
  }
  return isActive;
}

interface OperandPlace {
  readonly operand: NodeId;
  readonly position: number;
}

/** The operands that a cotangent of `node` goes on to. */
function activeOperands(node: Node | undefined, isActive: (id: NodeId) => boolean): readonly OperandPlace[] {
  if (node === undefined || (node.op === "reduce" && REDUCE_RULES[node.fn] === null)) return [];
  return operandsOf(node).flatMap((operand, position) =>
    isActive(operand) && (node.op !== "map" || ruleOf(node.fn, position) !== null)
      ? [{ operand, position }]
      : [],
  );
}

function ruleOf(fn: keyof typeof SCALAR_RULES, position: number): ScalarRule {
  const rules: readonly ScalarRule[] = SCALAR_RULES[fn];
  return rules[position] ?? null;
}

function pullThroughNode(sweep: Sweep, id: NodeId): void {
  const { builder, cotangents, terms, moveTo } = sweep;
  const c = cotangents.get(id);
  const node = builder.nodes[id];
  if (c === undefined || node === undefined) return;
  cotangents.delete(id);
  moveTo(node.span ?? sweep.span);
  for (const { operand, position } of activeOperands(node, sweep.isActive)) {
    const contribution = pullToOperand(terms, node, builder.valueAt(id), c, position);
    if (contribution !== undefined) receive(sweep, operand, contribution);
  }
}

/** What the operand at `position` of `node` gets from the node's cotangent `c`. */
function pullToOperand(
  terms: Terms,
  node: Node,
  result: Value,
  c: Value,
  position: number,
): Value | undefined {
  const { builder } = terms;
  const operands = operandsOf(node).map((id) => builder.valueAt(id));
  const operand = operands[position];
  if (operand === undefined) return undefined;
  switch (node.op) {
    case "param":
    case "scalar":
    case "const":
    case "iota":
      return undefined;
    case "map": {
      const [x = operand, y = x, z = x] = operands;
      const exponent = builder.nodes[y.id];
      return ruleOf(node.fn, position)?.(terms, {
        c,
        x,
        y,
        z,
        result,
        exponent: exponent?.op === "const" ? exponent.value : undefined,
      });
    }
    case "reduce":
      return REDUCE_RULES[node.fn]?.(terms, {
        c,
        x: operand,
        result,
        axes: node.axes,
        pullBack: (seeds, variables) => pullBack(builder, seeds, variables, terms.span),
      });
    default:
      return pullThroughView(terms, node, c, operand, position);
  }
}

type ViewNode = Extract<Node, { readonly op: keyof typeof VIEW_RULES }>;

type AnyViewRule = (
  t: Terms,
  node: ViewNode,
  c: Value,
  operand: Value,
  position: number,
) => Value | undefined;

function pullThroughView(
  terms: Terms,
  node: ViewNode,
  c: Value,
  operand: Value,
  position: number,
): Value | undefined {
  // Each rule takes nodes of its own op only, which the type of the table says and a look-up by `node.op` forgets.
  const rule = VIEW_RULES[node.op] as AnyViewRule;
  return rule(terms, node, c, operand, position);
}

function pullThroughRegion(sweep: Sweep, { inputs, outputs, backward }: CustomRegion): void {
  const { builder, cotangents, span } = sweep;
  const given = outputs.map((id) => cotangents.get(id));
  if (given.every((c) => c === undefined)) return;
  const values = outputs.map((id) => builder.valueAt(id));
  for (const { id } of values) {
    cotangents.delete(id);
    const computed = builder.nodes[id];
    if (computed?.op === "reshape" && sweep.isActive(computed.arg))
      fail("wrong-argument", "a function with a derivative of its own reads a value that is differentiated", {
        span: computed.span ?? span,
        help: "pass the value to it as an argument: its derivative says what becomes of arguments only",
      });
  }
  for (const [k, contribution] of backward(given, values).entries()) {
    const input = inputs[k];
    if (input !== undefined && contribution !== undefined)
      receive(sweep, input, builder.cast(contribution, "f32", span));
  }
}

/**
 * Evaluates expressions of TypeScript source at given shapes: what is known at build time is computed as JavaScript computes
 * it, the rest becomes nodes of the graph.
 *
 * Ensures: a mistake is reported once and poisons its value; what is not understood is a mistake at its own place, never
 *          passed over; nodes carry the span of the expression that made them.
 */
import { Node, type Expression } from "ts-morph";
import type { Operand } from "../../ir/graph-builder.ts";
import { toOperand } from "../text/values.ts";
import { evaluateAccess, evaluateElement } from "./access.ts";
import {
  type AotValue,
  describeAot,
  text,
  toStatic,
  UNDEFINED,
  UNNAMED,
  float,
  integer,
} from "./aot-values.ts";
import type { Building, Evaluator } from "./building.ts";
import { callFunction, evaluateCall } from "./call-aot.ts";
import { evaluateArray, evaluateObject, evaluateTemplate } from "./literals.ts";
import { evaluateBinary, evaluateConditional, evaluateUnary } from "./operators-aot.ts";
import { spanOf } from "./places.ts";
import type { LocalScope } from "./aot-values.ts";

/** Levels of expressions and calls together; what recursion can stand on a small stack. */
const MAX_DEPTH = 300;
const MAX_STEPS = 300_000;

/** The value of an expression; undefined where a mistake in it has been reported. */
export function evaluate(node: Expression, scope: LocalScope, building: Building): AotValue | undefined {
  building.steps += 1;
  if (building.isTooLarge) return undefined;
  if (building.steps > MAX_STEPS || building.depth >= MAX_DEPTH) {
    building.isTooLarge = true;
    const help = "compute a value once with const; recursion must end at build time";
    return building.reports.error("too-large", "this takes too many steps to inline", node, help);
  }
  building.depth += 1;
  try {
    return evaluateKind(node, scope, building);
  } finally {
    building.depth -= 1;
  }
}

export const EVALUATOR: Evaluator = {
  evaluate,
  operandOf,
  call: (fn, given, node, building) => callFunction(fn, given, node, building, EVALUATOR),
};

function evaluateKind(node: Expression, scope: LocalScope, building: Building): AotValue | undefined {
  if (Node.isNumericLiteral(node)) {
    const value = Number(node.compilerNode.text); // getLiteralValue() reads 1e-12 as 1
    // 2 is an integer and 2.0 is not, which only its text tells.
    return /^\d[\d_]*$/.test(node.getText()) ? integer(value) : float(value);
  }
  if (Node.isStringLiteral(node) || Node.isNoSubstitutionTemplateLiteral(node))
    return text(node.getLiteralValue());
  if (Node.isTemplateExpression(node)) return evaluateTemplate(node, scope, building, EVALUATOR);
  if (Node.isTrueLiteral(node) || Node.isFalseLiteral(node))
    return { kind: "boolean", value: Node.isTrueLiteral(node) };
  if (Node.isNullLiteral(node)) return { kind: "none" };
  if (Node.isIdentifier(node)) return building.lookUp(node, scope);
  if (
    Node.isParenthesizedExpression(node) ||
    Node.isAsExpression(node) ||
    Node.isSatisfiesExpression(node) ||
    Node.isNonNullExpression(node)
  )
    return evaluate(node.getExpression(), scope, building);
  if (Node.isPrefixUnaryExpression(node)) return evaluateUnary(node, scope, building, EVALUATOR);
  if (Node.isBinaryExpression(node)) return evaluateBinary(node, scope, building, EVALUATOR);
  if (Node.isConditionalExpression(node)) return evaluateConditional(node, scope, building, EVALUATOR);
  if (Node.isCallExpression(node)) return evaluateCall(node, scope, building, EVALUATOR);
  if (Node.isPropertyAccessExpression(node)) return evaluateAccess(node, scope, building, EVALUATOR);
  if (Node.isElementAccessExpression(node)) return evaluateElement(node, scope, building, EVALUATOR);
  if (Node.isArrayLiteralExpression(node)) return evaluateArray(node, scope, building, EVALUATOR);
  if (Node.isObjectLiteralExpression(node)) return evaluateObject(node, scope, building, EVALUATOR);
  if (Node.isArrowFunction(node) || Node.isFunctionExpression(node))
    return { kind: "closure", name: UNNAMED, node, scope };
  return building.refuse(node);
}

/** A value as an operand of an operator, or undefined after a report. */
export function operandOf(value: AotValue, node: Expression, building: Building): Operand | undefined {
  const known = value === UNDEFINED ? undefined : toStatic(value);
  const operand = known === undefined ? undefined : toOperand(known, building.builder, spanOf(node));
  if (operand !== undefined) return operand;
  if (value.kind === "size")
    return building.reports.error(
      "value-dependent",
      `${describeAot(value)} is not known at build time`,
      node,
      "use it in shapes only (reshape, broadcastTo, times a number), or give it a length in shapes",
    );
  return building.reports.error(
    "wrong-argument",
    `an operator takes tensors and numbers, not ${describeAot(value)}`,
    node,
    "write a tensor, a number or a boolean",
  );
}

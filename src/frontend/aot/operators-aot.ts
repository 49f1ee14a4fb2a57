/** Operators: computed at once where both sides are known, nodes of the graph where one is a tensor. */
import {
  type BinaryExpression,
  type ConditionalExpression,
  type Expression,
  type PrefixUnaryExpression,
  SyntaxKind,
} from "ts-morph";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import { foldBinary, foldPower, foldUnary } from "../text/values.ts";
import { type AotValue, describeAot, text, toStatic, tensor } from "./aot-values.ts";
import { showText } from "./literals.ts";
import type { Building, Evaluator } from "./building.ts";
import { spanOf } from "./places.ts";
import type { LocalScope } from "./aot-values.ts";

type FoldedOp = "add" | "sub" | "mul" | "div" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "and" | "or";

const BINARY: ReadonlyMap<SyntaxKind, FoldedOp | "pow" | "fmod"> = new Map([
  [SyntaxKind.PlusToken, "add"],
  [SyntaxKind.MinusToken, "sub"],
  [SyntaxKind.AsteriskToken, "mul"],
  [SyntaxKind.SlashToken, "div"],
  [SyntaxKind.PercentToken, "fmod"],
  [SyntaxKind.AsteriskAsteriskToken, "pow"],
  [SyntaxKind.EqualsEqualsToken, "eq"],
  [SyntaxKind.EqualsEqualsEqualsToken, "eq"],
  [SyntaxKind.ExclamationEqualsToken, "ne"],
  [SyntaxKind.ExclamationEqualsEqualsToken, "ne"],
  [SyntaxKind.LessThanToken, "lt"],
  [SyntaxKind.LessThanEqualsToken, "le"],
  [SyntaxKind.GreaterThanToken, "gt"],
  [SyntaxKind.GreaterThanEqualsToken, "ge"],
  [SyntaxKind.AmpersandAmpersandToken, "and"],
  [SyntaxKind.BarBarToken, "or"],
]);

export function evaluateBinary(
  node: BinaryExpression,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const { evaluate } = evaluator;
  const token = node.getOperatorToken().getKind();
  const left = evaluate(node.getLeft(), scope, building);
  if (token === SyntaxKind.QuestionQuestionToken) {
    const isAbsent = left?.kind === "undefined" || left?.kind === "none";
    return isAbsent ? evaluate(node.getRight(), scope, building) : left;
  }
  const op = BINARY.get(token);
  if (op === undefined) return refuseOperator(node, building);
  // What is decided by the left side leaves the right side alone, as in JavaScript.
  if (left?.kind === "boolean" && (op === "and" || op === "or") && left.value === (op === "or")) return left;
  const right = evaluate(node.getRight(), scope, building);
  if (left === undefined || right === undefined) return undefined;
  if (left.kind === "boolean" && (op === "and" || op === "or")) return right;
  return (
    foldKnown(op, left, right) ??
    applyOp(op, node, [left, right], [node.getLeft(), node.getRight()], building, evaluator)
  );
}

/** `a op b` where both are known at build time. */
function foldKnown(op: FoldedOp | "pow" | "fmod", a: AotValue, b: AotValue): AotValue | undefined {
  if (op === "eq" || op === "ne") {
    const isPlain = (value: AotValue): boolean =>
      value.kind === "string" || value.kind === "none" || value.kind === "undefined";
    if (isPlain(a) || isPlain(b)) {
      const isEqual =
        a.kind === b.kind && (a.kind !== "string" || b.kind !== "string" || a.value === b.value);
      return { kind: "boolean", value: isEqual === (op === "eq") };
    }
    if (a.kind === "boolean" && b.kind === "boolean")
      return { kind: "boolean", value: (a.value === b.value) === (op === "eq") };
  }
  if (op === "add" && (a.kind === "string" || b.kind === "string")) {
    const [left, right] = [showText(a), showText(b)];
    if (left !== undefined && right !== undefined) return text(left + right);
  }
  if (a.kind === "size" || b.kind === "size") return foldSizes(op, a, b);
  const [x, y] = [toStatic(a), toStatic(b)];
  if (x === undefined || y === undefined) return undefined;
  if (op === "fmod") {
    if (x.kind !== "number" || y.kind !== "number") return undefined;
    const value = x.value % y.value;
    return { kind: "number", value, isInteger: x.isInteger && y.isInteger && Number.isInteger(value) };
  }
  const folded = op === "pow" ? foldPower(x, y) : foldBinary(op, x, y);
  return folded?.kind === "number" || folded?.kind === "boolean" ? folded : undefined;
}

/** What holds for all lengths of a dynamic dimension: multiples of it, and whether two lengths are the same. */
function foldSizes(op: string, a: AotValue, b: AotValue): AotValue | undefined {
  if (a.kind === "size" && b.kind === "size" && (op === "eq" || op === "ne"))
    return { kind: "boolean", value: (a.value === b.value) === (op === "eq") };
  const [size, other] = a.kind === "size" ? [a, b] : [b, a];
  return op === "mul" && size.kind === "size" && other.kind === "number" && other.isInteger && other.value > 0
    ? { ...size, value: size.value * other.value }
    : undefined;
}

function applyOp(
  fn: ScalarOp,
  node: Expression,
  values: readonly AotValue[],
  nodes: readonly Expression[],
  building: Building,
  { operandOf }: Evaluator,
): AotValue | undefined {
  const operands = values.map((value, i) => operandOf(value, nodes[i] ?? node, building));
  const given = operands.filter((operand) => operand !== undefined);
  if (given.length < operands.length) return undefined;
  const made = building.reports.attempt(node, () => building.builder.map(fn, given, spanOf(node)));
  return made === undefined ? undefined : tensor(made);
}

function refuseOperator(node: BinaryExpression, building: Building): undefined {
  const token = node.getOperatorToken().getText();
  const isAssignment = token.endsWith("=");
  const help = isAssignment
    ? "values do not change: name the new one with const"
    : "kernels have + - * / % **, comparisons, && || ! and ??";
  return building.reports.error("syntax", `the operator ${token} has no meaning in a kernel`, node, help);
}

export function evaluateUnary(
  node: PrefixUnaryExpression,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const token = node.getOperatorToken();
  const value = evaluator.evaluate(node.getOperand(), scope, building);
  if (value === undefined) return undefined;
  if (token === SyntaxKind.PlusToken) return value;
  const op =
    token === SyntaxKind.MinusToken ? "neg" : token === SyntaxKind.ExclamationToken ? "not" : undefined;
  if (op === undefined) {
    const help = "kernels have - and ! before a value";
    return building.reports.error("syntax", `${node.getText()} has no meaning in a kernel`, node, help);
  }
  const known = toStatic(value);
  const folded = known === undefined ? undefined : foldUnary(op, known);
  if (folded?.kind === "number" || folded?.kind === "boolean") return folded;
  return applyOp(op, node, [value], [node.getOperand()], building, evaluator);
}

/** `a ? b : c`: chosen at build time where `a` is known, `where` where it is a tensor. */
export function evaluateConditional(
  node: ConditionalExpression,
  scope: LocalScope,
  building: Building,
  evaluator: Evaluator,
): AotValue | undefined {
  const condition = evaluator.evaluate(node.getCondition(), scope, building);
  if (condition === undefined) return undefined;
  const [yes, no] = [node.getWhenTrue(), node.getWhenFalse()];
  const chosen = isTrue(condition);
  if (chosen !== undefined) return evaluator.evaluate(chosen ? yes : no, scope, building);
  if (condition.kind !== "tensor") return refuseCondition(condition, node.getCondition(), building);
  const [a, b] = [evaluator.evaluate(yes, scope, building), evaluator.evaluate(no, scope, building)];
  if (a === undefined || b === undefined) return undefined;
  return applyOp("where", node, [condition, a, b], [node.getCondition(), yes, no], building, evaluator);
}

/** Whether JavaScript takes a value that is known at build time for true; undefined for tensors. */
export function isTrue(value: AotValue): boolean | undefined {
  switch (value.kind) {
    case "boolean":
      return value.value;
    case "number":
      return value.value !== 0 && !Number.isNaN(value.value);
    case "string":
      return value.value !== "";
    case "none":
    case "undefined":
      return false;
    case "array":
    case "object":
    case "closure":
    case "library":
    case "derivative":
    case "pullback":
    case "namespace":
    case "module":
      return true;
    case "tensor":
    case "size":
      return undefined;
  }
}

export const refuseCondition = (value: AotValue, node: Expression, building: Building): undefined =>
  building.reports.error(
    "value-dependent",
    `whether ${describeAot(value)} holds is not known at build time`,
    node,
    "choose by element with a ? b : c, or ask about shapes, ranks and dtypes",
  );

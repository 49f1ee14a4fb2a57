/**
 * Evaluates expressions while a kernel is instantiated for concrete shapes: what is known is computed, the rest becomes
 * nodes of the graph.
 *
 * Requires: a body that `check.ts` has seen; mistakes that it reports (unknown names, wrong arity) are poison here.
 * Ensures:  a mistake is reported once and poisons its value; nodes carry the span of the expression that made them.
 */
import { errorAt, type Span } from "../../diagnostics/diagnostic.ts";
import type { Operand, SliceRange } from "../../ir/graph-builder.ts";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import type { Expr, IndexItem } from "./ast.ts";
import { evaluateApply, evaluateCall } from "./evaluate-call.ts";
import { attempt, enterLevel, leaveLevel, report, type Lowering, type Scope } from "./lowering.ts";
import { joinSpans } from "./operators.ts";
import {
  CONSTANTS,
  describeValue,
  float,
  foldBinary,
  foldPower,
  foldUnary,
  integer,
  tensor,
  toOperand,
  type Static,
} from "./values.ts";

/** The value of an expression; undefined when a mistake in it has been reported. */
export function evaluate(expr: Expr, scope: Scope, lowering: Lowering): Static | undefined {
  if (!enterLevel(lowering, expr.span)) return undefined;
  try {
    return evaluateKind(expr, scope, lowering);
  } finally {
    leaveLevel(lowering);
  }
}

function evaluateKind(expr: Expr, scope: Scope, lowering: Lowering): Static | undefined {
  switch (expr.kind) {
    case "number":
      return expr.isInteger ? integer(expr.value) : float(expr.value);
    case "boolean":
      return { kind: "boolean", value: expr.value };
    case "name":
      return lookUp(expr.text, scope);
    case "list":
      return evaluateList(expr.items, scope, lowering);
    case "tuple":
      return { kind: "tuple", items: expr.items.map((item) => evaluate(item, scope, lowering)) };
    case "call":
      return evaluateCall(expr, scope, lowering, evaluate);
    case "apply":
      return evaluateApply(expr, scope, lowering, evaluate);
    case "index":
      return evaluateIndex(expr, scope, lowering);
    case "unary":
      return evaluateUnary(expr, scope, lowering);
    case "power":
      return evaluatePower(expr, scope, lowering);
    case "chain":
      return evaluateChain(expr, scope, lowering);
    case "ellipsis":
    case "error":
      return undefined;
  }
}

function lookUp(text: string, { locals, dimensions, environment }: Scope): Static | undefined {
  const local = locals.get(text);
  // A function where a value has to stand is reported by the check.
  if (local !== undefined) return local.value?.kind === "function" ? undefined : local.value;
  const size = dimensions.sizes.get(text)?.size;
  if (size !== undefined) return integer(size);
  const constant = environment.constants.get(text);
  if (constant !== undefined) return Number.isSafeInteger(constant) ? integer(constant) : float(constant);
  return CONSTANTS.get(text);
}

function evaluateList(items: readonly Expr[], scope: Scope, lowering: Lowering): Static | undefined {
  const values: Static[] = [];
  let poisoned = false;
  for (const item of items) {
    if (item.kind === "ellipsis") {
      if (scope.dimensions.leading === undefined) {
        const help = 'use it in the type of a parameter, as in "x: f32[..., C]"';
        report(
          lowering,
          errorAt("unbound-dimension", '"..." stands for no dimensions here', { span: item.span, help }),
        );
        poisoned = true;
      } else {
        values.push(...scope.dimensions.leading.shape.map(integer));
      }
      continue;
    }
    const value = evaluate(item, scope, lowering);
    if (value === undefined) poisoned = true;
    else values.push(value);
  }
  return poisoned ? undefined : { kind: "list", items: values };
}

/** A value as an operand of an operator, or undefined after a report. */
function operandOf(value: Static | undefined, span: Span, lowering: Lowering): Operand | undefined {
  if (value === undefined) return undefined;
  const operand = toOperand(value, lowering.builder, span);
  if (operand === undefined) {
    report(
      lowering,
      errorAt("wrong-argument", `an operator takes tensors and numbers, not ${describeValue(value)}`, {
        span,
        help: value.kind === "tuple" ? "take a tuple apart with let (a, b) = ..." : "write its items out",
      }),
    );
  }
  return operand;
}

/** One step of a chain; `left` is all before it. */
function applyBinary(
  fn: ScalarOp,
  [left, right]: readonly [Static, Static],
  [leftExpr, rightExpr]: readonly [Expr, Expr],
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  const a = operandOf(left, leftExpr.span, lowering);
  const b = operandOf(right, rightExpr.span, lowering);
  if (a === undefined || b === undefined) return undefined;
  const span = joinSpans(leftExpr.span, rightExpr.span);
  const about = { scope, operands: [leftExpr, rightExpr], blame: rightExpr.span };
  const value = attempt(lowering, about, () => lowering.builder.map(fn, [a, b], span));
  return value === undefined ? undefined : tensor(value);
}

function evaluateChain(
  expr: Expr & { readonly kind: "chain" },
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  let value = evaluate(expr.first, scope, lowering);
  let before = expr.first;
  for (const { op, operand } of expr.rest) {
    const right = evaluate(operand, scope, lowering);
    value =
      value === undefined || right === undefined
        ? undefined
        : (foldBinary(op, value, right) ??
          applyBinary(op, [value, right], [before, operand], scope, lowering));
    // After the first step the left side is the whole chain so far, which has a place but no name.
    before = { kind: "chain", first: expr.first, rest: [], span: joinSpans(expr.first.span, operand.span) };
  }
  return value;
}

function evaluatePower(
  expr: Expr & { readonly kind: "power" },
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  const base = evaluate(expr.base, scope, lowering);
  const exponent = evaluate(expr.exponent, scope, lowering);
  if (base === undefined || exponent === undefined) return undefined;
  return (
    foldPower(base, exponent) ??
    applyBinary("pow", [base, exponent], [expr.base, expr.exponent], scope, lowering)
  );
}

function evaluateUnary(
  expr: Expr & { readonly kind: "unary" },
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  const value = evaluate(expr.operand, scope, lowering);
  if (value === undefined) return undefined;
  const folded = foldUnary(expr.op, value);
  if (folded !== undefined) return folded;
  const operand = operandOf(value, expr.operand.span, lowering);
  if (operand === undefined) return undefined;
  const about = { scope, operands: [expr.operand], blame: expr.operand.span };
  const made = attempt(lowering, about, () => lowering.builder.map(expr.op, [operand], expr.span));
  return made === undefined ? undefined : tensor(made);
}

// ---- slices --------------------------------------------------------------------------------------------------------

/** A bound of a slice: a whole number known at compile time. `null` after a report. */
function evaluateBound(expr: Expr | undefined, scope: Scope, lowering: Lowering): number | undefined | null {
  if (expr === undefined) return undefined;
  const value = evaluate(expr, scope, lowering);
  if (value === undefined) return null;
  if (value.kind === "number" && Number.isSafeInteger(value.value)) return value.value;
  report(
    lowering,
    errorAt("wrong-argument", `an index must be a whole number, not ${describeValue(value)}`, {
      span: expr.span,
      help: "positions are known when a kernel is compiled: numbers, dimensions and their arithmetic",
    }),
  );
  return null;
}

function evaluateItem(item: IndexItem, scope: Scope, lowering: Lowering): SliceRange | number | undefined {
  if (item.kind === "position") return evaluateBound(item.value, scope, lowering) ?? undefined;
  const start = evaluateBound(item.start, scope, lowering);
  const stop = evaluateBound(item.stop, scope, lowering);
  const step = evaluateBound(item.step, scope, lowering);
  return start === null || stop === null || step === null ? undefined : { start, stop, step };
}

const isEllipsis = (item: IndexItem): boolean => item.kind === "position" && item.value.kind === "ellipsis";

function evaluateIndex(
  expr: Expr & { readonly kind: "index" },
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  const base = evaluate(expr.base, scope, lowering);
  const gap = expr.items.findIndex(isEllipsis);
  const ranges = expr.items
    .filter((item) => !isEllipsis(item))
    .map((item) => evaluateItem(item, scope, lowering));
  if (base === undefined) return undefined;
  if (base.kind !== "tensor") {
    const message = `only tensors have positions, not ${describeValue(base)}`;
    report(
      lowering,
      errorAt("wrong-argument", message, { span: expr.base.span, help: "slice a parameter or a let" }),
    );
    return undefined;
  }
  if (expr.items.length - ranges.length > 1) {
    const help = 'write ":" for each dimension instead';
    report(lowering, errorAt("syntax", 'an index has one "..." at most', { span: expr.span, help }));
    return undefined;
  }
  const known = ranges.filter((range) => range !== undefined);
  if (known.length < ranges.length) return undefined;
  const missing = Math.max(0, base.value.type.shape.length - known.length);
  if (gap >= 0) known.splice(gap, 0, ...new Array<SliceRange>(missing).fill({}));
  const about = { scope, operands: [expr.base], blame: expr.span };
  const value = attempt(lowering, about, () => lowering.builder.slice(base.value, known, expr.span));
  return value === undefined ? undefined : tensor(value);
}

/**
 * Operator precedence: folds a flat list of operands and operators into an expression (shunting-yard, one loop).
 * Precedence is Python's: `**` binds tighter than the minus before it and groups from the right, comparisons do not
 * chain, `not` stands between them and `and`.
 *
 * Requires: nothing of the lists; a missing operand (after error recovery) becomes an error expression.
 * Ensures:  one pass; operators of one level form one `chain`; no tree deeper than `MAX_DEPTH`.
 */
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import { MAX_DEPTH, type BinaryOp, type ChainLink, type Expr } from "./ast.ts";

/** An expression with the depth of its tree. */
export interface Sized {
  readonly expr: Expr;
  readonly depth: number;
}

/** An operand with the prefix operators before it. */
export interface OperandItem {
  readonly prefixes: readonly OperatorItem[];
  readonly value: Sized;
}
export interface OperatorItem {
  readonly text: string;
  readonly span: Span;
}

const COMPARISON = 4;
const POWER = 8;
const BINARY: ReadonlyMap<string, { readonly op: BinaryOp | "pow"; readonly level: number }> = new Map([
  ["or", { op: "or", level: 1 }],
  ["and", { op: "and", level: 2 }],
  ["==", { op: "eq", level: COMPARISON }],
  ["!=", { op: "ne", level: COMPARISON }],
  ["<", { op: "lt", level: COMPARISON }],
  ["<=", { op: "le", level: COMPARISON }],
  [">", { op: "gt", level: COMPARISON }],
  [">=", { op: "ge", level: COMPARISON }],
  ["+", { op: "add", level: 5 }],
  ["-", { op: "sub", level: 5 }],
  ["*", { op: "mul", level: 6 }],
  ["/", { op: "div", level: 6 }],
  ["**", { op: "pow", level: POWER }],
]);
const PREFIX_LEVEL = { not: 3, neg: 7 } as const;

/** From the beginning of one piece to the end of another on the same line; a later line is not underlined. */
export function joinSpans(from: Span, to: Span): Span {
  if (from.file !== to.file || from.line !== to.line) return from;
  return { ...from, length: Math.max(from.length, to.column + to.length - from.column) };
}

/** A chain under construction; `level` is undefined for anything that later operators may not extend. */
interface Pending {
  readonly expr: Expr;
  readonly depth: number;
  readonly level?: number;
  readonly links?: ChainLink[];
}
type Operator =
  | { readonly kind: "prefix"; readonly op: "neg" | "not"; readonly level: number; readonly span: Span }
  | { readonly kind: "binary"; readonly op: BinaryOp | "pow"; readonly level: number; readonly span: Span };

/** Reports an expression that nests too deeply and puts an error in its place. */
export function limitDepth(sized: Sized, report: (d: Diagnostic) => void): Sized {
  if (sized.depth <= MAX_DEPTH) return sized;
  const { span } = sized.expr;
  report(
    errorAt("nesting-too-deep", `an expression nests more than ${String(MAX_DEPTH)} levels deep`, {
      span,
      help: "name a part of it with let",
    }),
  );
  return { expr: { kind: "error", span }, depth: 1 };
}

function applyPrefix(op: "neg" | "not", span: Span, operand: Pending): Pending {
  if (operand.expr.kind === "error") return operand; // reported once, not once per sign
  const expr: Expr = { kind: "unary", op, operand: operand.expr, span: joinSpans(span, operand.expr.span) };
  return { expr, depth: operand.depth + 1 };
}

function applyBinary(
  operator: Operator & { readonly kind: "binary" },
  left: Pending,
  right: Pending,
  report: (d: Diagnostic) => void,
): Pending {
  const span = joinSpans(left.expr.span, right.expr.span);
  const depth = Math.max(left.depth, right.depth) + 1;
  if (operator.op === "pow") {
    if (right.expr.kind === "error") return right;
    return { expr: { kind: "power", base: left.expr, exponent: right.expr, span }, depth };
  }
  const link: ChainLink = { op: operator.op, operand: right.expr };
  if (left.level === operator.level && left.links !== undefined && left.expr.kind === "chain") {
    if (operator.level === COMPARISON) {
      report(
        errorAt("syntax", "comparisons do not chain", {
          span: operator.span,
          help: "write a < b and b < c for a < b < c",
        }),
      );
    }
    // The list is shared with the node on purpose: a sum of n terms is built in n steps, and nobody else sees it yet.
    left.links.push(link);
    const grown: Expr = { ...left.expr, span };
    return {
      expr: grown,
      depth: Math.max(left.depth, right.depth + 1),
      level: operator.level,
      links: left.links,
    };
  }
  const links = [link];
  return {
    expr: { kind: "chain", first: left.expr, rest: links, span },
    depth,
    level: operator.level,
    links,
  };
}

/** Folds `operands[0] operators[0] operands[1] ...`. */
export function foldOperators(
  operands: readonly OperandItem[],
  operators: readonly OperatorItem[],
  fallback: Span,
  report: (d: Diagnostic) => void,
): Sized {
  const values: Pending[] = [];
  const waiting: Operator[] = [];
  const missing: Pending = { expr: { kind: "error", span: fallback }, depth: 1 };
  const reduceOne = (operator: Operator): void => {
    const right = values.pop() ?? missing;
    const made =
      operator.kind === "prefix"
        ? applyPrefix(operator.op, operator.span, right)
        : applyBinary(operator, values.pop() ?? missing, right, report);
    const fits = limitDepth(made, report);
    values.push(fits === made ? made : { expr: fits.expr, depth: fits.depth });
  };
  const reduceWhile = (binds: (top: Operator) => boolean): void => {
    for (let top = waiting.at(-1); top !== undefined && binds(top); top = waiting.at(-1)) {
      waiting.pop();
      reduceOne(top);
    }
  };
  const pushOperand = (item: OperandItem | undefined): void => {
    for (const { text, span } of item?.prefixes ?? []) {
      const op = text === "not" ? "not" : "neg";
      waiting.push({ kind: "prefix", op, level: PREFIX_LEVEL[op], span });
    }
    values.push(item === undefined ? missing : { expr: item.value.expr, depth: item.value.depth });
  };

  pushOperand(operands[0]);
  for (const [k, { text, span }] of operators.entries()) {
    const row = BINARY.get(text);
    if (row === undefined) continue; // a token that recovery invented
    reduceWhile((top) => (row.level === POWER ? top.level > POWER : top.level >= row.level));
    waiting.push({ kind: "binary", op: row.op, level: row.level, span });
    pushOperand(operands[k + 1]);
  }
  reduceWhile(() => true);
  const [result] = values;
  return result === undefined ? missing : { expr: result.expr, depth: result.depth };
}

/**
 * Turns the concrete syntax tree of `grammar.ts` into the syntax tree of `ast.ts`.
 *
 * Requires: a tree from `parseTokens`, possibly with holes where error recovery gave up.
 * Ensures:  a hole becomes an error expression and is not reported again; depth limits of ast.ts hold. Recursion follows
 *           brackets, whose depth the parser has bounded before.
 */
import type { CstNode, IToken } from "chevrotain";
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { DTYPES, isDType, type DType } from "../../ir/dtype.ts";
import type {
  Argument,
  Body,
  Declaration,
  Expr,
  IndexItem,
  Let,
  Name,
  ParamDecl,
  ResultDecl,
  TypeExpr,
} from "./ast.ts";
import { foldOperators, joinSpans, limitDepth, type OperandItem, type Sized } from "./operators.ts";
import { spanOf } from "./tokens.ts";

/** What the functions below share: where they are and whom they tell. */
export interface AstContext {
  readonly file: string;
  readonly report: (diagnostic: Diagnostic) => void;
}

// ---- reading the concrete tree -------------------------------------------------------------------------------------

const isNode = (child: CstNode | IToken): child is CstNode => "children" in child;
const nodesOf = (node: CstNode | undefined, name: string): readonly CstNode[] =>
  (node?.children[name] ?? []).filter(isNode);
const tokensOf = (node: CstNode | undefined, name: string): readonly IToken[] =>
  (node?.children[name] ?? []).filter((child): child is IToken => !isNode(child));

function spanOfNode(node: CstNode | undefined, context: AstContext): Span {
  const { startLine, startColumn, startOffset, endLine, endColumn, endOffset } = node?.location ?? {};
  const line = startLine === undefined || Number.isNaN(startLine) ? 1 : startLine;
  const column = startColumn === undefined || Number.isNaN(startColumn) ? 1 : startColumn;
  const known =
    endOffset !== undefined && startOffset !== undefined && endColumn !== undefined && endLine === line;
  const length = known ? endOffset - startOffset + 1 : 1;
  return { file: context.file, line, column, length: Number.isNaN(length) ? 1 : Math.max(1, length) };
}

const buildName = (token: IToken | undefined, node: CstNode | undefined, context: AstContext): Name =>
  token === undefined
    ? { text: "", span: spanOfNode(node, context) }
    : { text: token.image, span: spanOf(token, context.file) };

// ---- expressions ---------------------------------------------------------------------------------------------------

function buildSized(node: CstNode | undefined, context: AstContext): Sized {
  const operators = tokensOf(node, "BinaryOperator").map((token) => ({
    text: token.image,
    span: spanOf(token, context.file),
  }));
  const operands = nodesOf(node, "operand").map((operand) => buildOperand(operand, context));
  return foldOperators(operands, operators, spanOfNode(node, context), context.report);
}

const buildExpr = (node: CstNode | undefined, context: AstContext): Expr => buildSized(node, context).expr;

function buildOperand(node: CstNode, context: AstContext): OperandItem {
  const prefixes = tokensOf(node, "PrefixOperator").map((token) => ({
    text: token.image,
    span: spanOf(token, context.file),
  }));
  let value = buildPrimary(nodesOf(node, "primary")[0], context);
  for (const index of nodesOf(node, "index")) {
    value = limitDepth(buildIndex(value, index, context), context.report);
    if (value.expr.kind === "error") break; // too deep, and reported
  }
  return { prefixes, value };
}

/** A node over children of known depths. */
const sized = (expr: Expr, children: readonly Sized[]): Sized => ({
  expr,
  depth: children.reduce((depth, child) => Math.max(depth, child.depth), 0) + 1,
});

function buildIndex(base: Sized, node: CstNode, context: AstContext): Sized {
  const parts: Sized[] = [base];
  const part = (child: CstNode | undefined): Expr | undefined => {
    if (child === undefined) return undefined;
    const built = buildSized(child, context);
    parts.push(built);
    return built.expr;
  };
  const items = nodesOf(node, "indexItem").map((item): IndexItem => {
    const start = part(nodesOf(item, "start")[0]);
    const [range] = nodesOf(item, "range");
    if (range === undefined) {
      return { kind: "position", value: start ?? { kind: "error", span: spanOfNode(item, context) } };
    }
    return {
      kind: "range",
      start,
      stop: part(nodesOf(range, "stop")[0]),
      step: part(nodesOf(range, "step")[0]),
    };
  });
  const span = joinSpans(base.expr.span, spanOfNode(node, context));
  return sized({ kind: "index", base: base.expr, items, span }, parts);
}

function buildPrimary(node: CstNode | undefined, context: AstContext): Sized {
  const span = spanOfNode(node, context);
  const [name] = tokensOf(node, "Name");
  const [args, applied] = nodesOf(node, "args");
  if (name !== undefined) {
    if (args !== undefined && applied !== undefined)
      return buildApply(buildName(name, node, context), [args, applied], span, context);
    if (args !== undefined) return buildCall(buildName(name, node, context), args, span, context);
    return { expr: { kind: "name", text: name.image, span }, depth: 1 };
  }
  const [number] = tokensOf(node, "NumberLiteral");
  if (number !== undefined) return { expr: buildNumber(number, context), depth: 1 };
  if (tokensOf(node, "true").length > 0) return { expr: { kind: "boolean", value: true, span }, depth: 1 };
  if (tokensOf(node, "false").length > 0) return { expr: { kind: "boolean", value: false, span }, depth: 1 };
  if (tokensOf(node, "...").length > 0) return { expr: { kind: "ellipsis", span }, depth: 1 };
  const [list] = nodesOf(node, "list");
  if (list !== undefined) {
    const items = nodesOf(list, "expression").map((item) => buildSized(item, context));
    return limitDepth(
      sized({ kind: "list", items: items.map((item) => item.expr), span }, items),
      context.report,
    );
  }
  const [group] = nodesOf(node, "group");
  if (group !== undefined) return buildGroup(group, span, context);
  return { expr: { kind: "error", span }, depth: 1 };
}

function buildGroup(group: CstNode, span: Span, context: AstContext): Sized {
  const items = nodesOf(group, "expression").map((item) => buildSized(item, context));
  const [only] = items;
  if (only !== undefined && items.length === 1 && tokensOf(group, ",").length === 0) return only;
  return limitDepth(
    sized({ kind: "tuple", items: items.map((item) => item.expr), span }, items),
    context.report,
  );
}

function buildCall(callee: Name, node: CstNode, span: Span, context: AstContext): Sized {
  const { args, values } = buildArguments(node, context);
  return limitDepth(sized({ kind: "call", callee, args, span }, values), context.report);
}

/** `grad(f, wrt=x)(x)`: the second pair of brackets calls what the first gives. */
function buildApply(
  callee: Name,
  [inner, outer]: readonly [CstNode, CstNode],
  span: Span,
  context: AstContext,
): Sized {
  const first = buildCall(callee, inner, joinSpans(callee.span, spanOfNode(inner, context)), context);
  if (first.expr.kind !== "call") return first; // too deep, and reported
  const { args, values } = buildArguments(outer, context);
  return limitDepth(
    sized({ kind: "apply", callee: first.expr, args, span }, [first, ...values]),
    context.report,
  );
}

function buildArguments(
  node: CstNode,
  context: AstContext,
): { readonly args: readonly Argument[]; readonly values: readonly Sized[] } {
  const values: Sized[] = [];
  const args = nodesOf(node, "argument").map((argument): Argument => {
    const value = buildSized(nodesOf(argument, "expression")[0], context);
    values.push(value);
    const [name] = tokensOf(argument, "Name");
    return { name: name === undefined ? undefined : buildName(name, argument, context), value: value.expr };
  });
  return { args, values };
}

function buildNumber(token: IToken, context: AstContext): Expr {
  const span = spanOf(token, context.file);
  const value = Number(token.image);
  if (Number.isFinite(value)) return { kind: "number", value, isInteger: /^\d+$/.test(token.image), span };
  context.report(
    errorAt("invalid-value", `${token.image} is too large for a number`, { span, help: "write inf" }),
  );
  return { kind: "error", span };
}

// ---- declarations --------------------------------------------------------------------------------------------------

function readDType(token: IToken, context: AstContext): DType | undefined {
  if (isDType(token.image)) return token.image;
  context.report(
    errorAt("unknown-name", `unknown dtype ${token.image}`, {
      span: spanOf(token, context.file),
      help: didYouMean(token.image, DTYPES) ?? `the dtypes are ${DTYPES.join(", ")}`,
    }),
  );
  return undefined;
}

function buildType(node: CstNode | undefined, context: AstContext): TypeExpr | undefined {
  const [name] = tokensOf(node, "Name");
  const [dims] = nodesOf(node, "dims");
  if (node === undefined || (name === undefined && dims === undefined)) return undefined;
  return {
    dtype: name === undefined ? undefined : readDType(name, context),
    dims: dims === undefined ? undefined : nodesOf(dims, "expression").map((dim) => buildExpr(dim, context)),
    span: spanOfNode(node, context),
  };
}

function buildParams(node: CstNode | undefined, context: AstContext): readonly ParamDecl[] {
  return nodesOf(node, "param").map((param): ParamDecl => {
    const [value] = nodesOf(param, "default");
    return {
      name: buildName(tokensOf(param, "Name")[0], param, context),
      type: buildType(nodesOf(param, "type")[0], context),
      default: value === undefined ? undefined : buildExpr(value, context),
    };
  });
}

function buildResults(node: CstNode | undefined, context: AstContext): readonly ResultDecl[] | undefined {
  if (node === undefined) return undefined;
  return nodesOf(node, "result").map((result): ResultDecl => {
    const span = spanOfNode(result, context);
    const [label] = tokensOf(result, "Name");
    const [type] = nodesOf(result, "type");
    const [word] = tokensOf(type, "Name");
    // A lone word that is no dtype is a label without a type: `-> (mu, rstd)`.
    if (
      label === undefined &&
      word !== undefined &&
      !isDType(word.image) &&
      nodesOf(type, "dims").length === 0
    ) {
      return { name: buildName(word, type, context), type: undefined, span };
    }
    const name = label === undefined ? undefined : buildName(label, result, context);
    return { name, type: buildType(type, context), span };
  });
}

function buildBody(node: CstNode | undefined, context: AstContext): Body {
  const [block] = nodesOf(node, "block");
  const lets = nodesOf(block, "binding").map((binding): Let => {
    const targets = tokensOf(binding, "Name").map((token) => buildName(token, binding, context));
    const value = buildExpr(nodesOf(binding, "value")[0], context);
    return { targets, isTuple: tokensOf(binding, "(").length > 0, value };
  });
  const [result] = nodesOf(block ?? node, "result");
  const missing: Expr = { kind: "error", span: spanOfNode(block ?? node, context) };
  return { lets, result: result === undefined ? missing : buildExpr(result, context) };
}

function buildDeclaration(node: CstNode, context: AstContext): Declaration | undefined {
  const [name] = tokensOf(node, "Name");
  if (name === undefined || name.isInsertedInRecovery === true) return undefined;
  return {
    kind: tokensOf(node, "kernel").length > 0 ? "kernel" : "fn",
    name: buildName(name, node, context),
    params: buildParams(nodesOf(node, "params")[0], context),
    results: buildResults(nodesOf(node, "results")[0], context),
    body: buildBody(nodesOf(node, "body")[0], context),
  };
}

/** The declarations of a module, in order. */
export function buildDeclarations(tree: CstNode | undefined, context: AstContext): readonly Declaration[] {
  return nodesOf(tree, "declaration").flatMap((node) => buildDeclaration(node, context) ?? []);
}

/** The function that a tagged template stands for. */
export function buildAnonymous(tree: CstNode | undefined, name: string, context: AstContext): Declaration {
  const [params] = nodesOf(tree, "params");
  return {
    kind: "fn",
    name: { text: name, span: spanOfNode(params ?? tree, context) },
    params: buildParams(params, context),
    results: undefined,
    body: buildBody(tree, context),
  };
}

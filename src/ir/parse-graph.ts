/**
 * Reads the text of a graph (grammar: docs/ir.md). Inverse of `printGraph`.
 *
 * Requires: nothing: mistakes in the text throw a `TensorweftError` with their place.
 * Ensures:  nodes in the order of the text, inputs first, no spans; operands point backwards. Types are read, not
 *           checked: `verifyGraph` does that. Labels need not be numbered in order, so that tests can be edited by hand.
 */
import { isDType, DTYPES, printType, sameShape } from "./dtype.ts";
import type { DType, TensorType } from "./dtype.ts";
import type { Graph, GraphResult, Node, NodeId } from "./graph.ts";
import { representValue } from "./number-text.ts";
import { printName } from "./print-graph.ts";
import { isReduceOp } from "./reduce-ops.ts";
import { isScalarOp } from "./scalar-ops.ts";
import { expectInteger, expectNumber, openText, parseList, parseName, printToken } from "./text-cursor.ts";
import type { TextCursor, Token } from "./text-cursor.ts";

interface Reader {
  readonly cursor: TextCursor;
  readonly nodes: Node[];
  /** Node by label as it is written after `%`; a quoted name stands under its canonical spelling. */
  readonly labels: Map<string, NodeId>;
}

/** `file` names the text in errors. */
export function parseGraph(text: string, file = "graph"): Graph {
  const cursor = openText(text, file);
  const reader: Reader = { cursor, nodes: [], labels: new Map() };
  cursor.expect("func");
  const name = parseName(cursor, expectSigil(cursor, "@", "the graph's name, as in @name"));
  parseList(cursor, "(", ")", () => {
    parseInput(reader);
  });
  cursor.expect("->");
  const open = cursor.peek();
  if (open.text !== "(")
    cursor.failAt(
      open,
      "syntax",
      `expected results, found ${printToken(open)}`,
      "results have names: -> (y: f32[8])",
    );
  const declared = parseList(cursor, "(", ")", () => parseResult(cursor));
  cursor.expect("{");
  while (!cursor.accept("return")) parseStatement(reader);
  const results = parseReturn(reader, declared);
  cursor.expect("}");
  const extra = cursor.peek();
  if (extra.kind !== "end")
    cursor.failAt(
      extra,
      "syntax",
      `expected the end of the text, found ${printToken(extra)}`,
      "one text holds one graph",
    );
  return { name, nodes: reader.nodes, results };
}

function expectSigil(cursor: TextCursor, sigil: "@" | "%", what: string): Token {
  const token = cursor.expectKind("name", what);
  return token.text.startsWith(sigil)
    ? token
    : cursor.failAt(token, "syntax", `expected ${what}, found ${printToken(token)}`);
}

function parseInput(reader: Reader): void {
  const { cursor } = reader;
  const isScalar = cursor.accept("scalar");
  const label = expectSigil(cursor, "%", "an input, as in %x: f32[8]");
  const name = parseName(cursor, label);
  cursor.expect(":");
  const dtype = expectDType(cursor);
  const shape = isScalar ? [] : parseIntegers(cursor);
  const type: TensorType = { dtype, shape };
  if (!isScalar) define(reader, label, { op: "param", type, name });
  else if (!cursor.accept("=")) define(reader, label, { op: "scalar", type, name });
  else define(reader, label, { op: "scalar", type, name, default: expectValue(cursor, dtype) });
}

interface DeclaredResult {
  readonly name: string;
  readonly type: TensorType;
}

function parseResult(cursor: TextCursor): DeclaredResult {
  const token = cursor.next();
  if (token.kind !== "word" && token.kind !== "string")
    cursor.failAt(token, "syntax", `expected a result, found ${printToken(token)}`, "write -> (y: f32[8])");
  const name = parseName(cursor, token);
  cursor.expect(":");
  return { name, type: parseType(cursor) };
}

function parseReturn(reader: Reader, declared: readonly DeclaredResult[]): readonly GraphResult[] {
  const { cursor, nodes } = reader;
  return declared.map(({ name, type }, position) => {
    if (position > 0) cursor.expect(",");
    const token = cursor.peek();
    const node = parseOperand(reader);
    const actual = nodes[node]?.type;
    if (actual !== undefined && !(actual.dtype === type.dtype && sameShape(actual.shape, type.shape))) {
      const message = `result ${name} is declared ${printType(type)}, but ${token.text} is ${printType(actual)}`;
      const code = actual.dtype === type.dtype ? "shape-mismatch" : "dtype-mismatch";
      cursor.failAt(token, code, message, `declare ${name} as ${printType(actual)}`);
    }
    return { name, node };
  });
}

function parseStatement(reader: Reader): void {
  const { cursor } = reader;
  const label = expectSigil(cursor, "%", "a node, as in %0 = add %x, %y : f32[8], or return");
  cursor.expect("=");
  const op = cursor.expectKind("word", "an op");
  const complete = parseOp(reader, op);
  cursor.expect(":");
  define(reader, label, complete(parseType(cursor)));
}

/** The type comes last in the text but is part of every node, hence a function of it. */
type Completion = (type: TensorType) => Node;

function parseOp(reader: Reader, token: Token): Completion {
  const { cursor } = reader;
  const op = token.text;
  switch (op) {
    case "const": {
      const valueToken = cursor.peek();
      const value = expectNumber(cursor);
      return (type) => ({ op, type, value: represent(cursor, valueToken, value, type.dtype) });
    }
    case "iota": {
      const axis = parseAttribute(cursor, "axis", expectInteger);
      return (type) => ({ op, type, axis });
    }
    case "cast":
    case "reshape":
    case "broadcast": {
      const arg = parseOperand(reader);
      return (type) => ({ op, type, arg });
    }
    case "transpose": {
      const arg = parseOperand(reader);
      const perm = parseAttribute(cursor, "perm", parseIntegers);
      return (type) => ({ op, type, arg, perm });
    }
    case "slice": {
      const arg = parseOperand(reader);
      const start = parseAttribute(cursor, "start", parseIntegers);
      const step = parseAttribute(cursor, "step", parseIntegers);
      return (type) => ({ op, type, arg, start, step });
    }
    case "pad":
      return parsePad(reader);
    case "concat": {
      const args = parseOperands(reader);
      const axis = parseAttribute(cursor, "axis", expectInteger);
      return (type) => ({ op, type, args, axis });
    }
    default:
      return parseTableOp(reader, token);
  }
}

function parsePad(reader: Reader): Completion {
  const { cursor } = reader;
  const arg = parseOperand(reader);
  const low = parseAttribute(cursor, "low", parseIntegers);
  const high = parseAttribute(cursor, "high", parseIntegers);
  const valueToken = cursor.peek();
  const value = parseAttribute(cursor, "value", expectNumber);
  return (type) => ({
    op: "pad",
    type,
    arg,
    low,
    high,
    value: represent(cursor, valueToken, value, type.dtype),
  });
}

/** Ops of the two tables: `add %x, %y` and `reduce.sum %x axes=[1]`. */
function parseTableOp(reader: Reader, token: Token): Completion {
  const { cursor } = reader;
  const fn = token.text.startsWith("reduce.") ? token.text.slice("reduce.".length) : undefined;
  if (fn !== undefined && isReduceOp(fn)) {
    const arg = parseOperand(reader);
    const axes = parseAttribute(cursor, "axes", parseIntegers);
    return (type) => ({ op: "reduce", type, fn, arg, axes });
  }
  const op = token.text;
  if (!isScalarOp(op))
    return cursor.failAt(token, "unknown-name", `unknown op ${op}`, "docs/ir.md lists the ops");
  const args = parseOperands(reader);
  return (type) => ({ op: "map", type, fn: op, args });
}

function parseOperand(reader: Reader): NodeId {
  const { cursor, labels } = reader;
  const token = expectSigil(cursor, "%", "an operand, as in %x");
  return (
    labels.get(labelKey(cursor, token)) ??
    cursor.failAt(
      token,
      "unknown-name",
      `${token.text} is not defined here`,
      "a node is defined before its first use",
    )
  );
}

function parseOperands(reader: Reader): readonly NodeId[] {
  const operands = [parseOperand(reader)];
  while (reader.cursor.accept(",")) operands.push(parseOperand(reader));
  return operands;
}

function parseAttribute<T>(cursor: TextCursor, name: string, parseValue: (cursor: TextCursor) => T): T {
  cursor.expect(name);
  cursor.expect("=");
  return parseValue(cursor);
}

const parseIntegers = (cursor: TextCursor): readonly number[] =>
  parseList(cursor, "[", "]", () => expectInteger(cursor));

function parseType(cursor: TextCursor): TensorType {
  const dtype = expectDType(cursor);
  return { dtype, shape: parseIntegers(cursor) };
}

function expectDType(cursor: TextCursor): DType {
  const token = cursor.expectKind("word", "a dtype");
  return isDType(token.text)
    ? token.text
    : cursor.failAt(
        token,
        "unsupported-dtype",
        `unknown dtype ${token.text}`,
        `dtypes are ${DTYPES.join(", ")}`,
      );
}

function expectValue(cursor: TextCursor, dtype: DType): number {
  const token = cursor.peek();
  return represent(cursor, token, expectNumber(cursor), dtype);
}

/** Texts spell a f32 by the fewest digits that tell it apart, so reading rounds to the dtype. */
const represent = (cursor: TextCursor, token: Token, value: number, dtype: DType): number =>
  representValue(value, dtype) ??
  cursor.failAt(
    token,
    "invalid-value",
    `${token.text} is not a value of ${dtype}`,
    "i32, u32 and bool hold whole numbers in their range",
  );

const labelKey = (cursor: TextCursor, token: Token): string =>
  token.text.startsWith('%"') ? printName(parseName(cursor, token)) : token.text.slice(1);

function define(reader: Reader, token: Token, node: Node): void {
  const key = labelKey(reader.cursor, token);
  if (reader.labels.has(key))
    reader.cursor.failAt(
      token,
      "duplicate-name",
      `${token.text} is defined twice`,
      "give each node its own label",
    );
  reader.labels.set(key, reader.nodes.push(node) - 1);
}

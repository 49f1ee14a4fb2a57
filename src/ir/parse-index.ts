/** Reads the text of index notation back. Every mistake is a `TensorweftError` with its place. */
import { isDType, type DType } from "./dtype.ts";
import { indexAdd, indexAxis, indexConst, indexScale, type IndexExpr } from "./index-expr.ts";
import type {
  Axis,
  Bound,
  IndexProgram,
  IndexScalar,
  ScalarExpr,
  Statement,
  Store,
  StoredTensor,
} from "./index-notation.ts";
import { INFIX } from "./print-index.ts";
import { isMonoidName } from "./monoids.ts";
import { isScalarOp, SCALAR_OPS, type ScalarOp } from "./scalar-ops.ts";
import { expectInteger, expectNumber, openText, parseList, type TextCursor } from "./text-cursor.ts";

interface Reader {
  readonly cursor: TextCursor;
  readonly axes: Set<string>;
  readonly tensors: Map<string, StoredTensor>;
  readonly scalars: Map<string, IndexScalar>;
  readonly statements: Map<string, Statement>;
}

const INFIX_OPS = new Map([...INFIX].map(([fn, mark]) => [mark, fn]));

export function parseIndexProgram(text: string, file = "index.txt"): IndexProgram {
  const cursor = openText(text, file);
  const reader: Reader = {
    cursor,
    axes: new Set(),
    tensors: new Map(),
    scalars: new Map(),
    statements: new Map(),
  };
  cursor.expect("index");
  const name = readName(cursor);
  cursor.expect("{");
  cursor.expect("axes");
  const axes: Axis[] = [];
  const stores: Store[] = [];
  // Axes end where a line starts that is no `name=size`: every other line has a word, a name or a bracket after its first word.
  while (!cursor.accept("}")) {
    const token = cursor.peek();
    const word = readName(cursor);
    if (cursor.accept("=")) {
      axes.push({ name: word, size: expectInteger(cursor) });
      reader.axes.add(word);
    } else if (word === "scalar") readScalar(reader);
    else if (word === "input" || word === "output" || word === "temporary") readTensor(reader, word);
    else if (word === "store") stores.push(readStore(reader));
    else if (cursor.peek().text === "[") readStatement(reader, word);
    else
      cursor.failAt(token, "syntax", `expected a declaration, found "${word}"`, "docs/ir.md has the grammar");
  }
  const { tensors, scalars, statements } = reader;
  return {
    name,
    axes,
    scalars: [...scalars.values()],
    tensors: [...tensors.values()],
    statements: [...statements.values()],
    stores,
  };
}

function readName(cursor: TextCursor): string {
  const token = cursor.next();
  if (token.kind === "word") return token.text;
  if (token.kind === "string") return String(JSON.parse(token.text));
  return cursor.failAt(token, "syntax", "expected a name", "docs/ir.md has the grammar");
}

function readDType(cursor: TextCursor): DType {
  const token = cursor.next();
  return isDType(token.text)
    ? token.text
    : cursor.failAt(token, "syntax", "expected a dtype", "f32, f16, bf16, i32, u32 or bool");
}

function readScalar({ cursor, scalars }: Reader): void {
  const name = readName(cursor);
  cursor.expect(":");
  const token = cursor.peek();
  const dtype = readDType(cursor);
  if (dtype === "f16" || dtype === "bf16")
    cursor.failAt(token, "syntax", "a scalar is f32, i32, u32 or bool", "pass it as an input of rank 0");
  else scalars.set(name, { name, dtype, default: cursor.accept("=") ? readValue(cursor, dtype) : undefined });
}

function readValue(cursor: TextCursor, dtype: DType): number {
  if (dtype === "bool") {
    if (cursor.accept("true")) return 1;
    if (cursor.accept("false")) return 0;
  }
  return expectNumber(cursor);
}

function readTensor({ cursor, tensors }: Reader, role: StoredTensor["role"]): void {
  const name = readName(cursor);
  cursor.expect(":");
  const dtype = readDType(cursor);
  tensors.set(name, { name, dtype, shape: parseList(cursor, "[", "]", () => expectInteger(cursor)), role });
}

function readStore({ cursor }: Reader): Store {
  const statement = readName(cursor);
  cursor.expect("->");
  const tensor = readName(cursor);
  cursor.expect("[");
  const index = readIndex(cursor);
  cursor.expect("]");
  return { tensor, statement, index };
}

function readStatement(reader: Reader, name: string): void {
  const { cursor } = reader;
  const axes = parseList(cursor, "[", "]", () => readName(cursor));
  cursor.expect(":");
  const dtype = readDType(cursor);
  cursor.expect("=");
  const word = cursor.peek();
  let reduce: Statement["reduce"];
  if (word.kind === "word" && isMonoidName(word.text) && isReduction(reader)) {
    cursor.next();
    reduce = { fn: word.text, axes: parseList(cursor, "(", ")", () => readName(cursor)) };
  }
  reader.statements.set(name, { name, dtype, axes, reduce, value: readSum(reader) });
}

/**
 * A reduction lists axes: `max(j) x[j]`. The scalar op of that name has operands, `max(x[j], y[j])`, and a tensor of
 * that name is read with brackets. No scalar has the name of an axis.
 */
const isReduction = ({ cursor, axes }: Reader): boolean =>
  cursor.looksLike((at) => {
    if (at(1).text !== "(") return false;
    let position = 2;
    while (axes.has(at(position).text) && at(position + 1).text === ",") position += 2;
    return at(2).text === ")" || (axes.has(at(position).text) && at(position + 1).text === ")");
  });

/** One operand, or two with an infix op between them. */
function readSum(reader: Reader): ScalarExpr {
  const left = readOperand(reader);
  const fn = INFIX_OPS.get(reader.cursor.peek().text);
  if (fn === undefined) return left;
  reader.cursor.next();
  return mapOf(fn, [left, readOperand(reader)]);
}

function mapOf(fn: ScalarOp, args: readonly ScalarExpr[]): ScalarExpr {
  const operand = args[args.length - 1]?.dtype ?? "f32";
  return { kind: "map", dtype: SCALAR_OPS[fn].result === "bool" ? "bool" : operand, fn, args };
}

function readOperand(reader: Reader): ScalarExpr {
  const { cursor } = reader;
  if (cursor.accept("(")) {
    const inner = readSum(reader);
    cursor.expect(")");
    return inner;
  }
  const token = cursor.peek();
  const word = readName(cursor);
  if (word === "guard" && cursor.accept("(")) return readGuard(reader);
  if (isDType(word) && cursor.accept(":")) {
    if (!cursor.accept("index")) return { kind: "const", dtype: word, value: readValue(cursor, word) };
    const [index = indexConst(0)] = parseList(cursor, "(", ")", () => readIndex(cursor));
    return { kind: "index", dtype: word, index };
  }
  if (cursor.peek().text === "(") {
    const args = parseList(cursor, "(", ")", () => readSum(reader));
    const [arg] = args;
    if (isDType(word) && arg !== undefined) return { kind: "cast", dtype: word, arg };
    if (word === "tuple") return { kind: "tuple", dtype: args[args.length - 1]?.dtype ?? "f32", args };
    return isScalarOp(word)
      ? mapOf(word, args)
      : cursor.failAt(token, "unknown-name", `no scalar op "${word}"`, "src/ir/scalar-ops.ts lists them");
  }
  if (cursor.peek().text === "[") return readRead(reader, word);
  const scalar = reader.scalars.get(word);
  return scalar === undefined
    ? cursor.failAt(token, "unknown-name", `no scalar "${word}"`, "declare it in a line before")
    : { kind: "scalar", dtype: scalar.dtype, name: word };
}

function readRead(reader: Reader, name: string): ScalarExpr {
  const { cursor } = reader;
  const token = cursor.peek();
  const index = parseList(cursor, "[", "]", () => readIndex(cursor));
  const tensor = reader.tensors.get(name);
  if (tensor !== undefined)
    return { kind: "tensor", dtype: tensor.dtype, tensor: name, index: index[0] ?? indexConst(0) };
  const statement = reader.statements.get(name);
  return statement === undefined
    ? cursor.failAt(
        token,
        "unknown-name",
        `no tensor or value "${name}" before this line`,
        "declare it first",
      )
    : { kind: "value", dtype: statement.dtype, statement: name, index };
}

function readGuard(reader: Reader): ScalarExpr {
  const { cursor } = reader;
  const bounds = parseList(cursor, "[", "]", (): Bound => {
    const index = readIndex(cursor);
    cursor.expect("in");
    const low = expectInteger(cursor);
    cursor.expect(":");
    return { index, low, high: expectInteger(cursor) };
  });
  cursor.expect(",");
  const value = readSum(reader);
  cursor.expect("else");
  const otherwise = readSum(reader);
  cursor.expect(")");
  return { kind: "guard", dtype: value.dtype, bounds, value, otherwise };
}

/** `6*i + 3*((4*i + j) / 3 mod 8) + 2`, `9*min(8*i + j, 61)` */
function readIndex(cursor: TextCursor): IndexExpr {
  let sum = readTerm(cursor);
  while (cursor.accept("+")) sum = indexAdd(sum, readTerm(cursor));
  return sum;
}

function readTerm(cursor: TextCursor): IndexExpr {
  if (cursor.peek().kind !== "number") return readFactor(cursor);
  const value = expectInteger(cursor);
  return cursor.accept("*") ? indexScale(readFactor(cursor), value) : indexConst(value);
}

function readFactor(cursor: TextCursor): IndexExpr {
  if (!cursor.accept("(")) {
    const name = readName(cursor);
    return name === "min" && cursor.accept("(") ? readClamp(cursor) : indexAxis(name);
  }
  cursor.expect("(");
  const of = readIndex(cursor);
  cursor.expect(")");
  const divide = cursor.accept("/") ? expectInteger(cursor) : 1;
  const modulo = cursor.accept("mod") ? expectInteger(cursor) : 0;
  cursor.expect(")");
  return { offset: 0, terms: [{ coefficient: 1, divide, modulo, of }] };
}

function readClamp(cursor: TextCursor): IndexExpr {
  const of = readIndex(cursor);
  cursor.expect(",");
  const atMost = expectInteger(cursor);
  cursor.expect(")");
  return { offset: 0, terms: [{ coefficient: 1, atMost, of }] };
}

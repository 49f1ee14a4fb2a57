/**
 * Expressions of the kernel text. Types of names are those of their declarations, which come first in the text.
 */
import type { Expr, IndexOp, ScalarType, ValueType, Width } from "./kernel.ts";
import { typeOf } from "./kernel.ts";
import { INDEX_WORDS } from "./print-kernel.ts";
import { SCALAR_OPS, isScalarOp } from "./scalar-ops.ts";
import type { ScalarOp } from "./scalar-ops.ts";
import { expectInteger, expectNumber, parseList, parseName } from "./text-cursor.ts";
import type { TextCursor, Token } from "./text-cursor.ts";
import { MAX_NESTING } from "./walk-kernel.ts";

export interface KernelExprs {
  /** Types of what was declared so far. */
  readonly values: Map<string, ValueType>;
  readonly arrays: Map<string, ValueType>;
  readonly scalars: Map<string, ValueType>;
  readonly takeType: () => ValueType;
  readonly parse: () => Expr;
  /** `[index]` */
  readonly parseIndex: () => Expr;
}

const TYPE = /^(f32|i32|u32|bool)(?:x(2|4))?$/;

export function readValueType(text: string): ValueType | undefined {
  const [, scalar, width] = TYPE.exec(text) ?? [];
  if (!isScalarType(scalar)) return undefined;
  const widths: Readonly<Record<string, Width>> = { "2": 2, "4": 4 };
  return { scalar, width: widths[width ?? ""] ?? 1 };
}

const isScalarType = (text: string | undefined): text is ScalarType =>
  text === "f32" || text === "i32" || text === "u32" || text === "bool";

const SUBGROUP_PARTS = ["size", "id", "lane"] as const;
const INDEX_OPS: readonly IndexOp[] = ["add", "sub", "mul", "div", "mod", "min"];

export function openKernelExprs(cursor: TextCursor): KernelExprs {
  const values = new Map<string, ValueType>();
  const arrays = new Map<string, ValueType>();
  const scalars = new Map<string, ValueType>();
  let depth = 0;

  const typeFrom = (token: Token, text: string): ValueType =>
    readValueType(text) ??
    cursor.failAt(
      token,
      "syntax",
      `expected a type, found ${text === "" ? "the end of the text" : text}`,
      "types are f32, i32, u32, bool, and vectors of them: f32x2, f32x4",
    );
  const takeType = (): ValueType => {
    const token = cursor.next();
    return typeFrom(token, token.text);
  };
  const lookUp = (table: Map<string, ValueType>, what: string, token: Token): ValueType =>
    table.get(parseName(cursor, token)) ??
    cursor.failAt(token, "unknown-name", `no ${what} ${token.text} is declared before this`);
  const parse = (): Expr => {
    if (++depth > MAX_NESTING)
      cursor.failAt(
        cursor.peek(),
        "nesting-too-deep",
        `an expression nests deeper than ${String(MAX_NESTING)}`,
      );
    const expr = parseExpr();
    depth--;
    return expr;
  };
  const parseArgument = (): Expr => {
    cursor.expect("(");
    const arg = parse();
    cursor.expect(")");
    return arg;
  };
  const parseIndex = (): Expr => {
    cursor.expect("[");
    const index = parse();
    cursor.expect("]");
    return index;
  };

  function parseExpr(): Expr {
    const token = cursor.peek();
    if (token.kind === "number")
      return { kind: "const", type: { scalar: "u32", width: 1 }, value: expectInteger(cursor) };
    cursor.next();
    if (token.kind === "name") {
      const name = parseName(cursor, token);
      if (cursor.peek().text !== "[") return { kind: "name", type: lookUp(values, "value", token), name };
      return {
        kind: "register",
        type: lookUp(arrays, "register array", token),
        array: name,
        index: parseIndex(),
      };
    }
    if (token.text === "(") return parseInfix();
    if (token.text === "workgroup" || token.text === "lane") return { kind: token.text };
    const part = SUBGROUP_PARTS.find((one) => token.text === `subgroup.${one}`);
    if (part !== undefined) return { kind: "subgroup", part };
    if (token.text === "uniform") {
      const name = cursor.expectKind("name", "a scalar's name");
      return { kind: "uniform", type: lookUp(scalars, "scalar", name), name: parseName(cursor, name) };
    }
    return parseCall(token);
  }

  function parseInfix(): Expr {
    const left = parse();
    const token = cursor.next();
    const fn =
      INDEX_OPS.find((op) => INDEX_WORDS[op] === token.text) ??
      cursor.failAt(token, "syntax", `no index arithmetic ${token.text}`, "it is + - * / mod min");
    const right = parse();
    cursor.expect(")");
    return { kind: "index", fn, args: [left, right] };
  }

  function parseCall(token: Token): Expr {
    const [head = "", suffix = "", round] = token.text.split(".");
    switch (head) {
      case "cast": {
        const type = typeFrom(token, suffix);
        const arg = parseArgument();
        return round === "f16" || round === "bf16"
          ? { kind: "cast", type, arg, round }
          : { kind: "cast", type, arg };
      }
      case "splat":
        return { kind: head, type: typeFrom(token, suffix), arg: parseArgument() };
      case "vector":
        return { kind: "vector", type: typeFrom(token, suffix), parts: parseList(cursor, "(", ")", parse) };
      case "component": {
        const arg = parseArgument();
        return {
          kind: "component",
          type: { scalar: typeOf(arg).scalar, width: 1 },
          arg,
          component: Number(suffix),
        };
      }
    }
    if (isScalarOp(head)) return makeOp(token, head, parseList(cursor, "(", ")", parse));
    const type = readValueType(head);
    if (type === undefined)
      return cursor.failAt(
        token,
        "syntax",
        `expected an expression, found ${token.text === "" ? "the end of the text" : token.text}`,
      );
    cursor.expect("(");
    const value = expectNumber(cursor);
    cursor.expect(")");
    return { kind: "const", type, value };
  }

  function makeOp(token: Token, fn: ScalarOp, args: readonly Expr[]): Expr {
    const last = args.at(-1);
    if (last === undefined || args.length !== SCALAR_OPS[fn].arity)
      return cursor.failAt(token, "wrong-arity", `${fn} takes ${String(SCALAR_OPS[fn].arity)} operands`);
    const { scalar, width } = typeOf(last);
    return {
      kind: "op",
      fn,
      type: { scalar: SCALAR_OPS[fn].result === "bool" ? "bool" : scalar, width },
      args,
    };
  }

  return { values, arrays, scalars, takeType, parse, parseIndex };
}

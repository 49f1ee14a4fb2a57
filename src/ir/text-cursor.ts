/**
 * Tokens of the IR texts and a cursor over them. Hand-written: the core has no dependency, and the texts are read by
 * caches on every start.
 *
 * Ensures: linear time; every mistake throws a `TensorweftError` with the place of the token. `;` starts a comment that
 *          runs to the end of the line.
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { DiagnosticCode, Span } from "../diagnostics/diagnostic.ts";
import { parseNumber } from "./number-text.ts";

/** `word`: add, reduce.sum, nan. `name`: %x, @"a b", with its sigil. `string`: "a b". `mark`: punctuation. */
export interface Token {
  readonly kind: "word" | "name" | "string" | "number" | "mark" | "end";
  readonly text: string;
  readonly offset: number;
}

const TOKEN =
  /(?<space>[ \t\r\n]+|;[^\n]*)|(?<name>[@%](?:\w+|"(?:[^"\\\n]|\\.)*"))|(?<string>"(?:[^"\\\n]|\\.)*")|(?<number>-inf\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_][\w.]*)|(?<mark>->|[()[\]{}:,=*/+<>|&!^-])/y;

const GRAMMAR_HELP = "docs/ir.md has the grammar";

export interface TextCursor {
  readonly peek: () => Token;
  readonly next: () => Token;
  /** Takes the next token if it reads so. */
  readonly accept: (text: string) => boolean;
  /** Takes the next token, which must read so. */
  readonly expect: (text: string) => Token;
  /** Takes the next token, which must be of that kind; `what` names it in the error. */
  readonly expectKind: (kind: Token["kind"], what: string) => Token;
  /** Asks about the tokens ahead without taking them; `at(0)` is the next one. */
  readonly looksLike: (test: (at: (ahead: number) => Token) => boolean) => boolean;
  readonly failAt: (token: Token, code: DiagnosticCode, message: string, help?: string) => never;
}

/** `file` names the text in errors. */
export function openText(text: string, file: string): TextCursor {
  const tokens = splitTokens(text, file);
  const end: Token = { kind: "end", text: "", offset: text.length };
  let position = 0;
  const peek = (): Token => tokens[position] ?? end;
  const next = (): Token => tokens[position++] ?? end;
  const failAt = (token: Token, code: DiagnosticCode, message: string, help?: string): never =>
    fail(code, message, { span: spanAt(text, file, token.offset, token.text.length), help });
  const failExpected = (what: string, token: Token): never =>
    failAt(token, "syntax", `expected ${what}, found ${printToken(token)}`, GRAMMAR_HELP);
  const accept = (wanted: string): boolean => {
    const taken = peek().text === wanted && peek().kind !== "string" && peek().kind !== "end";
    if (taken) position++;
    return taken;
  };
  const expect = (wanted: string): Token => {
    const token = peek();
    return accept(wanted) ? token : failExpected(`"${wanted}"`, token);
  };
  const expectKind = (kind: Token["kind"], what: string): Token => {
    const token = next();
    return token.kind === kind ? token : failExpected(what, token);
  };
  const looksLike: TextCursor["looksLike"] = (test) => test((ahead) => tokens[position + ahead] ?? end);
  return { peek, next, accept, expect, expectKind, looksLike, failAt };
}

export const printToken = (token: Token): string =>
  token.kind === "end" ? "the end of the text" : token.kind === "string" ? token.text : `"${token.text}"`;

function splitTokens(text: string, file: string): readonly Token[] {
  const tokens: Token[] = [];
  const scanner = new RegExp(TOKEN);
  while (scanner.lastIndex < text.length) {
    const offset = scanner.lastIndex;
    const groups = scanner.exec(text)?.groups;
    if (groups === undefined) {
      const found = String.fromCodePoint(text.codePointAt(offset) ?? 0);
      fail("stray-character", `unexpected character ${JSON.stringify(found)}`, {
        span: spanAt(text, file, offset, found.length),
        help: GRAMMAR_HELP,
      });
    }
    for (const kind of ["name", "string", "number", "word", "mark"] as const) {
      const found = groups[kind];
      if (found !== undefined) tokens.push({ kind, text: found, offset });
    }
  }
  return tokens;
}

function spanAt(text: string, file: string, offset: number, length: number): Span {
  const before = text.slice(0, offset).split("\n");
  return { file, line: before.length, column: (before.at(-1)?.length ?? 0) + 1, length: Math.max(1, length) };
}

/** A bare or quoted name without its sigil. */
export function parseName(cursor: TextCursor, token: Token): string {
  const text = token.kind === "name" ? token.text.slice(1) : token.text;
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return cursor.failAt(token, "syntax", `malformed string ${text}`, "strings are written as in JSON");
  }
}

export function expectNumber(cursor: TextCursor): number {
  const token = cursor.next();
  const value = token.kind === "string" ? undefined : parseNumber(token.text);
  if (value !== undefined) return value;
  return cursor.failAt(token, "syntax", `expected a number, found ${printToken(token)}`, GRAMMAR_HELP);
}

export function expectInteger(cursor: TextCursor): number {
  const token = cursor.peek();
  const value = expectNumber(cursor);
  if (Number.isSafeInteger(value)) return value + 0; // "-0" is 0 here
  return cursor.failAt(token, "syntax", `expected an integer, found ${printToken(token)}`, GRAMMAR_HELP);
}

/** `open item, item close`, both ends included. */
export function parseList<T>(
  cursor: TextCursor,
  open: string,
  close: string,
  parseItem: () => T,
): readonly T[] {
  cursor.expect(open);
  const items: T[] = [];
  if (cursor.accept(close)) return items;
  do items.push(parseItem());
  while (cursor.accept(","));
  cursor.expect(close);
  return items;
}

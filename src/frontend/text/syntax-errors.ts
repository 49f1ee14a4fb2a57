/**
 * Turns what the lexer and the parser noticed into diagnostics: one sentence each, and what to write instead.
 *
 * Ensures: one syntax error per source line (recovery repeats itself), in source order.
 */
import { EOF, type ILexingError, type IRecognitionException, type IToken, type TokenType } from "chevrotain";
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import { spanOf } from "./tokens.ts";

const START = '"fn" or "kernel"';

const EXPECTED: ReadonlyMap<string, string> = new Map([
  ["module", START],
  ["declaration", START],
  ["type", "a type"],
  ["results", "a result type"],
  ["body", '"=" or "{"'],
  ["binding", "a name"],
  ["primary", "an expression"],
  ["indexItem", "an index"],
]);

/** Words that begin a declaration and stand nowhere else. */
const STARTS: ReadonlySet<string> = new Set(["fn", "kernel"]);

const STRAY_HELP: ReadonlyMap<string, string> = new Map([
  ["#", "comments start with //"],
  ["^", "a power is written x ** 2"],
  ["%", "there is no remainder: use floor"],
  ["!", "negation is written not x"],
  ["&", "write and"],
  ["|", "write or"],
  ["@", "a matrix product is sum(a * b, axis=...)"],
  ["\u00d7", "multiply with *"],
  ["\u00b7", "multiply with *"],
  ["\u2212", "subtract with -"],
  ["\u2013", "subtract with -"],
  ["\u2026", "write three dots: ..."],
  ["\u221a", "write sqrt(x)"],
  ["\u2264", "write <="],
  ["\u2265", "write >="],
  ["\u2260", "write !="],
  ["'", "there are no strings in the language"],
  ['"', "there are no strings in the language"],
  [".", "functions are called as sum(x), not x.sum()"],
]);

/** A stray character, or several in a row. */
export function describeLexingError(error: ILexingError, source: string, file: string): Diagnostic {
  const text = source.slice(error.offset, error.offset + error.length);
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  const shown = JSON.stringify(Array.from(text).slice(0, 8).join("")).slice(1, -1).replaceAll('\\"', '"');
  const several = text.length > first.length;
  const span: Span = { file, line: error.line ?? 1, column: error.column ?? 1, length: error.length };
  return errorAt("stray-character", `stray character${several ? "s" : ""} ${shown}`, {
    span,
    help: STRAY_HELP.get(first),
  });
}

/** Where the bracket that is open at each offset begins. */
export interface OpenBrackets {
  /** The innermost bracket still open before `token`. */
  readonly before: (token: IToken) => IToken | undefined;
  /** The last sign before a closing bracket that begins a line inside of it: it goes on with the line above. */
  readonly signBefore: (token: IToken) => IToken | undefined;
  /** Deepest nesting in the input, and the bracket that reaches it. */
  readonly deepest: { readonly depth: number; readonly at: IToken | undefined };
}

const CLOSES: ReadonlyMap<string, string> = new Map([
  [")", "("],
  ["]", "["],
  ["}", "{"],
]);

/** Matches brackets once over all tokens; a closing bracket that fits nothing is ignored. */
export function matchBrackets(tokens: readonly IToken[]): OpenBrackets {
  const open: IToken[] = [];
  const opener = new Map<number, IToken>();
  const signs = new Map<IToken, IToken>();
  const signBefore = new Map<number, IToken>();
  let last: IToken | undefined;
  let previous: IToken | undefined;
  let depth = 0;
  let at: IToken | undefined;
  for (const token of tokens) {
    const text = token.image;
    // A declaration starts afresh, or a lost brace would be blamed on everything that follows it.
    const startsAfresh = STARTS.has(text);
    const innermost = open.at(-1);
    if (innermost !== undefined) opener.set(token.startOffset, innermost);
    const sign = innermost === undefined ? undefined : signs.get(innermost);
    if (sign !== undefined && CLOSES.has(text)) signBefore.set(token.startOffset, sign);
    const beginsLine = (previous?.startLine ?? 0) < (token.startLine ?? 0);
    if (innermost !== undefined && text === "-" && beginsLine) signs.set(innermost, token);
    previous = token;
    if (startsAfresh) open.length = 0;
    if (text === "(" || text === "[" || text === "{") {
      open.push(token);
      if (open.length > depth) {
        depth = open.length;
        at = token;
      }
    } else if (innermost !== undefined && CLOSES.get(text) === innermost.image) {
      open.pop();
    }
    last = open.at(-1);
  }
  const before = (token: IToken): IToken | undefined =>
    token.tokenType === EOF ? last : opener.get(token.startOffset);
  return { before, signBefore: (token) => signBefore.get(token.startOffset), deepest: { depth, at } };
}

/** The token type that a mismatch expected, which Chevrotain keeps in the text of the exception only. */
function expectedToken(error: IRecognitionException, types: readonly TokenType[]): TokenType | undefined {
  const found =
    /^Expecting (?:token of type )?-->(.*?)<--/s.exec(error.message)?.[1] ??
    /--> (.+) <--/s.exec(error.message)?.[1];
  return types.find((type) => type.LABEL === found?.trim() || type.name === found?.trim());
}

/** The token before the mistake; Chevrotain's types name it on some exceptions only. */
function tokenBefore(error: IRecognitionException): IToken | undefined {
  const { previousToken } = error as IRecognitionException & { readonly previousToken?: IToken };
  return previousToken;
}

const LET_HELP = "lets come first; a block ends in one expression";

function suggestMend(
  error: IRecognitionException,
  expected: string,
  brackets: OpenBrackets,
): string | undefined {
  const { image, tokenType } = error.token;
  const innermost = brackets.before(error.token);
  const sign = brackets.signBefore(error.token);
  if (image === "let") return LET_HELP;
  if (image === "return") return "a block ends in an expression, without return";
  if (expected === "an expression" && image === "+") return "leave the sign out";
  if (expected === "an expression" && image === "}" && sign !== undefined)
    return `a block ends in one expression; line ${String(sign.startLine ?? 0)} begins with - and goes on with the let above it: begin it with 0 -`;
  if (expected === "an expression" && (image === "}" || image === "let")) return LET_HELP;
  if (innermost !== undefined && (tokenType === EOF || STARTS.has(image))) {
    const closing = [...CLOSES].find(([, opening]) => opening === innermost.image)?.[0];
    return `add ${closing ?? ""} to close the ${innermost.image}`;
  }
  if (tokenBefore(error)?.tokenType.name === "NumberLiteral") return "multiplication is written with *";
  if (expected === "an expression" && tokenType === EOF) return "finish the expression";
  if (expected === START) return "a file holds functions and kernels, as in fn double(x) = x * 2";
  return undefined;
}

function describeParsingError(
  error: IRecognitionException,
  brackets: OpenBrackets,
  types: readonly TokenType[],
  file: string,
  leftover: string,
): Diagnostic {
  const rule = error.context.ruleStack.at(-1) ?? "";
  const expected = expectedToken(error, types)?.LABEL ?? EXPECTED.get(rule) ?? leftover;
  const atEnd = error.token.tokenType === EOF;
  const previousToken = tokenBefore(error);
  // The end of the file has no place of its own; what is missing there is missing behind the last token.
  const span = spanOf(atEnd && previousToken !== undefined ? previousToken : error.token, file);
  const place = atEnd ? { ...span, column: span.column + span.length, length: 1 } : span;
  const found = atEnd ? "the input ends" : `found "${error.token.image}"`;
  const innermost = brackets.before(error.token);
  const closes = ['")"', '"]"', '"}"'].includes(expected) || atEnd || STARTS.has(error.token.image);
  return errorAt("syntax", `expected ${expected} but ${found}`, {
    span: place,
    notes:
      innermost !== undefined && closes
        ? [{ message: `"${innermost.image}" is opened here`, span: spanOf(innermost, file) }]
        : [],
    help: suggestMend(error, expected, brackets),
  });
}

/** The parser's exceptions as diagnostics. `start` is the rule that was parsed: what may follow it differs. */
export function describeParsingErrors(
  errors: readonly IRecognitionException[],
  brackets: OpenBrackets,
  types: readonly TokenType[],
  file: string,
  start: "module" | "anonymous",
): readonly Diagnostic[] {
  const lines = new Set<number>();
  return errors
    .map((error) =>
      describeParsingError(error, brackets, types, file, start === "module" ? START : "the end"),
    )
    .filter(({ span }) => {
      const line = span?.line ?? 0;
      const isNew = !lines.has(line);
      lines.add(line);
      return isNew;
    });
}

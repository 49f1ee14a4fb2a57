/**
 * The words of the text language. Chevrotain tries the token types in order, so longer spellings stand first.
 * Grammar and word list are documented in docs/language.md.
 */
import { createToken, Lexer, type IToken, type TokenType } from "chevrotain";
import type { Span } from "../../diagnostics/diagnostic.ts";

/** Abstract categories: the grammar asks for "a binary operator", and precedence is settled afterwards. */
export const BinaryOperator = createToken({
  name: "BinaryOperator",
  label: "an operator",
  pattern: Lexer.NA,
});
export const PrefixOperator = createToken({
  name: "PrefixOperator",
  label: "an operator",
  pattern: Lexer.NA,
});

export const Name = createToken({ name: "Name", label: "a name", pattern: /[A-Za-z_][A-Za-z0-9_]*/ });
/** What `${...}` in a tagged template leaves behind; a name that no file can define. */
export const Hole = createToken({ name: "Hole", label: "a name", pattern: /\$\{\d+\}/, categories: [Name] });
export const NumberLiteral = createToken({
  name: "NumberLiteral",
  label: "a number",
  pattern: /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/,
});

function keyword(text: string, categories: TokenType[] = []): TokenType {
  return createToken({
    name: text,
    label: `"${text}"`,
    pattern: new RegExp(text),
    longer_alt: Name,
    categories,
  });
}
function symbol(text: string, categories: TokenType[] = []): TokenType {
  return createToken({ name: text, label: `"${text}"`, pattern: text, categories });
}

export const Fn = keyword("fn");
export const Kernel = keyword("kernel");
export const LetWord = keyword("let");
export const True = keyword("true");
export const False = keyword("false");
const And = keyword("and", [BinaryOperator]);
const Or = keyword("or", [BinaryOperator]);
const Not = keyword("not", [PrefixOperator]);

export const Ellipsis = symbol("...");
export const Arrow = symbol("->");
export const FatArrow = symbol("=>");
const Power = symbol("**", [BinaryOperator]);
const COMPARISONS = ["==", "!=", "<=", ">=", "<", ">"].map((text) => symbol(text, [BinaryOperator]));
export const Equals = symbol("=");
const Minus = symbol("-", [BinaryOperator, PrefixOperator]);
const ARITHMETIC = ["+", "*", "/"].map((text) => symbol(text, [BinaryOperator]));
export const OpenParen = symbol("(");
export const CloseParen = symbol(")");
export const OpenSquare = symbol("[");
export const CloseSquare = symbol("]");
export const OpenCurly = symbol("{");
export const CloseCurly = symbol("}");
export const Comma = symbol(",");
export const Colon = symbol(":");
export const Semicolon = symbol(";");

const Space = createToken({ name: "Space", pattern: /[ \t\r\n]+/, group: Lexer.SKIPPED, line_breaks: true });
const Comment = createToken({ name: "Comment", pattern: /\/\/[^\r\n]*/, group: Lexer.SKIPPED });

export const TOKENS: readonly TokenType[] = [
  Space,
  Comment,
  Fn,
  Kernel,
  LetWord,
  True,
  False,
  And,
  Or,
  Not,
  Hole,
  Name,
  Ellipsis,
  NumberLiteral,
  Arrow,
  FatArrow,
  Power,
  ...COMPARISONS,
  Equals,
  Minus,
  ...ARITHMETIC,
  OpenParen,
  CloseParen,
  OpenSquare,
  CloseSquare,
  OpenCurly,
  CloseCurly,
  Comma,
  Colon,
  Semicolon,
  BinaryOperator,
  PrefixOperator,
];

/** Where a token stands. A token that error recovery invented has no place, hence the fallbacks. */
export function spanOf(token: IToken, file: string): Span {
  const line = token.startLine ?? 1;
  const column = token.startColumn ?? 1;
  return {
    file,
    line: Number.isNaN(line) ? 1 : line,
    column: Number.isNaN(column) ? 1 : column,
    length: Math.max(1, token.image.length),
  };
}

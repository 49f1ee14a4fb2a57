/**
 * Text to syntax tree.
 *
 * Requires: nothing; any string may come in.
 * Ensures:  never throws and takes time linear in the text; every mistake is a located diagnostic. `module` is undefined
 *           only when brackets nest too deeply to parse. Where there are errors, the tree has error expressions, which
 *           later stages pass over in silence.
 */
import { Lexer, type IToken } from "chevrotain";
import { errorAt, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { MAX_BRACKETS, type Declaration, type Module } from "./ast.ts";
import { buildAnonymous, buildDeclarations } from "./build-ast.ts";
import { parseTokens, type ParseOutcome } from "./grammar.ts";
import { describeLexingError, describeParsingErrors, matchBrackets } from "./syntax-errors.ts";
import { spanOf, TOKENS } from "./tokens.ts";

export interface ParsedModule {
  readonly module: Module | undefined;
  readonly diagnostics: readonly Diagnostic[];
}
export interface ParsedFunction {
  readonly fn: Declaration | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

const LEXER = new Lexer([...TOKENS], { ensureOptimizations: true, positionTracking: "full" });
// More than this helps nobody, and random bytes would give one diagnostic each.
const MOST_DIAGNOSTICS = 100;

interface Outcome {
  readonly tree: ParseOutcome["tree"];
  readonly diagnostics: readonly Diagnostic[];
}

function reportDepth(at: IToken | undefined, file: string): Diagnostic {
  return errorAt("nesting-too-deep", `brackets nest more than ${String(MAX_BRACKETS)} levels deep`, {
    span: at === undefined ? undefined : spanOf(at, file),
    help: "name inner parts with let",
  });
}

const byPlace = (a: Diagnostic, b: Diagnostic): number =>
  (a.span?.line ?? 0) - (b.span?.line ?? 0) || (a.span?.column ?? 0) - (b.span?.column ?? 0);

function readSource(source: string, file: string, start: "module" | "anonymous"): Outcome {
  const { tokens, errors } = LEXER.tokenize(source);
  const stray = errors.slice(0, MOST_DIAGNOSTICS).map((error) => describeLexingError(error, source, file));
  const brackets = matchBrackets(tokens);
  if (brackets.deepest.depth > MAX_BRACKETS) {
    return { tree: undefined, diagnostics: [...stray, reportDepth(brackets.deepest.at, file)] };
  }
  const outcome = parseTokens(tokens, start);
  const strayLines = new Set(stray.map(({ span }) => span?.line));
  // A character that was left out derails the rest of its line; what the parser says about it there is noise.
  const syntax = describeParsingErrors(
    outcome.errors.slice(0, MOST_DIAGNOSTICS),
    brackets,
    TOKENS,
    file,
    start,
  ).filter(({ span }) => !strayLines.has(span?.line));
  return { tree: outcome.tree, diagnostics: [...stray, ...syntax].sort(byPlace) };
}

/** Parses a file of functions and kernels. `file` is the name that places in diagnostics carry. */
export function parseModule(source: string, file: string): ParsedModule {
  const { tree, diagnostics } = readSource(source, file, "module");
  if (diagnostics.some((d) => d.code === "nesting-too-deep")) return { module: undefined, diagnostics };
  const found = [...diagnostics];
  const declarations = buildDeclarations(tree, { file, report: (d) => found.push(d) });
  return { module: { file, declarations }, diagnostics: found };
}

/** Parses one anonymous function, `(x, w) => x * w`, under the given name. */
export function parseFunction(source: string, file: string, name: string): ParsedFunction {
  const { tree, diagnostics } = readSource(source, file, "anonymous");
  if (tree === undefined) return { fn: undefined, diagnostics };
  const found = [...diagnostics];
  const fn = buildAnonymous(tree, name, { file, report: (d) => found.push(d) });
  return { fn, diagnostics: found };
}

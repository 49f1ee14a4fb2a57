/**
 * Lays diagnostics out as text. Wording is not decided here.
 *
 *     norms.weft:3:14: error[shape-mismatch]: cannot broadcast f32[255] to f32[8,256]
 *       3 |   return x * w
 *         |              ^
 *     norms.weft:1:25: note: w is declared f32[255] here
 *       help: declare w as f32[256], or slice x on axis 1
 *
 * Requires: nothing; a file that is not among the sources, or a line beyond its end, is not quoted.
 * Ensures:  same input, same text; no trailing newline; quoted source cannot smuggle control characters to a terminal.
 */
import type { Diagnostic, Note, Span } from "./diagnostic.ts";

/** What a piece of the text is, for colouring. */
export type DiagnosticPart = "place" | "error" | "warning" | "note" | "help" | "message" | "gutter" | "caret";

export interface RenderOptions {
  /** Wraps a piece of the text, for instance in terminal colours. Absent: plain text. */
  readonly style?: ((part: DiagnosticPart, text: string) => string) | undefined;
}

type Style = (part: DiagnosticPart, text: string) => string;
/** Lines of each file, split on demand: a file with many mistakes is split once. */
type LinesOf = (file: string) => readonly string[];

const LINE_BREAK = /\r\n|\r|\n/;
// Longer lines (generated programs) are quoted around the mistake only.
const WIDEST_QUOTE = 160;

// eslint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;
const makePrintable = (text: string): string => text.replace(CONTROL, "\ufffd");

const printPlace = (span: Span | undefined, style: Style): string =>
  span === undefined
    ? ""
    : `${style("place", `${makePrintable(span.file)}:${String(span.line)}:${String(span.column)}:`)} `;

/** The quoted line with the mistake underlined, or nothing when the source is not at hand. */
function quoteLine(span: Span | undefined, linesOf: LinesOf, style: Style): readonly string[] {
  if (span === undefined) return [];
  const line = linesOf(span.file)[span.line - 1];
  if (line === undefined) return [];
  const at = Math.min(span.column - 1, line.length);
  const from = line.length <= WIDEST_QUOTE ? 0 : Math.max(0, at - WIDEST_QUOTE / 2);
  const quoted = makePrintable(line.slice(from, from + WIDEST_QUOTE));
  const before = quoted.slice(0, at - from);
  const room = Math.max(1, quoted.length - before.length);
  const carets = "^".repeat(Math.max(1, Math.min(span.length, room)));
  const number = String(span.line);
  return [
    `  ${style("gutter", `${number} |`)} ${quoted}`.trimEnd(),
    // Tabs stay tabs, so that the caret lands under its character whatever the tab width.
    `  ${style("gutter", `${" ".repeat(number.length)} |`)} ${before.replace(/[^\t]/g, " ")}${style("caret", carets)}`,
  ];
}

const printNote = (note: Note, style: Style): string =>
  `${note.span === undefined ? "  " : printPlace(note.span, style)}${style("note", "note:")} ${makePrintable(note.message)}`;

function renderDiagnostic(diagnostic: Diagnostic, linesOf: LinesOf, style: Style): string {
  const { severity, code, message, span, notes, help } = diagnostic;
  const title = `${style(severity, `${severity}[${code}]:`)} ${style("message", makePrintable(message))}`;
  return [
    `${printPlace(span, style)}${title}`,
    ...quoteLine(span, linesOf, style),
    ...notes.map((note) => printNote(note, style)),
    ...(help === undefined ? [] : [`  ${style("help", "help:")} ${makePrintable(help)}`]),
  ].join("\n");
}

/** Diagnostics as text, a blank line between them. `sources` maps file names, as they stand in spans, to their text. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  options: RenderOptions = {},
): string {
  const style: Style = options.style ?? ((_, text) => text);
  const split = new Map<string, readonly string[]>();
  const linesOf: LinesOf = (file) => {
    const lines = split.get(file) ?? sources.get(file)?.split(LINE_BREAK) ?? [];
    split.set(file, lines);
    return lines;
  };
  return diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, linesOf, style)).join("\n\n");
}

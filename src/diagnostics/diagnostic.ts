/**
 * A diagnostic is data: code, one lower-case sentence without a full stop, a place, located notes, optional help.
 * Wording lives where the mistake is found; rendering (`render.ts`) only lays the text out.
 */

/**
 * A place in user source. Lines and columns count from 1. A stack frame (tracing) has a line and a column but no
 * character offset, and a token has both, so lines and columns are what all front ends can give.
 */
export interface Span {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters to underline; clipped at the end of the line. */
  readonly length: number;
}

export interface Note {
  readonly message: string;
  readonly span?: Span | undefined;
}

export type DiagnosticCode =
  // text language
  | "stray-character"
  | "syntax"
  | "unknown-name"
  | "duplicate-name"
  | "wrong-arity"
  | "unknown-argument"
  | "recursion"
  | "nesting-too-deep"
  | "unused-parameter"
  | "unknown-kernel"
  // types and shapes
  | "shape-mismatch"
  | "dimension-mismatch"
  | "unbound-dimension"
  | "invalid-axis"
  | "duplicate-axis"
  | "dtype-mismatch"
  | "invalid-shape"
  | "invalid-value"
  | "rank-too-high"
  | "empty-reduction"
  // tracing and calls
  | "value-dependent"
  | "wrong-argument"
  | "disposed-tensor"
  | "wrong-device"
  // devices and files
  | "no-adapter"
  | "too-large"
  | "unsupported-dtype"
  | "device-lost"
  | "gpu-error"
  | "invalid-file"
  | "stale-file"
  | "truncated-file"
  | "header-too-long"
  | "invalid-header"
  | "duplicate-tensor"
  | "unknown-dtype"
  | "invalid-offsets"
  | "overlapping-tensors"
  | "missing-tensor"
  | "broken-pair"
  | "ambiguous-dim";

export interface Diagnostic extends Note {
  readonly severity: "error" | "warning";
  readonly code: DiagnosticCode;
  readonly notes: readonly Note[];
  readonly help?: string | undefined;
}

interface DiagnosticDetails {
  readonly span?: Span | undefined;
  readonly notes?: readonly Note[];
  readonly help?: string | undefined;
}

/** Builds an error diagnostic. */
export function errorAt(code: DiagnosticCode, message: string, details: DiagnosticDetails = {}): Diagnostic {
  return {
    severity: "error",
    code,
    message,
    span: details.span,
    notes: details.notes ?? [],
    help: details.help,
  };
}

/** Builds a warning diagnostic. */
export function warningAt(
  code: DiagnosticCode,
  message: string,
  details: DiagnosticDetails = {},
): Diagnostic {
  return { ...errorAt(code, message, details), severity: "warning" };
}

const where = (span: Span | undefined): string =>
  span === undefined ? "" : `${span.file}:${String(span.line)}:${String(span.column)}: `;

/** One or more mistakes in what the user wrote or passed. `diagnostics` holds all that were found together. */
export class TensorweftError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[], options?: ErrorOptions) {
    super(
      diagnostics
        .map(
          (d) =>
            `${where(d.span)}${d.severity}[${d.code}]: ${d.message}${d.help === undefined ? "" : `\n  help: ${d.help}`}`,
        )
        .join("\n"),
      options,
    );
    this.name = "TensorweftError";
    this.diagnostics = diagnostics;
  }
}

/** Throws one error diagnostic. */
export function fail(code: DiagnosticCode, message: string, details: DiagnosticDetails = {}): never {
  throw new TensorweftError([errorAt(code, message, details)]);
}

/** An artefact broke an invariant: a mistake of ours, never of the user's. Asks for a report. */
export class CompilerBug extends Error {
  readonly problems: readonly string[];
  readonly artefact: string;
  constructor(where_: string, problems: readonly string[], artefact = "") {
    super(
      `tensorweft has a bug: ${where_}\n${problems.map((p) => `  - ${p}`).join("\n")}\n` +
        `please report it with the program that caused it${artefact === "" ? "" : `\n${artefact}`}`,
    );
    this.name = "CompilerBug";
    this.problems = problems;
    this.artefact = artefact;
  }
}

/**
 * The state of one instantiation: the graph under construction, the calls that are being inlined, what was reported.
 * Diagnostics are collected, not thrown, so that independent statements are all looked at.
 */
import {
  errorAt,
  TensorweftError,
  type Diagnostic,
  type Note,
  type Span,
} from "../../diagnostics/diagnostic.ts";
import { printType, type DType } from "../../ir/dtype.ts";
import type { GraphBuilder } from "../../ir/graph-builder.ts";
import type { Expr } from "./ast.ts";
import type { Dimensions } from "./dimensions.ts";
import type { Environment } from "./environment.ts";
import type { Static } from "./values.ts";

/** Levels of expressions and inlined calls together; what recursion of the evaluator can stand on a small stack. */
export const MAX_EVALUATION_DEPTH = 500;
/** Steps of one instantiation: inlining doubles work easily (`fn g(x) = f(x) + f(x)`, and so on). */
export const MAX_STEPS = 500_000;

export interface Local {
  /** Undefined: poisoned by a mistake that has been reported. */
  readonly value: Static | undefined;
  readonly span: Span;
  /** A parameter of the kernel, whose type is declared; those of functions take what comes. */
  readonly isParameter: boolean;
}

/** Names visible in one inlined body. */
export interface Scope {
  readonly environment: Environment;
  readonly locals: Map<string, Local>;
  readonly dimensions: Dimensions;
}

export interface Lowering {
  readonly builder: GraphBuilder;
  /** What a declared f32 tensor stands for. */
  readonly floatType: DType;
  readonly diagnostics: Diagnostic[];
  readonly reported: Set<string>;
  /** The calls being inlined, outermost first. */
  readonly calls: { readonly name: string; readonly span: Span }[];
  depth: number;
  steps: number;
}

export const createLowering = (builder: GraphBuilder, floatType: DType): Lowering => ({
  builder,
  floatType,
  diagnostics: [],
  reported: new Set(),
  calls: [],
  depth: 0,
  steps: 0,
});

// Deeper call chains say no more than their innermost links.
const MOST_CALL_NOTES = 3;

/** Adds a diagnostic; one inside an inlined function names the calls; the next call does not repeat it. */
export function report(lowering: Lowering, diagnostic: Diagnostic): void {
  const { span, code, message } = diagnostic;
  const key = `${code}:${String(span?.file)}:${String(span?.line)}:${String(span?.column)}:${message}`;
  if (lowering.reported.has(key)) return;
  lowering.reported.add(key);
  const through = lowering.calls
    .slice(-MOST_CALL_NOTES)
    .reverse()
    .map(({ name, span: at }): Note => ({ message: `in this call of ${name}`, span: at }));
  lowering.diagnostics.push({ ...diagnostic, notes: [...diagnostic.notes, ...through] });
}

/** Where the tensors that took part come from. */
function describeOperands(operands: readonly Expr[], scope: Scope): readonly Note[] {
  const names = new Set(operands.flatMap((operand) => (operand.kind === "name" ? [operand.text] : [])));
  return [...names].flatMap((name): readonly Note[] => {
    const local = scope.locals.get(name);
    if (local?.value?.kind !== "tensor") return [];
    const verb = local.isParameter ? "is declared" : "is";
    return [{ message: `${name} ${verb} ${printType(local.value.value.type)} here`, span: local.span }];
  });
}

const ABOUT_OPERANDS: ReadonlySet<string> = new Set<Diagnostic["code"]>([
  "shape-mismatch",
  "dtype-mismatch",
  "invalid-axis",
  "duplicate-axis",
  "empty-reduction",
  "rank-too-high",
]);

/** What an attempt is about, should it fail. */
export interface Attempt {
  readonly scope: Scope;
  readonly operands: readonly Expr[];
  /** The piece of source to point at. */
  readonly blame: Span;
}

/** Runs a step of the builder; its mistakes become diagnostics at `blame`, with notes on the operands. */
export function attempt<T>(
  lowering: Lowering,
  { scope, operands, blame }: Attempt,
  step: () => T,
): T | undefined {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    for (const diagnostic of error.diagnostics) {
      const notes = ABOUT_OPERANDS.has(diagnostic.code) ? describeOperands(operands, scope) : [];
      report(lowering, { ...diagnostic, span: blame, notes: [...diagnostic.notes, ...notes] });
    }
    return undefined;
  }
}

/** Thrown to end an instantiation that grows beyond all bounds; caught where it began. */
export class InstantiationLimit extends Error {}

/** Reports a limit where the kernel started on the way to it, not wherever inside it was reached. */
function reportLimit(
  lowering: Lowering,
  code: Diagnostic["code"],
  message: string,
  span: Span,
  help: string,
): void {
  const [outermost] = lowering.calls;
  const diagnostic = errorAt(code, message, { span: outermost?.span ?? span, help });
  if (lowering.diagnostics.some((d) => d.code === code && d.span === diagnostic.span)) return;
  lowering.diagnostics.push(diagnostic);
}

/** Counts a step and a level; `false`, after a report, when there is no room for another level. */
export function enterLevel(lowering: Lowering, span: Span): boolean {
  lowering.steps += 1;
  if (lowering.steps > MAX_STEPS) {
    const help = "compute a value once with let instead of calling its function again";
    reportLimit(lowering, "too-large", `inlining takes more than ${String(MAX_STEPS)} steps`, span, help);
    throw new InstantiationLimit();
  }
  if (lowering.depth >= MAX_EVALUATION_DEPTH) {
    const message = "calls and expressions nest too deeply to inline";
    reportLimit(lowering, "nesting-too-deep", message, span, "call fewer functions through one another");
    return false;
  }
  lowering.depth += 1;
  return true;
}

export function leaveLevel(lowering: Lowering): void {
  lowering.depth -= 1;
}

// ---- calls -----------------------------------------------------------------------------------------------------------

/** Where a function is called, and under which name. */
export interface CallSite {
  readonly name: string;
  readonly expr: Expr & { readonly kind: "call" | "apply" };
  /** What a note about the call points at. */
  readonly blame: Span;
}

export type GivenArguments = ReadonlyMap<string, { readonly expr: Expr; readonly value: Static | undefined }>;

/**
 * Binds the named dimensions of declared types to the lengths of actual shapes. A name binds where it first stands alone
 * (`f32[N]`) and has the same length everywhere after; `...` binds the leading dimensions in the same way. Arithmetic
 * (`f32[2 * N]`) is compared once all names are bound.
 */
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import type { Expr, TypeExpr } from "./ast.ts";
import { printDim, printTypeExpr } from "./print-type.ts";

interface BoundSize {
  readonly size: number;
  /** The parameter or result that bound it, for messages. */
  readonly subject: string;
  readonly span: Span;
}
interface BoundLeading {
  readonly shape: readonly number[];
  readonly subject: string;
  readonly span: Span;
}
interface PendingDim {
  readonly dim: Expr;
  readonly size: number;
  readonly subject: string;
}

/** The dimensions of one call of one function. Filled while its types are matched. */
export interface Dimensions {
  readonly sizes: Map<string, BoundSize>;
  readonly pending: PendingDim[];
  leading: BoundLeading | undefined;
}

type Report = (diagnostic: Diagnostic) => void;

export const createDimensions = (): Dimensions => ({ sizes: new Map(), pending: [], leading: undefined });

const printShape = (shape: readonly number[]): string => `[${shape.join(",")}]`;
const HELP = "give both the same length, or give the dimensions different names";

function bindLeading(
  shape: readonly number[],
  subject: string,
  span: Span,
  dims: Dimensions,
  report: Report,
): boolean {
  const earlier = dims.leading;
  if (earlier === undefined) {
    dims.leading = { shape, subject, span };
    return true;
  }
  if (earlier.shape.length === shape.length && earlier.shape.every((n, d) => n === shape[d])) return true;
  report(
    errorAt(
      "dimension-mismatch",
      `the leading dimensions ... are ${printShape(earlier.shape)} in ${earlier.subject} but ${printShape(shape)} in ${subject}`,
      {
        span,
        notes: [{ message: `... is ${printShape(earlier.shape)} here`, span: earlier.span }],
        help: "give both the same leading dimensions, or leave the type of one of them out",
      },
    ),
  );
  return false;
}

function bindDim(
  dim: Expr,
  size: number,
  subject: string,
  axis: number,
  dims: Dimensions,
  report: Report,
): boolean {
  if (dim.kind === "name") {
    const earlier = dims.sizes.get(dim.text);
    if (earlier === undefined) {
      dims.sizes.set(dim.text, { size, subject, span: dim.span });
      return true;
    }
    if (earlier.size === size) return true;
    const place = earlier.subject === subject ? "before" : `in ${earlier.subject}`;
    report(
      errorAt(
        "dimension-mismatch",
        `dimension ${dim.text} is ${String(earlier.size)} ${place} but ${String(size)} in ${subject}`,
        {
          span: dim.span,
          notes: [{ message: `${dim.text} is ${String(earlier.size)} here`, span: earlier.span }],
          help: HELP,
        },
      ),
    );
    return false;
  }
  if (dim.kind !== "number") {
    if (dim.kind !== "error") dims.pending.push({ dim, size, subject });
    return true;
  }
  if (dim.value === size) return true;
  reportLength(dim, size, subject, String(axis), report);
  return false;
}

function reportLength(dim: Expr, size: number, subject: string, axis: string, report: Report): void {
  report(
    errorAt(
      "dimension-mismatch",
      `${subject} is declared with length ${printDim(dim)} on axis ${axis} but has ${String(size)}`,
      { span: dim.span, help: "declare a name there to take any length" },
    ),
  );
}

/** Matches a declared type with an actual shape. False, after a report, where they do not fit. */
export function matchShape(
  type: TypeExpr,
  shape: readonly number[],
  subject: string,
  dims: Dimensions,
  report: Report,
): boolean {
  const declared = type.dims ?? [];
  const [first] = declared;
  const hasLeading = first?.kind === "ellipsis";
  const fixed = hasLeading ? declared.slice(1) : declared;
  const extra = shape.length - fixed.length;
  if (extra < 0 || (!hasLeading && extra > 0)) {
    report(
      errorAt(
        "shape-mismatch",
        `${subject} is declared ${printTypeExpr(type)} but has shape ${printShape(shape)}`,
        {
          span: type.span,
          help: hasLeading
            ? `it needs at least ${String(fixed.length)} dimension${fixed.length === 1 ? "" : "s"}`
            : `it needs ${String(fixed.length)} dimension${fixed.length === 1 ? "" : "s"}; write ... first to take any number`,
        },
      ),
    );
    return false;
  }
  let fits = !hasLeading || bindLeading(shape.slice(0, extra), subject, first.span, dims, report);
  for (const [k, dim] of fixed.entries()) {
    fits = bindDim(dim, shape[extra + k] ?? 1, subject, extra + k, dims, report) && fits;
  }
  return fits;
}

/** Compares lengths given by arithmetic, now that names are bound. `evaluate` gives undefined for what is reported. */
export function matchPending(
  dims: Dimensions,
  evaluate: (dim: Expr) => number | undefined,
  report: Report,
): void {
  for (const { dim, size, subject } of dims.pending.splice(0)) {
    const expected = evaluate(dim);
    if (expected === undefined || expected === size) continue;
    report(
      errorAt(
        "dimension-mismatch",
        `${subject} is declared with length ${printDim(dim)} = ${String(expected)} but has ${String(size)}`,
        { span: dim.span, help: "change the declared length, or the shape" },
      ),
    );
  }
}

/** The shape of a declared type all of whose lengths are known; undefined where one is open. */
export function resolveShape(
  type: TypeExpr,
  dims: Dimensions,
  evaluate: (dim: Expr) => number | undefined,
): readonly number[] | undefined {
  const shape: number[] = [];
  for (const dim of type.dims ?? []) {
    if (dim.kind === "ellipsis") {
      if (dims.leading === undefined || shape.length > 0) return undefined;
      shape.push(...dims.leading.shape);
      continue;
    }
    const size = dim.kind === "name" ? dims.sizes.get(dim.text)?.size : evaluate(dim);
    if (size === undefined) return undefined;
    shape.push(size);
  }
  return shape;
}

/** Names in a type that are not bound yet, in order, for messages. */
export function openNames(type: TypeExpr, dims: Dimensions): readonly string[] {
  return (type.dims ?? []).flatMap((dim, k) => {
    if (dim.kind === "ellipsis") return k === 0 && dims.leading === undefined ? ["..."] : [];
    return dim.kind === "name" && !dims.sizes.has(dim.text) ? [dim.text] : [];
  });
}

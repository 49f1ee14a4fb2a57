/**
 * The syntax tree of the text language: plain readonly data, every piece with its place in the source.
 *
 * Ensures (parser): the tree is at most `MAX_DEPTH` levels deep, so recursion over it is safe. What may be long in a
 * program (a sum of 100,000 terms, a block of 20,000 lets) is a list here, never a chain of nodes.
 */
import type { Span } from "../../diagnostics/diagnostic.ts";
import type { DType } from "../../ir/dtype.ts";

/** Deepest nesting of brackets; the parser recurses over these. */
export const MAX_BRACKETS = 128;
/** Deepest syntax tree of one expression; checks and lowering recurse over it. */
export const MAX_DEPTH = 256;

export interface Name {
  readonly text: string;
  readonly span: Span;
}

/** `+` and `-` form one chain, `*` and `/` another, each comparison a chain of one. Evaluated from the left. */
export interface ChainLink {
  readonly op: BinaryOp;
  readonly operand: Expr;
}
export type BinaryOp = "or" | "and" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "add" | "sub" | "mul" | "div";

export interface Argument {
  /** `axis` in `axis=-1`; undefined for a positional argument. */
  readonly name: Name | undefined;
  readonly value: Expr;
}

/** `start:stop:step`, or one position. */
export type IndexItem =
  | { readonly kind: "position"; readonly value: Expr }
  | {
      readonly kind: "range";
      readonly start: Expr | undefined;
      readonly stop: Expr | undefined;
      readonly step: Expr | undefined;
    };

interface Located {
  readonly span: Span;
}
export type Expr = Located &
  (
    | { readonly kind: "number"; readonly value: number; readonly isInteger: boolean }
    | { readonly kind: "boolean"; readonly value: boolean }
    | { readonly kind: "name"; readonly text: string }
    /** `...` in a type, a list or an index. */
    | { readonly kind: "ellipsis" }
    | { readonly kind: "list"; readonly items: readonly Expr[] }
    | { readonly kind: "tuple"; readonly items: readonly Expr[] }
    | { readonly kind: "call"; readonly callee: Name; readonly args: readonly Argument[] }
    /** `grad(f, wrt=x)(...)`: a call of what another call gives. */
    | {
        readonly kind: "apply";
        readonly callee: Expr & { readonly kind: "call" };
        readonly args: readonly Argument[];
      }
    | { readonly kind: "index"; readonly base: Expr; readonly items: readonly IndexItem[] }
    | { readonly kind: "unary"; readonly op: "neg" | "not"; readonly operand: Expr }
    | { readonly kind: "power"; readonly base: Expr; readonly exponent: Expr }
    | { readonly kind: "chain"; readonly first: Expr; readonly rest: readonly ChainLink[] }
    /** Something that did not parse; already reported. */
    | { readonly kind: "error" }
  );

/** `f32[O, 1]`, `[..., D]` (any dtype), or a bare dtype (`dims` undefined): a scalar bound at call time. */
export interface TypeExpr extends Located {
  readonly dtype: DType | undefined;
  readonly dims: readonly Expr[] | undefined;
}

export interface ParamDecl {
  readonly name: Name;
  readonly type: TypeExpr | undefined;
  readonly default: Expr | undefined;
}

export interface ResultDecl extends Located {
  readonly name: Name | undefined;
  readonly type: TypeExpr | undefined;
}

/** `let a = value`, or `let (a, b) = value` (then `isTuple`). */
export interface Let {
  readonly targets: readonly Name[];
  readonly isTuple: boolean;
  readonly value: Expr;
}

export interface Body {
  readonly lets: readonly Let[];
  readonly result: Expr;
}

export interface Declaration {
  readonly kind: "fn" | "kernel";
  readonly name: Name;
  readonly params: readonly ParamDecl[];
  /** Undefined: not declared. */
  readonly results: readonly ResultDecl[] | undefined;
  readonly body: Body;
}

export interface Module {
  readonly file: string;
  readonly declarations: readonly Declaration[];
}

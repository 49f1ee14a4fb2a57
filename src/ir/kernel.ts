/**
 * The kernel: what one dispatch runs, as structured statements over scalars and short vectors. Everything the target
 * needs is decided here; the WGSL printer only spells it. Text, verifier and interpreter stand beside this file.
 *
 * Conventions. Indices are u32 and count scalar elements of a binding, whatever its width. Names are unique in a kernel.
 * An invocation is known by `workgroup` (linear workgroup index, 0 <= w < workgroupCount) and `lane` (local index,
 * 0 <= l < workgroupSize). Every loop has a literal trip count and counts 0, 1, ..., trips - 1.
 */
import type { DType } from "./dtype.ts";
import type { MonoidName } from "./monoids.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/** Types of values in a kernel. 16-bit floats are storage only: a load widens them to f32, a store narrows. */
export type ScalarType = "f32" | "i32" | "u32" | "bool";
export type Width = 1 | 2 | 4;
export interface ValueType {
  readonly scalar: ScalarType;
  readonly width: Width;
}

export type IndexOp = "add" | "sub" | "mul" | "div" | "mod" | "min";

export type Expr =
  | { readonly kind: "const"; readonly type: ValueType; readonly value: number }
  /** A let, var, loop counter or delinearized coordinate in scope. */
  | { readonly kind: "name"; readonly type: ValueType; readonly name: string }
  /** Element of a register array; the index is constant once loops marked `unroll` are unrolled. */
  | { readonly kind: "register"; readonly type: ValueType; readonly array: string; readonly index: Expr }
  /** A number bound at call time (`Kernel.scalars`). */
  | { readonly kind: "uniform"; readonly type: ValueType; readonly name: string }
  /** Linear workgroup index, u32. */
  | { readonly kind: "workgroup" }
  /** Index of the invocation in its workgroup, u32. */
  | { readonly kind: "lane" }
  /**
   * What WGSL tells of an invocation's subgroup, u32: lanes of a full one, its index in the workgroup, the invocation's index in
   * it. Subgroups hold neighbouring lanes and start at multiples of their size (src/runtime/probe-subgroups.ts tests that).
   */
  | { readonly kind: "subgroup"; readonly part: "size" | "id" | "lane" }
  /** u32 arithmetic on indices; wraps. */
  | { readonly kind: "index"; readonly fn: IndexOp; readonly args: readonly [Expr, Expr] }
  /** Scalar op of the table, element by element; all operands have the same width. Comparisons also take u32. */
  | { readonly kind: "op"; readonly fn: ScalarOp; readonly type: ValueType; readonly args: readonly Expr[] }
  /** Conversion as the graph's `cast`. With `round` an f32 stays f32, but takes the nearest value of that 16-bit format. */
  | { readonly kind: "cast"; readonly type: ValueType; readonly arg: Expr; readonly round?: "f16" | "bf16" }
  /** The same scalar in every element of a vector. */
  | { readonly kind: "splat"; readonly type: ValueType; readonly arg: Expr }
  /** A vector from scalars. */
  | { readonly kind: "vector"; readonly type: ValueType; readonly parts: readonly Expr[] }
  | { readonly kind: "component"; readonly type: ValueType; readonly arg: Expr; readonly component: number };

/** One component of a state: `result` names its combined value, known to all lanes of the row. */
export interface GroupReducePart {
  readonly value: Expr;
  readonly result: string;
}
/** One state that a group reduction combines: a part for each component of the monoid. */
export interface GroupReduceItem {
  readonly fn: MonoidName;
  readonly parts: readonly GroupReducePart[];
}

/** One digit of the lane index, slowest first; the product of the sizes is the workgroup size. */
export interface LaneDigit {
  readonly size: number;
  /** Lanes of one row differ in it. */
  readonly shared: boolean;
}
/** Runs of neighbours in a subgroup, as many as it has or as `within` says, whichever is less; both are powers of two. */
export interface SubgroupRuns {
  readonly within: Expr;
}
export type LaneOrder = "inner" | "outer" | readonly LaneDigit[] | SubgroupRuns;

export const isSubgroupRuns = (order: LaneOrder): order is SubgroupRuns =>
  typeof order !== "string" && "within" in order;

export type Stmt =
  | { readonly kind: "let"; readonly name: string; readonly value: Expr }
  | { readonly kind: "var"; readonly name: string; readonly value: Expr }
  | { readonly kind: "assign"; readonly name: string; readonly value: Expr }
  /** Declares `length` registers, undefined until assigned; indices must become constant by unrolling. */
  | { readonly kind: "registers"; readonly name: string; readonly type: ValueType; readonly length: number }
  | { readonly kind: "setRegister"; readonly array: string; readonly index: Expr; readonly value: Expr }
  /** `name` = the element(s) of `buffer` from `index` on; the width is that of the binding, and `index` a multiple of it. */
  | {
      readonly kind: "load";
      readonly name: string;
      readonly type: ValueType;
      readonly buffer: string;
      readonly index: Expr;
    }
  | { readonly kind: "store"; readonly buffer: string; readonly index: Expr; readonly value: Expr }
  /** Workgroup memory (`Kernel.shared`), indexed in elements of its own type. */
  | { readonly kind: "sharedLoad"; readonly name: string; readonly array: string; readonly index: Expr }
  | { readonly kind: "sharedStore"; readonly array: string; readonly index: Expr; readonly value: Expr }
  /** Splits `from` (0 <= from < product of sizes) into coordinates, the last name fastest. */
  | {
      readonly kind: "delinearize";
      readonly names: readonly string[];
      readonly sizes: readonly number[];
      readonly from: Expr;
    }
  | {
      readonly kind: "for";
      readonly counter: string;
      readonly trips: number;
      readonly unroll: boolean;
      readonly body: readonly Stmt[];
    }
  | { readonly kind: "if"; readonly condition: Expr; readonly body: readonly Stmt[] }
  /** Workgroup barrier; only in uniform control flow. */
  | { readonly kind: "barrier" }
  /**
   * Combines states over the `lanes` invocations that share a row. With `order` "inner" a row's lanes are neighbours
   * (lane = row * lanes + t), with "outer" they are `workgroupSize / lanes` apart (lane = t * rows + row); else the lane
   * index is a number in mixed radix, and lanes share a row that agree in all digits that are not `shared`; with runs of a
   * subgroup, whose size is known at run time only, `lanes` is the most that a run may have. Only in uniform control flow.
   * `method` says how it is expanded by `codegen`.
   */
  | {
      readonly kind: "groupReduce";
      readonly items: readonly GroupReduceItem[];
      readonly lanes: number;
      readonly order: LaneOrder;
      readonly method: "tree" | "subgroup";
    };

export interface Binding {
  readonly name: string;
  readonly access: "read" | "read_write";
  readonly dtype: DType;
  /** Length in scalar elements; a multiple of `width`. */
  readonly elements: number;
  /** Elements per access: `array<vec4<f32>>` has width 4. */
  readonly width: Width;
  /** The buffer that is bound says how long it is, at most `elements`. */
  readonly isOpen?: true | undefined;
}

export interface SharedArray {
  readonly name: string;
  readonly type: ValueType;
  readonly length: number;
}

export interface ScalarParam {
  readonly name: string;
  readonly dtype: "f32" | "i32" | "u32" | "bool";
}

export interface Kernel {
  readonly name: string;
  readonly workgroupSize: number;
  /** Workgroups that do work; the dispatch grid may be larger where it had to be folded to two dimensions. */
  readonly workgroupCount: number;
  readonly workgroups: readonly [number, number, number];
  /** The dispatch says how many workgroups there are, a few idle ones among them: `workgroupCount` is the most. */
  readonly isOpen?: true | undefined;
  /** Position is the binding number in group 0; a uniform block with `scalars`, if any, follows as the next number. */
  readonly bindings: readonly Binding[];
  readonly scalars: readonly ScalarParam[];
  readonly shared: readonly SharedArray[];
  readonly body: readonly Stmt[];
  /** Subgroups have this size (`@subgroup_size`); left out, the device chooses one within its bounds. */
  readonly subgroupSize?: number;
}

/** The type that values of a dtype have in a kernel: 16-bit floats are storage only. */
export const computeType = (dtype: DType): ScalarType =>
  dtype === "f16" || dtype === "bf16" ? "f32" : dtype;

export const U32: ValueType = { scalar: "u32", width: 1 };
export const BOOL: ValueType = { scalar: "bool", width: 1 };
export const typeOf = (expr: Expr): ValueType =>
  expr.kind === "workgroup" || expr.kind === "lane" || expr.kind === "subgroup" || expr.kind === "index"
    ? U32
    : expr.type;

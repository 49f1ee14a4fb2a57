/** What the build hands to the printer of modules: kernels with a plan for each shape. */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { DynamicPlan } from "../ir/dynamic-plan.ts";
import type { Plan } from "../ir/plan.ts";

/** How a call hands out results: alone, as an array, or as an object with these keys. */
export type ResultForm = "one" | "list" | readonly string[];

/** A statement of a kernel, and where its source is. */
export interface Origin {
  readonly statement: string;
  readonly span: Span | undefined;
}

export interface BuiltVariant {
  /** Where a dimension is dynamic: that of some size. */
  readonly plan: Plan;
  /** Plans for every size of a dynamic dimension, one for each range of sizes. */
  readonly dynamic: readonly DynamicPlan[] | undefined;
  /** As in `O=512, I=512`. */
  readonly label: string;
  /** What each kernel computes, by its text. */
  readonly origins: ReadonlyMap<string, readonly Origin[]>;
}

export interface BuiltKernel {
  readonly name: string;
  readonly span: Span | undefined;
  readonly form: ResultForm;
  readonly variants: readonly BuiltVariant[];
}

/**
 * What a row of the simplifier's table is, and the side conditions that rows share.
 */
import { isFloat, isInteger } from "../../ir/dtype.ts";
import type { Node, NodeId } from "../../ir/graph.ts";
import type { Match, NodePattern } from "./patterns.ts";
import type { Build, Terms } from "./rule-context.ts";

/**
 * What a rule may change about a result:
 * - "signed-zero": the sign of a zero;
 * - "no-nan-inf": results where an operand or an intermediate value is nan or infinite;
 * - "reassociates": rounding, beyond what the op table promises for the original.
 */
export type Relaxation = "signed-zero" | "no-nan-inf" | "reassociates";

/**
 * - "exact": both sides are the same function, nan, infinities and -0 included, and round equally often: bit-identical
 *   wherever the operations involved are correctly rounded.
 * - "as-accurate": the same function, nan, infinities and -0 included, by operations that the op table promises to be no
 *   less accurate in f32. Last bits may differ, and an intermediate overflow may disappear.
 * - a list: needs the caller's consent to all of it.
 */
export type Soundness = "exact" | "as-accurate" | readonly Relaxation[];

export interface Rule {
  /** The identity. */
  readonly name: string;
  readonly sound: Soundness;
  readonly match: NodePattern;
  /** Side condition. `node` is what the pattern's root matched. */
  readonly when?: (m: Match, t: Terms, node: Node) => boolean;
  readonly build: (m: Match, b: Build, node: Node, t: Terms) => NodeId;
}

export const integers = (m: Match, t: Terms): boolean => isInteger(t.type(m.x).dtype);
export const floats = (m: Match, t: Terms): boolean => isFloat(t.type(m.x).dtype);
export const notFloats = (m: Match, t: Terms): boolean => !floats(m, t);
/** No element of x is negative or -0. */
export const nonNegative = (m: Match, t: Terms): boolean => t.facts(m.x).nonNegative;
export const nonNegativeFloats = (m: Match, t: Terms): boolean => floats(m, t) && nonNegative(m, t);
/** Otherwise a rule that gathers consts would turn for ever in an expression that is nothing else. */
export const notConst = (m: Match, t: Terms): boolean => !t.isConst(m.x);

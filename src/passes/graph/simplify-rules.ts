/**
 * The algebra of the simplifier: one row per identity, with how sound it is (`Soundness` in rule.ts), a pattern, and
 * what takes its place. In a pattern `"x"`, `"y"`, `"z"` are any values, `"c"` and `"d"` consts; operands of a commutative op
 * match in either order, so there are no mirror rows.
 *
 * Rows go one way and never make code worse: what is left per element costs no more than what was there. The first row
 * that matches wins, so an exact row with a side condition stands before its unsound general form. Every row has a golden
 * in test/golden/passes/simplify/, and a test says so.
 */
import { ARITHMETIC_RULES } from "./arithmetic-rules.ts";
import { ERROR_FUNCTION_RULES } from "./error-function-rules.ts";
import { POWER_AND_ROOT_RULES } from "./power-rules.ts";
import type { Relaxation, Rule } from "./rule.ts";
import { SELECTION_RULES } from "./selection-rules.ts";

export const RULES: readonly Rule[] = [
  ...ARITHMETIC_RULES,
  ...POWER_AND_ROOT_RULES,
  ...ERROR_FUNCTION_RULES,
  ...SELECTION_RULES,
];

/** Whether a rule may run under the relaxations that the caller accepts. */
export const isAllowed = ({ sound }: Rule, allow: readonly Relaxation[]): boolean =>
  typeof sound === "string" || sound.every((relaxation) => allow.includes(relaxation));

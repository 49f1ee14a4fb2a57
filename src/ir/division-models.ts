/**
 * Errors of the ops that divide and keep whole numbers: `quotient`, `fmod`, `remainder`. They jump where x / y passes a
 * whole number, so near one nothing can be said of floats; between jumps they are as smooth as a subtraction.
 */
import { DIVISION, F32_ULP } from "./error-models.ts";
import type { ErrorModel } from "./error-models.ts";
import type { BoxPredicate } from "./error-propagation.ts";

const EXCLUDED = Number.POSITIVE_INFINITY;

/** Beyond this quotient a division's 2.5 ulp may be a whole number, so that the remainder is anything. */
const GREATEST_QUOTIENT = 2 ** 20;
/** Whole numbers up to here have exact products and differences with those below GREATEST_QUOTIENT. */
const EXACT_WHOLE = 2 ** 22;

const isNear = (value: number, jump: number, slack: number): boolean => Math.abs(value - jump) <= slack;

/** Whether the quotient as a device has it is certainly on the same side of every jump. */
function isCertain(x: number, y: number, step: (quotient: number) => number): boolean {
  const exact = x / y;
  const slack = 2.5 * F32_ULP * Math.abs(exact);
  return step(exact - slack) === step(exact + slack);
}

/** trunc(x / y). */
export const TRUNCATED_QUOTIENT: ErrorModel = {
  exact: "never",
  largest: (value, x, y) => {
    if (Number.isNaN(value)) return 0;
    if (!Number.isFinite(value)) return DIVISION.largest(value, x, y);
    return DIVISION.largest(value, x, y) < EXCLUDED && isCertain(x, y, Math.trunc) ? 0 : EXCLUDED;
  },
};

/** x less the multiple of y: the product is rounded, and a result near 0 or |y| may come out at the other end. */
export const REMAINDER: ErrorModel = {
  exact: "never",
  largest: (value, x, y) => {
    if (Number.isNaN(value) || value === x) return 0;
    if (!Number.isFinite(value) || Math.abs(x / y) > GREATEST_QUOTIENT) return EXCLUDED;
    if (DIVISION.largest(x / y, x, y) === EXCLUDED) return EXCLUDED;
    const isWhole = Number.isInteger(x) && Number.isInteger(y);
    if (isWhole && Math.max(Math.abs(x), Math.abs(y)) <= EXACT_WHOLE) return 0;
    const slack = 2 * F32_ULP * (Math.abs(x) + Math.abs(y));
    const magnitude = Math.abs(value);
    return isNear(magnitude, 0, slack) || isNear(magnitude, Math.abs(y), slack) ? EXCLUDED : slack;
  },
};

/** The quotient jumps inside the box: the divisor may be 0, or a whole number lies between the corners' quotients. */
const jumps =
  (step: (quotient: number) => number): BoxPredicate =>
  (x, ex, y, ey) => {
    if (ex === 0 && ey === 0) return false;
    if (Math.abs(y) <= ey || !Number.isFinite(x) || !Number.isFinite(y)) return true;
    const corners = [x - ex, x + ex].flatMap((a) => [step(a / (y - ey)), step(a / (y + ey))]);
    return corners.some((corner) => corner !== corners[0]);
  };

export const truncationJumps: BoxPredicate = jumps(Math.trunc);
/** `fmod` itself is continuous at 0, but its sign and its slope change with the quotient's whole part. */
export const floorJumps: BoxPredicate = jumps(Math.floor);

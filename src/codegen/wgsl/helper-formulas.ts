/** How the texts of helpers are put together. */
import type { Helper, HelperDialect } from "./helper-types.ts";

type Body = (d: HelperDialect) => readonly string[];

/** A function of one float, `x`. */
export const unary = (uses: readonly string[], body: Body) =>
  ({
    uses,
    parameters: (d: HelperDialect) => `x: ${d.f}`,
    result: (d: HelperDialect) => d.f,
    body,
  }) as const satisfies Helper;

/** Horner's scheme: c0 + v * (c1 + v * (c2 + ...)). */
export const polynomial = (d: HelperDialect, v: string, coefficients: readonly number[]): string =>
  coefficients.reduceRight((inner, c) => (inner === "" ? d.c(c) : `(${d.c(c)} + ${v} * ${inner})`), "");

/** The same by `fma`: an instruction a coefficient where devices have it, and no less accurate where they do not. */
export const fusedPolynomial = (d: HelperDialect, v: string, coefficients: readonly number[]): string =>
  coefficients.reduceRight((inner, c) => (inner === "" ? d.c(c) : `fma(${inner}, ${v}, ${d.c(c)})`), "");

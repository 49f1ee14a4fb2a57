/**
 * What fusion decided, as data: which statements, what it saved, what stood in the way. `printReason` makes a sentence of it,
 * with the names that the reader knows.
 */
import { printBytes } from "./print-bytes.ts";

/** Why statements are no kernel: words, and between them the names of statements that they speak of. */
export interface Refusal {
  /** One more than there are statements. */
  readonly words: readonly string[];
  readonly statements: readonly string[];
}

export type FusionReason =
  | {
      readonly kind: "fused";
      /** The last statement of either part. */
      readonly statement: string;
      readonly with: string;
      /** Traffic by the model; 0 or less where a launch is all that is saved. */
      readonly savedBytes: number;
    }
  | {
      readonly kind: "not-fused";
      readonly statement: string;
      readonly with: string;
      readonly why: Refusal;
    }
  | { readonly kind: "computed-again"; readonly statements: readonly string[]; readonly savedBytes: number };

/** A refusal of words with names of statements in braces: refusal`${name} reduces part of the row only`. */
export const refusal = (words: readonly string[], ...statements: readonly string[]): Refusal => ({
  words,
  statements,
});

/** A refusal that names no statement. */
export const refusalOf = (words: string): Refusal => ({ words: [words], statements: [] });

export const isRefusal = (answer: object): answer is Refusal => "words" in answer;

export const printRefusal = (
  { words, statements }: Refusal,
  nameOf: (statement: string) => string = (name) => name,
): string => words.map((text, i) => text + (i in statements ? nameOf(statements[i] ?? "") : "")).join("");

/** The reason as a sentence. `nameOf` says what a statement is called; by default it is called by its own name. */
export function printReason(
  reason: FusionReason,
  nameOf: (statement: string) => string = (name) => name,
): string {
  switch (reason.kind) {
    case "fused": {
      const saved = reason.savedBytes > 0 ? `, saves ${printBytes(reason.savedBytes)}` : "";
      return `fused: ${nameOf(reason.statement)} with ${nameOf(reason.with)}${saved}`;
    }
    case "not-fused":
      return `not fused: ${nameOf(reason.statement)} with ${nameOf(reason.with)}: ${printRefusal(reason.why, nameOf)}`;
    case "computed-again": {
      const made = reason.statements.map(nameOf).join(", ");
      return `computed again: ${made}, rather than stored by another kernel, saves ${printBytes(reason.savedBytes)}`;
    }
  }
}

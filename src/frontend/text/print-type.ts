/** Types of declarations as text, for messages: `f32[O, 1, 1]`. Not a formatter: long arithmetic is cut short. */
import type { BinaryOp, Expr, TypeExpr } from "./ast.ts";

const SYMBOL: ReadonlyMap<BinaryOp, string> = new Map([
  ["add", "+"],
  ["sub", "-"],
  ["mul", "*"],
  ["div", "/"],
]);

/** A length as it was written, or `?` where it is more than a simple sum or product. */
export function printDim(dim: Expr): string {
  switch (dim.kind) {
    case "number":
      return String(dim.value);
    case "name":
      return dim.text;
    case "ellipsis":
      return "...";
    case "chain": {
      const links = dim.rest.map(({ op, operand }) =>
        operand.kind === "number" || operand.kind === "name"
          ? ` ${SYMBOL.get(op) ?? "?"} ${printDim(operand)}`
          : " ?",
      );
      return `${dim.first.kind === "chain" ? "?" : printDim(dim.first)}${links.join("")}`;
    }
    default:
      return "?";
  }
}

export const printTypeExpr = ({ dtype, dims }: TypeExpr): string =>
  `${dtype ?? ""}${dims === undefined ? "" : `[${dims.map(printDim).join(", ")}]`}`;

/**
 * Spells `delinearize` as division and remainder by constants.
 *
 * Requires: a verified kernel: `from` is less than the product of the sizes.
 * Ensures:  no `delinearize` is left. Axes of size 1 cost nothing, and the slowest coordinate takes no remainder.
 *
 *     delinearize a=4 b=3 from q        =>    let b = q % 3
 *                                             let a = q / 3
 */
import { U32 } from "../../ir/kernel.ts";
import type { Expr, Kernel, Stmt } from "../../ir/kernel.ts";
import { collectNames, makeIndex, rewriteStmts, takeName, u32 } from "../../ir/walk-kernel.ts";

export function expandDelinearize(kernel: Kernel): Kernel {
  let taken: Set<string> | undefined;
  const body = rewriteStmts(kernel.body, (stmt) => {
    if (stmt.kind !== "delinearize") return [stmt];
    taken ??= collectNames(kernel);
    return splitIndex(stmt, taken);
  });
  return body === kernel.body ? kernel : { ...kernel, body };
}

function splitIndex(stmt: Stmt & { kind: "delinearize" }, taken: Set<string>): readonly Stmt[] {
  const out: Stmt[] = [];
  const nameOnce = (base: string, value: Expr): Expr => {
    if (value.kind !== "index") return value;
    const name = takeName(taken, base);
    out.push({ kind: "let", name, value });
    return { kind: "name", type: U32, name };
  };
  const slowest = stmt.sizes.findIndex((size) => size !== 1);
  let rest = stmt.from;
  for (let d = stmt.names.length - 1; d >= 0; d--) {
    const name = stmt.names[d] ?? "";
    const size = stmt.sizes[d] ?? 1;
    if (size === 1) {
      out.push({ kind: "let", name, value: u32(0) });
    } else if (d === slowest) {
      out.push({ kind: "let", name, value: rest });
    } else {
      const whole = nameOnce(`${name}_whole`, rest); // used twice: for this coordinate and for the slower ones
      out.push({ kind: "let", name, value: makeIndex("mod", whole, u32(size)) });
      rest = makeIndex("div", whole, u32(size));
    }
  }
  return out;
}

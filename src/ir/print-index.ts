/** The text of index notation. Grammar in docs/ir.md; `parse-index.ts` is the inverse (spans excluded). */
import { printType } from "./dtype.ts";
import { printReason } from "./fusion-reason.ts";
import { printIndex } from "./index-expr.ts";
import type {
  FusionGroup,
  GroupedProgram,
  IndexProgram,
  ScalarExpr,
  Statement,
  Store,
} from "./index-notation.ts";
import { printNumber } from "./number-text.ts";
import type { ScalarOp } from "./scalar-ops.ts";

/** Ops that are written between their operands. */
export const INFIX: ReadonlyMap<ScalarOp, string> = new Map<ScalarOp, string>([
  ["add", "+"],
  ["sub", "-"],
  ["mul", "*"],
  ["div", "/"],
]);

/** Names of user tensors may be anything: what is no plain word is quoted. */
export const printIndexName = (name: string): string =>
  /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);

export function printIndexProgram(program: IndexProgram): string {
  const lines = [`index ${printIndexName(program.name)} {`];
  lines.push(`  axes${program.axes.map((a) => ` ${a.name}=${String(a.size)}`).join("")}`);
  for (const s of program.scalars) {
    const value = s.default === undefined ? "" : ` = ${printNumber(s.default, s.dtype)}`;
    lines.push(`  scalar ${printIndexName(s.name)}: ${s.dtype}${value}`);
  }
  for (const t of program.tensors) lines.push(`  ${t.role} ${printIndexName(t.name)}: ${printType(t)}`);
  for (const s of program.statements) lines.push(`  ${printStatement(s)}`);
  for (const s of program.stores) {
    lines.push(`  store ${s.statement} -> ${printIndexName(s.tensor)}[${printIndex(s.index)}]`);
  }
  lines.push("}");
  return `${lines.join("\n")}\n`;
}

/** `n[i]: f32 = sum(j) v[9*i + j] * v[9*i + j]` */
export function printStatement(s: Statement): string {
  const reduce = s.reduce === undefined ? "" : `${s.reduce.fn}(${s.reduce.axes.join(",")}) `;
  const value = printScalarExpr(s.value);
  return `${s.name}[${s.axes.join(",")}]: ${s.dtype} = ${reduce}${isInfix(s.value) ? value.slice(1, -1) : value}`;
}

const isInfix = (e: ScalarExpr): boolean => e.kind === "map" && INFIX.has(e.fn);

export function printScalarExpr(e: ScalarExpr): string {
  switch (e.kind) {
    case "tensor":
      return `${printIndexName(e.tensor)}[${printIndex(e.index)}]`;
    case "value":
      return `${e.statement}[${e.index.map(printIndex).join(", ")}]`;
    case "scalar":
      return printIndexName(e.name);
    case "const":
      return `${e.dtype}:${printNumber(e.value, e.dtype)}`;
    case "index":
      return `${e.dtype}:index(${printIndex(e.index)})`;
    case "cast":
      return `${e.dtype}(${printScalarExpr(e.arg)})`;
    case "map": {
      const infix = INFIX.get(e.fn);
      const args = e.args.map(printScalarExpr);
      return infix === undefined ? `${e.fn}(${args.join(", ")})` : `(${args.join(` ${infix} `)})`;
    }
    case "tuple":
      return `tuple(${e.args.map(printScalarExpr).join(", ")})`;
    case "guard": {
      const bounds = e.bounds.map((b) => `${printIndex(b.index)} in ${String(b.low)}:${String(b.high)}`);
      return `guard([${bounds.join(", ")}], ${printScalarExpr(e.value)} else ${printScalarExpr(e.otherwise)})`;
    }
  }
}

/** `, stages t4 t6 for each i`: what every workgroup computes first. */
const printStages = ({ stages, pinnedAxes }: FusionGroup): string =>
  stages.length === 0
    ? ""
    : `, stages ${stages.join(" ")}${pinnedAxes.length === 0 ? "" : ` for each ${pinnedAxes.join(",")}`}`;

/** Groups in words: what is in each, over which grid, and why. */
export function printGroups({ program, groups }: GroupedProgram): string {
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const sizes = new Map(program.axes.map((a) => [a.name, a.size]));
  const storesOf = new Map<string, Store[]>();
  for (const store of program.stores)
    storesOf.set(store.statement, [...(storesOf.get(store.statement) ?? []), store]);
  return groups
    .map((group) => {
      const grid = group.gridAxes.map((a) => `${a}=${String(sizes.get(a) ?? 0)}`).join(" ");
      const members = group.statements.flatMap((name) => byName.get(name) ?? []);
      const stores = group.statements.flatMap((name) => storesOf.get(name) ?? []);
      return [
        `group ${group.name} over ${grid === "" ? "one point" : grid}${printStages(group)} {`,
        ...members.map((s) => `  ${printStatement(s)}`),
        ...stores.map((s) => `  store ${s.statement} -> ${printIndexName(s.tensor)}[${printIndex(s.index)}]`),
        ...group.reasons.map((r) => `  ; ${printReason(r)}`),
        "}",
        "",
      ].join("\n");
    })
    .join("");
}

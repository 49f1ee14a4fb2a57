/**
 * The text of a kernel (grammar: docs/ir.md). Inverse of `parseKernel`.
 *
 * Requires: nothing: a broken kernel prints too, so that a report shows it.
 * Ensures:  equal kernels print equal text; lines are as long as the statement is, blocks are indented by two spaces.
 */
import type { Expr, IndexOp, Kernel, Stmt, LaneOrder } from "./kernel.ts";
import { isSubgroupRuns } from "./kernel.ts";
import { printNumber } from "./number-text.ts";
import { printName } from "./print-graph.ts";
import { printValueType } from "./verify-kernel-expr.ts";

/** Index arithmetic is infix, which tells it from ops of the same name. */
export const INDEX_WORDS: Readonly<Record<IndexOp, string>> = {
  add: "+",
  sub: "-",
  mul: "*",
  div: "/",
  mod: "mod",
  min: "min",
};

const nameOf = (name: string): string => `%${printName(name)}`;

export function printKernel(kernel: Kernel): string {
  const { workgroupSize, workgroupCount, workgroups, subgroupSize } = kernel;
  const open = ({ isOpen }: { readonly isOpen?: true | undefined }): string =>
    isOpen === true ? " open" : "";
  const lines = [
    `kernel @${printName(kernel.name)} size=${String(workgroupSize)} count=${String(workgroupCount)}` +
      ` grid=[${workgroups.join(",")}]${subgroupSize === undefined ? "" : ` subgroups=${String(subgroupSize)}`}${open(kernel)} {`,
  ];
  for (const binding of kernel.bindings) {
    const { name, access, dtype, elements, width } = binding;
    const type = `${dtype}[${String(elements)}] width=${String(width)}`;
    lines.push(`  binding ${nameOf(name)}: ${type} ${access}${open(binding)}`);
  }
  for (const { name, dtype } of kernel.scalars) lines.push(`  scalar ${nameOf(name)}: ${dtype}`);
  for (const { name, type, length } of kernel.shared)
    lines.push(`  shared ${nameOf(name)}: ${printValueType(type)}[${String(length)}]`);
  printBody(kernel.body, "  ", lines);
  lines.push("}", "");
  return lines.join("\n");
}

function printBody(body: readonly Stmt[], indent: string, lines: string[]): void {
  for (const stmt of body) {
    if (stmt.kind === "for" || stmt.kind === "if") {
      const head =
        stmt.kind === "for"
          ? `for ${nameOf(stmt.counter)} in ${String(stmt.trips)}${stmt.unroll ? " unroll" : ""}`
          : `if ${printKernelExpr(stmt.condition)}`;
      lines.push(`${indent}${head} {`);
      printBody(stmt.body, `${indent}  `, lines);
      lines.push(`${indent}}`);
    } else {
      lines.push(indent + printKernelStmt(stmt));
    }
  }
}

/** One statement without a body. */
export function printKernelStmt(stmt: Exclude<Stmt, { kind: "for" | "if" }>): string {
  const print = printKernelExpr;
  switch (stmt.kind) {
    case "let":
    case "var":
      return `${stmt.kind} ${nameOf(stmt.name)} = ${print(stmt.value)}`;
    case "assign":
      return `${nameOf(stmt.name)} = ${print(stmt.value)}`;
    case "registers":
      return `registers ${nameOf(stmt.name)}: ${printValueType(stmt.type)}[${String(stmt.length)}]`;
    case "setRegister":
      return `${nameOf(stmt.array)}[${print(stmt.index)}] = ${print(stmt.value)}`;
    case "load":
      return `load ${nameOf(stmt.name)}: ${printValueType(stmt.type)} = ${nameOf(stmt.buffer)}[${print(stmt.index)}]`;
    case "store":
      return `store ${nameOf(stmt.buffer)}[${print(stmt.index)}] = ${print(stmt.value)}`;
    case "sharedLoad":
      return `shared.load ${nameOf(stmt.name)} = ${nameOf(stmt.array)}[${print(stmt.index)}]`;
    case "sharedStore":
      return `shared.store ${nameOf(stmt.array)}[${print(stmt.index)}] = ${print(stmt.value)}`;
    case "delinearize": {
      const parts = stmt.names.map((name, d) => `${nameOf(name)}=${String(stmt.sizes[d] ?? "?")}`);
      return `delinearize ${parts.join(", ")} from ${print(stmt.from)}`;
    }
    case "barrier":
      return "barrier";
    case "groupReduce": {
      const items = stmt.items.map(({ fn, parts }) => {
        const results = parts.map(({ result }) => nameOf(result)).join(" ");
        return `${results} = ${fn} ${parts.map(({ value }) => print(value)).join(" ")}`;
      });
      return `group.reduce lanes=${String(stmt.lanes)} ${printOrder(stmt.order)} ${stmt.method} (${items.join(", ")})`;
    }
    default:
      return stmt satisfies never;
  }
}

/** `[10*,8,3*]`: digits of the lane index, those that lanes of a row differ in with a star. */
const printOrder = (order: LaneOrder): string =>
  typeof order === "string"
    ? order
    : isSubgroupRuns(order)
      ? `within ${printKernelExpr(order.within)}`
      : `[${order.map(({ size, shared }) => `${String(size)}${shared ? "*" : ""}`).join(",")}]`;

export function printKernelExpr(expr: Expr): string {
  const printAll = (list: readonly Expr[]): string => list.map(printKernelExpr).join(", ");
  switch (expr.kind) {
    case "const": {
      const { scalar, width } = expr.type;
      const text = printNumber(expr.value, scalar);
      return scalar === "u32" && width === 1 ? text : `${printValueType(expr.type)}(${text})`;
    }
    case "name":
      return nameOf(expr.name);
    case "register":
      return `${nameOf(expr.array)}[${printKernelExpr(expr.index)}]`;
    case "uniform":
      return `uniform ${nameOf(expr.name)}`;
    case "workgroup":
    case "lane":
      return expr.kind;
    case "subgroup":
      return `subgroup.${expr.part}`;
    case "index": {
      const [a, b] = expr.args;
      return `(${printKernelExpr(a)} ${INDEX_WORDS[expr.fn]} ${printKernelExpr(b)})`;
    }
    case "op":
      return `${expr.fn}(${printAll(expr.args)})`;
    case "cast":
      return `cast.${printValueType(expr.type)}${expr.round === undefined ? "" : `.${expr.round}`}(${printKernelExpr(expr.arg)})`;
    case "splat":
      return `splat.${printValueType(expr.type)}(${printKernelExpr(expr.arg)})`;
    case "vector":
      return `vector.${printValueType(expr.type)}(${printAll(expr.parts)})`;
    case "component":
      return `component.${String(expr.component)}(${printKernelExpr(expr.arg)})`;
    default:
      return expr satisfies never;
  }
}

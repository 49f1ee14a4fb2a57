/**
 * A legalised kernel as WGSL text. Decides nothing: the text is the kernel, statement by statement.
 *
 * Requires: a verified kernel without `delinearize`, registers and loops marked `unroll`, with constants folded; every
 *           `groupReduce` that is left stays inside a subgroup (expand-subgroup-reduce.ts).
 * Ensures:  equal kernels print equal text.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { isSubgroupRuns } from "../../ir/kernel.ts";
import type { Expr, Kernel, Stmt } from "../../ir/kernel.ts";
import { exprsOf, forEachExpr, forEachStmt, someStmt } from "../../ir/walk-kernel.ts";
import { printHelpers } from "./helpers.ts";
import { printExpr, stripParentheses } from "./print-expr.ts";
import type { TextNeeds } from "./print-expr.ts";
import { CONSTANT_BITS } from "./spell-constant.ts";
import { typeName } from "./spell-ops.ts";
import { printLoad, printStore, spellBinding, spellBindingType } from "./spell-storage.ts";
import { printSubgroupReduce } from "./print-subgroup-reduce.ts";

export const ENTRY_POINT = "main";

export function printWgsl(kernel: Kernel): string {
  const needs: TextNeeds = { helpers: new Set(), bits: new Set() };
  const lines: string[] = [];
  printBody(kernel, kernel.body, "  ", needs, lines);
  const bits = Object.entries(CONSTANT_BITS)
    .filter(([name]) => [...needs.bits].some((used) => used === name))
    .map(([name, value]) => `  var ${name} = ${value};`);
  const size = kernel.subgroupSize === undefined ? "" : ` @subgroup_size(${String(kernel.subgroupSize)})`;
  const builtins = [...listSubgroupParts(kernel)].map((part) => `, ${SUBGROUP_BUILTINS[part]}: u32`);
  const main = [
    `@compute @workgroup_size(${String(kernel.workgroupSize)})${size}`,
    `fn ${ENTRY_POINT}(${listBuiltins(kernel)}${builtins.join("")}) {`,
    ...printWorkgroupIndex(kernel),
    ...bits,
    ...lines,
    "}",
  ];
  const enables = listFeatures(kernel).map((feature) =>
    feature === SUBGROUP_ID ? `requires ${feature};` : `enable ${feature.replaceAll("-", "_")};`,
  );
  const sections = [
    enables.join("\n"),
    printDeclarations(kernel),
    ...printHelpers(needs.helpers),
    main.join("\n"),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

type SubgroupPart = (Expr & { kind: "subgroup" })["part"];
const SUBGROUP_BUILTINS: Readonly<Record<SubgroupPart, string>> = {
  size: "@builtin(subgroup_size) subgroup_size",
  id: "@builtin(subgroup_id) subgroup_id",
  lane: "@builtin(subgroup_invocation_id) subgroup_lane",
};
/** A feature of the language: it is required, not enabled. */
const SUBGROUP_ID = "subgroup_id";

/** Features that the text of a legalised kernel needs, by WebGPU's names. */
export function listFeatures(kernel: Kernel): readonly string[] {
  if (!someStmt(kernel.body, (stmt) => stmt.kind === "groupReduce")) return [];
  return [
    "subgroups",
    ...(kernel.subgroupSize === undefined ? [] : ["subgroup-size-control"]),
    ...(listSubgroupParts(kernel).has("id") ? [SUBGROUP_ID] : []),
  ];
}

/** What the text reads of an invocation's subgroup, in the order of their first use. */
function listSubgroupParts(kernel: Kernel): ReadonlySet<SubgroupPart> {
  const parts = new Set<SubgroupPart>();
  forEachStmt(kernel.body, (stmt) => {
    if (stmt.kind === "groupReduce" && isSubgroupRuns(stmt.order)) parts.add("size");
    for (const expr of exprsOf(stmt))
      forEachExpr(expr, (one) => {
        if (one.kind === "subgroup") parts.add(one.part);
      });
  });
  return parts;
}

function printDeclarations(kernel: Kernel): string {
  const lines = kernel.bindings.map(
    (binding, i) =>
      `@group(0) @binding(${String(i)}) var<storage, ${binding.access}> ${spellBinding(binding.name)}: ${spellBindingType(binding)};`,
  );
  if (kernel.scalars.length > 0) {
    const members = kernel.scalars.map(
      ({ name, dtype }) => `  s_${name}: ${dtype === "bool" ? "u32" : dtype},`,
    );
    lines.unshift("struct Scalars {", ...members, "}");
    lines.push(`@group(0) @binding(${String(kernel.bindings.length)}) var<uniform> scalars: Scalars;`);
  }
  for (const { name, type, length } of kernel.shared)
    lines.push(`var<workgroup> w_${name}: array<${typeName(type)}, ${String(length)}>;`);
  return lines.join("\n");
}

const listBuiltins = ({ isOpen }: Kernel): string =>
  [
    "@builtin(workgroup_id) wid: vec3<u32>",
    ...(isOpen === true ? ["@builtin(num_workgroups) groups: vec3<u32>"] : []),
    "@builtin(local_invocation_index) lane: u32",
  ].join(", ");

/** `min` tells the compiler the range of the index, which then needs no bounds checks. */
function printWorkgroupIndex(kernel: Kernel): readonly string[] {
  if (kernel.isOpen === true) return ["  let wg = wid.y * groups.x + wid.x;"];
  const last = `${String(kernel.workgroupCount - 1)}u`;
  const [x, y] = kernel.workgroups;
  if (y === 1 && x === kernel.workgroupCount) return [`  let wg = min(wid.x, ${last});`];
  return [
    `  let linear = wid.y * ${String(x)}u + wid.x;`,
    `  if (linear > ${last}) { return; }`, // uniform: the same for the whole workgroup
    `  let wg = min(linear, ${last});`,
  ];
}

function printBody(
  kernel: Kernel,
  body: readonly Stmt[],
  indent: string,
  needs: TextNeeds,
  out: string[],
): void {
  const findBinding = (name: string) => {
    const binding = kernel.bindings.find((candidate) => candidate.name === name);
    if (binding === undefined) throw new CompilerBug("WGSL cannot be printed", [`no binding ${name}`]);
    return binding;
  };
  for (const stmt of body) {
    if (stmt.kind === "for" || stmt.kind === "if") {
      const counter = stmt.kind === "for" ? `v_${stmt.counter}` : "";
      const head =
        stmt.kind === "if"
          ? `if (${stripParentheses(printExpr(stmt.condition, needs))}) {`
          : `for (var ${counter} = 0u; ${counter} < ${String(stmt.trips)}u; ${counter}++) {`;
      out.push(indent + head);
      printBody(kernel, stmt.body, `${indent}  `, needs, out);
      out.push(`${indent}}`);
    } else if (stmt.kind === "load") {
      for (const line of printLoad(findBinding(stmt.buffer), stmt.name, stmt.index, needs))
        out.push(indent + line);
    } else if (stmt.kind === "store") {
      for (const line of printStore(findBinding(stmt.buffer), stmt.index, stmt.value, needs))
        out.push(indent + line);
    } else if (stmt.kind === "groupReduce") {
      for (const line of printSubgroupReduce(stmt, needs)) out.push(indent + line);
    } else {
      out.push(indent + printStmt(stmt, needs));
    }
  }
}

function printStmt(
  stmt: Exclude<Stmt, { kind: "for" | "if" | "load" | "store" | "groupReduce" }>,
  needs: TextNeeds,
): string {
  switch (stmt.kind) {
    case "let":
    case "var":
      return `${stmt.kind} v_${stmt.name} = ${stripParentheses(printExpr(stmt.value, needs))};`;
    case "assign":
      return `v_${stmt.name} = ${stripParentheses(printExpr(stmt.value, needs))};`;
    case "sharedLoad":
      return `let v_${stmt.name} = w_${stmt.array}[${stripParentheses(printExpr(stmt.index, needs))}];`;
    case "sharedStore": {
      const index = stripParentheses(printExpr(stmt.index, needs));
      return `w_${stmt.array}[${index}] = ${stripParentheses(printExpr(stmt.value, needs))};`;
    }
    case "barrier":
      return "workgroupBarrier();";
    case "registers":
    case "setRegister":
    case "delinearize":
      throw new CompilerBug("a kernel reached the WGSL printer before it was legalised", [
        `statement ${stmt.kind} is left`,
      ]);
    default:
      return stmt satisfies never;
  }
}

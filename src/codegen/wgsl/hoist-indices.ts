/**
 * Computes the parts of memory indices as far out as they can be, and once: what does not depend on a loop stands before
 * it, what several accesses of a block share stands in a `let`. Compilers of hardware GPUs do as much; SwiftShader and
 * llvmpipe spend whole instructions per element on what is left in the loop (measured on SwiftShader: up to a fifth of a norm).
 *
 * Requires: a verified kernel without loops marked `unroll`, `delinearize` and registers.
 * Ensures:  every access has the index it had. Indices of vector bindings are visible multiples of the width, where that
 *           can be shown. Lets that only indices used are gone.
 *
 *     for k in 8 {                                      let at0 = (workgroup * 32)
 *       let i = ((workgroup * 128) + (k * 4))     =>    for k in 8 {
 *       load v = x[i] : f32x4                             let at1 = at0 + k
 *       store y[i] = v                                    load v = x[at1 * 4] : f32x4
 *     }                                                   store y[at1 * 4] = v
 *                                                       }
 */
import type { Expr, Kernel, Stmt } from "../../ir/kernel.ts";
import { U32, typeOf } from "../../ir/kernel.ts";
import {
  collectNames,
  exprsOf,
  forEachExpr,
  makeIndex,
  namesOf,
  takeName,
  u32,
} from "../../ir/walk-kernel.ts";
import { buildIndex, divideLinear, linearize, type LinearIndex, type LinearTerm } from "./linear-index.ts";

/** A list of statements being written. */
interface Block {
  readonly parent: Block | undefined;
  readonly out: Stmt[];
  /** The loop whose iterations run this block, with those of inner blocks left out; 0 outside of loops. */
  readonly depth: number;
  /** Sums that a name of this block stands for, by their text. */
  readonly sums: Map<string, Expr>;
}

interface Hoisting {
  readonly taken: Set<string>;
  readonly widths: ReadonlyMap<string, number>;
  /** Names that stand for a sum. */
  readonly lets: Map<string, LinearIndex>;
  /** Loop depth at which a name is declared; names that are assigned to are missing and never move. */
  readonly depths: Map<string, number>;
  /** Sums named so far. */
  count: number;
}

export function hoistIndices(kernel: Kernel): Kernel {
  const hoisting: Hoisting = {
    taken: collectNames(kernel),
    widths: new Map(kernel.bindings.map(({ name, width }) => [name, width])),
    lets: new Map(),
    depths: new Map(),
    count: 0,
  };
  const top: Block = { parent: undefined, out: [], depth: 0, sums: new Map() };
  const isChanged = writeBody(kernel.body, top, hoisting);
  return isChanged ? { ...kernel, body: dropUnusedIndices(top.out, new Set()) } : kernel;
}

function writeBody(body: readonly Stmt[], block: Block, hoisting: Hoisting): boolean {
  let isChanged = false;
  for (const stmt of body) {
    if (stmt.kind === "for" || stmt.kind === "if") {
      const depth = block.depth + (stmt.kind === "for" ? 1 : 0);
      const inner: Block = { parent: block, out: [], depth, sums: new Map() };
      if (stmt.kind === "for") hoisting.depths.set(stmt.counter, depth);
      isChanged = writeBody(stmt.body, inner, hoisting) || isChanged;
      block.out.push({ ...stmt, body: inner.out });
    } else {
      if (stmt.kind !== "var") for (const name of namesOf(stmt)) hoisting.depths.set(name, block.depth);
      if (stmt.kind === "let" && typeOf(stmt.value).scalar === "u32")
        noteSum(stmt.name, stmt.value, hoisting);
      const next = rewriteAccess(stmt, block, hoisting);
      isChanged ||= next !== stmt;
      block.out.push(next);
    }
  }
  return isChanged;
}

/** A let that is a sum is seen through; a quotient or a remainder stays an atom, computed once. */
function noteSum(name: string, value: Expr, hoisting: Hoisting): void {
  const isAtom = value.kind === "index" && ["div", "mod", "min"].includes(value.fn);
  const isSeenThrough = ["index", "name", "const", "lane", "workgroup"].includes(value.kind);
  if (isSeenThrough && !isAtom && isFixed(value, hoisting))
    hoisting.lets.set(
      name,
      linearize(value, (n) => hoisting.lets.get(n)),
    );
}

/** Whether all names in it keep their values: no `var` among them. */
const isFixed = (expr: Expr, hoisting: Hoisting): boolean => Number.isFinite(depthOf(expr, hoisting));

function rewriteAccess(stmt: Stmt, block: Block, hoisting: Hoisting): Stmt {
  if (
    stmt.kind !== "load" &&
    stmt.kind !== "store" &&
    stmt.kind !== "sharedLoad" &&
    stmt.kind !== "sharedStore"
  )
    return stmt;
  if (stmt.index.kind === "const" || stmt.index.kind === "lane" || !isFixed(stmt.index, hoisting))
    return stmt;
  const width = stmt.kind === "load" || stmt.kind === "store" ? (hoisting.widths.get(stmt.buffer) ?? 1) : 1;
  const whole = linearize(stmt.index, (name) => hoisting.lets.get(name));
  const units = divideLinear(whole, width);
  const index =
    units === undefined
      ? placeIndex(whole, block, hoisting)
      : makeIndex("mul", placeIndex(units, block, hoisting), u32(width));
  return { ...stmt, index };
}

/** The index for use in `block`: a name for what its terms sum up to, plus the offset. */
function placeIndex(index: LinearIndex, block: Block, hoisting: Hoisting): Expr {
  const { terms, offset } = index;
  if (offset < 0) return placeSum(index, block, hoisting);
  return makeIndex("add", placeSum({ terms, offset: 0 }, block, hoisting), u32(offset));
}

function placeSum(index: LinearIndex, block: Block, hoisting: Hoisting): Expr {
  if (isSimple(index)) return buildIndex(index);
  const key = [...index.terms]
    .map(([text, { coefficient }]) => `${String(coefficient)}*${text}`)
    .concat(String(index.offset))
    .join("+");
  for (let at: Block | undefined = block; at !== undefined; at = at.parent) {
    const known = at.sums.get(key);
    if (known !== undefined) return known;
  }
  const [outer, own] = splitTerms(index, block.depth, hoisting);
  if (own.length === 0) return placeSum(index, blockAround(block), hoisting);
  const rest: LinearIndex = { terms: new Map(outer), offset: index.offset };
  const base = placeSum(rest, outer.length === 0 ? block : blockAround(block), hoisting);
  const sum = buildIndex({ terms: new Map(own), offset: 0 });
  const value = base.kind === "const" && base.value === 0 ? sum : makeIndex("add", base, sum);
  const name = takeName(hoisting.taken, `at${String(hoisting.count++)}`);
  hoisting.depths.set(name, block.depth);
  block.out.push({ kind: "let", name, value });
  const result: Expr = { kind: "name", type: U32, name };
  block.sums.set(key, result);
  return result;
}

/** One atom, or a number: nothing to compute. */
const isSimple = ({ terms, offset }: LinearIndex): boolean =>
  terms.size === 0 || (terms.size === 1 && offset === 0 && [...terms.values()][0]?.coefficient === 1);

type Terms = readonly (readonly [string, LinearTerm])[];

/** Terms that do not change in the loop at `depth`, and those that do. */
function splitTerms({ terms }: LinearIndex, depth: number, hoisting: Hoisting): readonly [Terms, Terms] {
  if (depth === 0) return [[], [...terms]];
  const isOwn = ([, { atom }]: readonly [string, LinearTerm]): boolean => depthOf(atom, hoisting) >= depth;
  return [[...terms].filter((term) => !isOwn(term)), [...terms].filter(isOwn)];
}

function depthOf(atom: Expr, hoisting: Hoisting): number {
  let depth = 0;
  forEachExpr(atom, (expr) => {
    if (expr.kind === "name") depth = Math.max(depth, hoisting.depths.get(expr.name) ?? Infinity);
  });
  return depth;
}

/** The block that holds the innermost loop around `block`: what is appended there now stands before that loop. */
function blockAround(block: Block): Block {
  let at = block;
  for (;;) {
    const { parent } = at;
    if (parent?.depth !== block.depth) return parent ?? block;
    at = parent;
  }
}

/** Without lets of index arithmetic that nobody reads; `used` grows from the last statement to the first. */
function dropUnusedIndices(body: readonly Stmt[], used: Set<string>): readonly Stmt[] {
  const kept: Stmt[] = [];
  for (const stmt of [...body].reverse()) {
    const isIndex = stmt.kind === "let" && typeOf(stmt.value).scalar === "u32";
    if (isIndex && !used.has(stmt.name)) continue;
    const isBlock = stmt.kind === "for" || stmt.kind === "if";
    kept.push(isBlock ? { ...stmt, body: dropUnusedIndices(stmt.body, used) } : stmt);
    for (const expr of exprsOf(stmt))
      forEachExpr(expr, (e) => {
        if (e.kind === "name") used.add(e.name);
      });
  }
  return kept.reverse();
}

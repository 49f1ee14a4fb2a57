/**
 * The places where a kernel reads and writes its bindings, each with the loops and conditions around it, and index
 * expressions as functions of workgroup, lane and loop counters.
 *
 * Requires: a verified kernel.
 * Ensures:  one site per load or store statement, in order. A value that was loaded or assigned has no function: an index
 *           made of one evaluates to undefined.
 */
import { evaluateElement, evaluateIndex } from "./kernel-values.ts";
import { typeOf } from "./kernel.ts";
import type { Binding, Expr, Kernel, Stmt } from "./kernel.ts";
import { bodyOf, operandsOf } from "./walk-kernel.ts";

export interface Site {
  readonly binding: Binding;
  readonly isStore: boolean;
  readonly index: Expr;
  /** Counters of the loops around, outermost first. */
  readonly loops: readonly { readonly counter: string; readonly trips: number }[];
  /** Conditions of the `if`s around. */
  readonly conditions: readonly Expr[];
  /** Sites with the same number run in one stretch: no loop begins or ends between them, and no barrier stands there. */
  readonly stretch: number;
}

/** How a name came about, where it can be computed from indices. */
export type Definition =
  | { readonly kind: "let"; readonly value: Expr }
  | { readonly kind: "counter"; readonly trips: number }
  /** Coordinate `floor(from / stride) mod size` of a delinearize statement, whose first name is `group`. */
  | {
      readonly kind: "coordinate";
      readonly from: Expr;
      readonly stride: number;
      readonly size: number;
      readonly group: string;
    };

export interface KernelSites {
  readonly sites: readonly Site[];
  readonly definitions: ReadonlyMap<string, Definition>;
}

export function collectSites(kernel: Kernel): KernelSites {
  const bindings = new Map(kernel.bindings.map((binding) => [binding.name, binding]));
  const sites: Site[] = [];
  const definitions = new Map<string, Definition>();
  let stretch = 0;
  const walk = (body: readonly Stmt[], around: Pick<Site, "loops" | "conditions">): void => {
    for (const stmt of body) {
      define(stmt, definitions);
      if (stmt.kind === "load" || stmt.kind === "store") {
        const binding = bindings.get(stmt.buffer);
        if (binding !== undefined)
          sites.push({ binding, isStore: stmt.kind === "store", index: stmt.index, stretch, ...around });
      } else if (stmt.kind === "barrier" || stmt.kind === "groupReduce") stretch++;
      else if (stmt.kind === "for" && stmt.trips > 0) {
        const { counter, trips } = stmt;
        stretch++;
        walk(stmt.body, { ...around, loops: [...around.loops, { counter, trips }] });
        stretch++;
      } else if (stmt.kind === "if") {
        walk(bodyOf(stmt), { ...around, conditions: [...around.conditions, stmt.condition] });
      }
    }
  };
  walk(kernel.body, { loops: [], conditions: [] });
  return { sites, definitions };
}

function define(stmt: Stmt, definitions: Map<string, Definition>): void {
  if (stmt.kind === "let") definitions.set(stmt.name, { kind: "let", value: stmt.value });
  else if (stmt.kind === "for") definitions.set(stmt.counter, { kind: "counter", trips: stmt.trips });
  else if (stmt.kind === "delinearize") {
    let stride = 1;
    for (let d = stmt.names.length - 1; d >= 0; d--) {
      const size = stmt.sizes[d] ?? 1;
      const [group = ""] = stmt.names;
      definitions.set(stmt.names[d] ?? "", { kind: "coordinate", from: stmt.from, stride, size, group });
      stride *= size;
    }
  }
}

/** Where an invocation stands. */
export interface Point {
  workgroup: number;
  lane: number;
  readonly counters: Map<string, number>;
}

export type IndexFunction = (point: Point) => number;

/** The expression as a function of a point; undefined where it depends on data. Names are compiled once. */
export function openIndexCompiler(
  definitions: ReadonlyMap<string, Definition>,
): (expr: Expr) => IndexFunction | undefined {
  const known = new Map<string, IndexFunction | undefined>();
  const compileName = (name: string): IndexFunction | undefined => {
    if (known.has(name)) return known.get(name);
    const compiled = compileDefinition(name, definitions.get(name));
    known.set(name, compiled);
    return compiled;
  };
  const compileDefinition = (name: string, definition: Definition | undefined): IndexFunction | undefined => {
    if (definition === undefined) return undefined;
    if (definition.kind === "counter") return (point) => point.counters.get(name) ?? 0;
    if (definition.kind === "let") return compile(definition.value);
    const from = compile(definition.from);
    const { stride, size } = definition;
    return from === undefined ? undefined : (point) => Math.floor(from(point) / stride) % size;
  };
  const compile = (expr: Expr): IndexFunction | undefined => {
    if (typeOf(expr).width !== 1) return undefined;
    switch (expr.kind) {
      case "const":
        return () => expr.value;
      case "workgroup":
        return (point) => point.workgroup;
      case "lane":
        return (point) => point.lane;
      case "name":
        return compileName(expr.name);
      case "index":
      case "op": {
        const args = operandsOf(expr).map(compile);
        if (!args.every((arg) => arg !== undefined)) return undefined;
        const [a, b] = args;
        if (expr.kind === "index")
          return a === undefined || b === undefined
            ? undefined
            : (point) => evaluateIndex(expr.fn, a(point), b(point));
        const operand = typeOf(expr.args.at(-1) ?? expr).scalar;
        return (point) =>
          evaluateElement(
            expr.fn,
            operand,
            args.map((arg) => arg(point)),
          );
      }
      default:
        return undefined;
    }
  };
  return compile;
}

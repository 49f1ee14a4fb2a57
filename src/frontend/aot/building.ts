/** The state of one kernel under construction, and the parts that the evaluator's files share. */
import { Node, type Expression, type Identifier } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { GraphBuilder, Operand } from "../../ir/graph-builder.ts";
import { type AotFunction, type AotValue, UNDEFINED, UNNAMED, float, integer } from "./aot-values.ts";
import type { Reports } from "./places.ts";
import { findLocal, type FileScope, type LocalScope, openScope } from "./aot-values.ts";

export type Evaluate = (node: Expression, scope: LocalScope, building: Building) => AotValue | undefined;

/** An argument with its place. */
export interface Given {
  readonly node: Expression;
  readonly value: AotValue;
}

/** Handed down, so that the evaluator's files do not import each other in a circle. */
export interface Evaluator {
  readonly evaluate: Evaluate;
  readonly operandOf: (value: AotValue, node: Expression, building: Building) => Operand | undefined;
  /** `node` is the call. */
  readonly call: (
    fn: AotFunction,
    given: readonly Given[],
    node: Expression,
    building: Building,
  ) => AotValue | undefined;
}

/** The file that a relative import names, with its names; undefined after a report at the import. */
export type FindFile = (path: string, at: Node) => FileScope | undefined;

const GLOBALS: ReadonlyMap<string, AotValue> = new Map<string, AotValue>([
  ["Math", { kind: "namespace", name: "Math" }],
  ["Number", { kind: "namespace", name: "Number" }],
  ["undefined", UNDEFINED],
  ["Infinity", float(Number.POSITIVE_INFINITY)],
  ["NaN", float(Number.NaN)],
]);

/** What to write instead of common things that only make sense at run time. */
const INSTEAD: readonly (readonly [(node: Node) => boolean, string, string])[] = [
  [Node.isAwaitExpression, "await", "a kernel is one expression over tensors: nothing waits in it"],
  [
    (node) => Node.isForStatement(node) || Node.isForOfStatement(node) || Node.isWhileStatement(node),
    "a loop",
    "write an operation over a whole axis: sum(x, { axis: 0 }), or call a function once for each part",
  ],
  [Node.isNewExpression, "new", "values of a kernel are tensors, numbers, arrays and plain objects"],
  [Node.isSwitchStatement, "switch", "write if and else on what is known at build time"],
  [Node.isTryStatement, "try", "nothing is thrown while a kernel runs"],
  [Node.isExpressionStatement, "a statement without an effect", "name the value with const, or return it"],
];

/** A function that was given no name has that of the constant that it is. */
export const nameFunction = (name: string, value: AotValue | undefined): AotValue | undefined =>
  value?.kind === "closure" && value.name === UNNAMED ? { ...value, name } : value;

export interface DynamicLength {
  readonly name: string;
  readonly size: number;
}

export class Building {
  readonly builder: GraphBuilder;
  readonly reports: Reports;
  readonly findFile: FindFile;
  readonly #evaluate: Evaluate;
  /** Constants and imports of files being evaluated, to find circles. */
  readonly #evaluating = new Set<Node>();
  readonly #constants = new Map<Expression, AotValue | undefined>();
  /** Its name, and the length that stands for all of its lengths while the graph is built. */
  readonly dynamic: DynamicLength | undefined;
  depth = 0;
  steps = 0;
  /** Whether an end without end was reported: once is enough. */
  isTooLarge = false;

  constructor(
    builder: GraphBuilder,
    reports: Reports,
    findFile: FindFile,
    evaluate: Evaluate,
    dynamic?: DynamicLength,
  ) {
    this.dynamic = dynamic;
    this.builder = builder;
    this.reports = reports;
    this.findFile = findFile;
    this.#evaluate = evaluate;
  }

  /** Reports what this language does not have. */
  refuse(node: Node): undefined {
    const [, what, help] = INSTEAD.find(([matches]) => matches(node)) ?? [
      undefined,
      node
        .getKindName()
        .replace(/(?<=[a-z])(?=[A-Z])/g, " ")
        .toLowerCase(),
      "kernels have operators, calls, const, if on shapes, and return",
    ];
    return this.reports.error("syntax", `${what} has no meaning in a kernel`, node, help);
  }

  /** The shape of a value as the source sees it. The size is prime: what it divides is dynamic. */
  shapeOf(shape: readonly number[]): AotValue {
    const { name, size } = this.dynamic ?? { name: "", size: 0 };
    const items = shape.map((value): AotValue =>
      size > 0 && value > 0 && value % size === 0 ? { kind: "size", name, value } : integer(value),
    );
    return { kind: "array", items };
  }

  lookUp(node: Identifier, scope: LocalScope): AotValue | undefined {
    const name = node.getText();
    const local = findLocal(name, scope);
    if (local !== undefined) return local.value;
    const found = this.findDeclared(name, scope.file, node);
    if (found !== null) return found;
    const known = GLOBALS.get(name);
    if (known !== undefined) return known;
    const names = [...this.#visible(scope), ...scope.file.names.keys()];
    const help =
      didYouMean(name, names) ?? "declare it in this file, or import it from a file of this project";
    return this.reports.error("unknown-name", `there is no ${name} at build time`, node, help);
  }

  /** What a file declares under the name: a value, undefined where it is poisoned, null where there is nothing. */
  findDeclared(name: string, file: FileScope, at: Node): AotValue | undefined | null {
    const declared = file.names.get(name);
    if (declared === undefined) return this.#findStarred(name, file, at);
    switch (declared.kind) {
      case "value":
        return declared.value;
      case "poison":
        return undefined;
      case "function":
        return { kind: "closure", name, node: declared.node, scope: openScope(file) };
      case "constant":
        return nameFunction(name, this.#evaluateConstant(declared.node, file, at));
      case "import": {
        const from = this.findFile(declared.from, declared.node);
        if (from === undefined) return undefined;
        if (declared.name === "*") return { kind: "module", name, file: from };
        if (this.#evaluating.has(declared.node)) return null;
        this.#evaluating.add(declared.node); // files may import each other in a circle
        const found = this.findDeclared(declared.name, from, at);
        this.#evaluating.delete(declared.node);
        if (found !== null) return found;
        const what = declared.name === "default" ? "default export" : declared.name;
        const help = didYouMean(declared.name, from.names.keys()) ?? "export it there";
        return this.reports.error("unknown-name", `${declared.from} has no ${what}`, declared.node, help);
      }
    }
  }

  /** A name that comes through `export * from`. */
  #findStarred(name: string, { stars }: FileScope, at: Node): AotValue | undefined | null {
    for (const { from, node } of stars) {
      const file = this.#evaluating.has(node) ? undefined : this.findFile(from, node);
      if (file === undefined) continue;
      this.#evaluating.add(node);
      const found = this.findDeclared(name, file, at);
      this.#evaluating.delete(node);
      if (found !== null) return found;
    }
    return null;
  }

  #evaluateConstant(node: Expression, file: FileScope, at: Node): AotValue | undefined {
    if (this.#constants.has(node)) return this.#constants.get(node);
    if (this.#evaluating.has(node))
      return this.reports.error("recursion", `${at.getText()} is defined by itself`, at, "break the circle");
    this.#evaluating.add(node);
    const value = this.#evaluate(node, openScope(file), this);
    this.#evaluating.delete(node);
    this.#constants.set(node, value);
    return value;
  }

  *#visible(scope: LocalScope): Iterable<string> {
    for (let at: LocalScope | undefined = scope; at !== undefined; at = at.parent) yield* at.names.keys();
  }
}

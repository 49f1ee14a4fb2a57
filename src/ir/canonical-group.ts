/**
 * A fusion group in words that do not depend on the program around it: names go by the order of first use. Equal texts
 * mean kernels that do the same work on tensors of the same form, so a tuning record is keyed by it.
 *
 * Requires: a group alone with its program (isolate-groups.ts).
 * Ensures:  names of axes, statements, tensors and scalars do not enter the text, nor does the role that a tensor has
 *           elsewhere in the program; shapes, dtypes, indices, grid, walk, stages and pairs do.
 *
 *     group over i=8 { t4[i]: f32 = sum(k) w[4*i + k] ... }    =>    s0[a]: f32 = sum(b) x0[4*a + b]
 *                                                                    grid a
 */
import { indexAxis, indexSubstitute } from "./index-expr.ts";
import {
  axisSizes,
  mapIndices,
  mapScalar,
  visitScalar,
  type FusionGroup,
  type IndexProgram,
  type ScalarExpr,
  type StoredTensor,
} from "./index-notation.ts";
import { printIndexProgram } from "./print-index.ts";

export interface CanonicalGroup {
  readonly text: string;
  /** Name of an axis in the group -> its name in the text. */
  readonly axes: ReadonlyMap<string, string>;
}

/** Names by first use: `prefix0`, `prefix1`, ... */
class Names {
  readonly #prefix: string;
  readonly known = new Map<string, string>();

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(name: string): string {
    const known = this.known.get(name) ?? `${this.#prefix}${String(this.known.size)}`;
    this.known.set(name, known);
    return known;
  }
}

export function canonicalizeGroup(program: IndexProgram, group: FusionGroup): CanonicalGroup {
  const names = {
    axes: new Names("a"),
    statements: new Names("s"),
    tensors: new Names("x"),
    scalars: new Names("p"),
  };
  for (const s of program.statements) {
    names.statements.of(s.name);
    for (const axis of [...s.axes, ...(s.reduce?.axes ?? [])]) names.axes.of(axis);
    visitScalar(s.value, (e) => {
      if (e.kind === "tensor") names.tensors.of(e.tensor);
      if (e.kind === "scalar") names.scalars.of(e.name);
    });
  }
  for (const { tensor } of program.stores) names.tensors.of(tensor);
  const list = (axes: readonly string[]): string => axes.map((axis) => names.axes.of(axis)).join(" ");
  const stages = group.stages.map((s) => names.statements.of(s)).join(" ");
  const pairs = group.pairs.map((p) =>
    [p.monoid, names.statements.of(p.first), names.statements.of(p.second), p.infinite ?? []]
      .flat()
      .join(" "),
  );
  const text = [
    printIndexProgram(renameProgram(program, names)).trimEnd(),
    `grid ${list(group.gridAxes)}`,
    ...(group.walkAxes.length === 0 ? [] : [`walk ${list(group.walkAxes)}`]),
    ...(group.stages.length === 0 ? [] : [`stages ${stages} pinned ${list(group.pinnedAxes)}`]),
    ...pairs.map((pair) => `pair ${pair}`),
  ].join("\n");
  return { text, axes: names.axes.known };
}

type AllNames = Readonly<Record<"axes" | "statements" | "tensors" | "scalars", Names>>;

function renameProgram(program: IndexProgram, names: AllNames): IndexProgram {
  const own = axisSizes(program);
  const sizes = new Map([...own].map(([name, size]) => [names.axes.of(name), size] as const));
  const axisNames = new Map(program.axes.map(({ name }) => [name, indexAxis(names.axes.of(name))] as const));
  const index = (expr: Parameters<typeof indexSubstitute>[0]): typeof expr =>
    indexSubstitute(expr, axisNames, sizes);
  const scalar = (expr: ScalarExpr): ScalarExpr =>
    mapScalar(mapIndices(expr, index), (e) => {
      if (e.kind === "tensor") return { ...e, tensor: names.tensors.of(e.tensor) };
      if (e.kind === "value") return { ...e, statement: names.statements.of(e.statement) };
      return e.kind === "scalar" ? { ...e, name: names.scalars.of(e.name) } : e;
    });
  const written = new Set(program.stores.map((s) => s.tensor));
  const role = ({ name }: StoredTensor): StoredTensor["role"] => (written.has(name) ? "output" : "input");
  return {
    name: "group",
    axes: inOrder(program.axes, names.axes).map((a) => ({ ...a, name: names.axes.of(a.name) })),
    // A default is a value, which another call may replace.
    scalars: inOrder(program.scalars, names.scalars).map((s) => ({
      name: names.scalars.of(s.name),
      dtype: s.dtype,
    })),
    tensors: inOrder(program.tensors, names.tensors).map((t) => ({
      ...t,
      name: names.tensors.of(t.name),
      role: role(t),
    })),
    statements: program.statements.map((s) => ({
      name: names.statements.of(s.name),
      dtype: s.dtype,
      axes: s.axes.map((axis) => names.axes.of(axis)),
      reduce:
        s.reduce === undefined
          ? undefined
          : { fn: s.reduce.fn, axes: s.reduce.axes.map((axis) => names.axes.of(axis)) },
      value: scalar(s.value),
    })),
    stores: program.stores.map((s) => ({
      tensor: names.tensors.of(s.tensor),
      statement: names.statements.of(s.statement),
      index: index(s.index),
    })),
  };
}

/** Entries in the order of their new names; those that the group does not use stand last. */
function inOrder<T extends { readonly name: string }>(entries: readonly T[], names: Names): readonly T[] {
  const position = new Map([...names.known.keys()].map((name, i) => [name, i]));
  const place = (entry: T): number => position.get(entry.name) ?? position.size;
  return [...entries].sort((a, b) => place(a) - place(b));
}

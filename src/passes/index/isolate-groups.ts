/**
 * Cuts a program into one small program per group, in one walk: what schedules and lowers a group then looks at that group
 * only, and compiling thousands of kernels stays linear.
 *
 * Requires: a program from `materialize`, in which groups read each other through tensors alone.
 * Ensures:  per group, in order: its statements and stores, and the axes, tensors and scalars that these name.
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { indexAxes } from "../../ir/index-expr.ts";
import { visitScalar } from "../../ir/index-notation.ts";
import type { FusionGroup, GroupedProgram, IndexProgram, Statement, Store } from "../../ir/index-notation.ts";

export interface IsolatedGroup {
  readonly group: FusionGroup;
  /** Of the whole program, what the group needs. */
  readonly program: IndexProgram;
}

export function isolateGroups({ program, groups }: GroupedProgram): readonly IsolatedGroup[] {
  const tables: Tables = {
    axes: positions(program.axes),
    scalars: positions(program.scalars),
    tensors: positions(program.tensors),
    statements: positions(program.statements),
  };
  const storesOf = new Map<string, Store[]>();
  for (const store of program.stores) {
    const list = storesOf.get(store.statement);
    if (list === undefined) storesOf.set(store.statement, [store]);
    else list.push(store);
  }
  return groups.map((group) => {
    const statements = pick(program.statements, group.statements, tables.statements);
    const stores = statements.flatMap((s) => storesOf.get(s.name) ?? []);
    const used = namesUsed(statements, stores);
    return {
      group,
      program: {
        name: program.name,
        axes: pick(program.axes, used.axes, tables.axes),
        scalars: pick(program.scalars, used.scalars, tables.scalars),
        tensors: pick(program.tensors, used.tensors, tables.tensors),
        statements,
        stores,
      },
    };
  });
}

type Positions = ReadonlyMap<string, number>;
interface Tables {
  readonly axes: Positions;
  readonly scalars: Positions;
  readonly tensors: Positions;
  readonly statements: Positions;
}

const positions = (list: readonly { readonly name: string }[]): Positions =>
  new Map(list.map(({ name }, i) => [name, i]));

/** The entries of these names, in the order of the list. */
function pick<T>(list: readonly T[], names: Iterable<string>, at: Positions): T[] {
  return [...names]
    .map((name) => at.get(name) ?? -1)
    .sort((a, b) => a - b)
    .map((position) => {
      const entry = list[position];
      if (entry === undefined) throw new CompilerBug("isolate-groups", ["a group names what does not exist"]);
      return entry;
    });
}

interface NamesUsed {
  readonly axes: Set<string>;
  readonly scalars: Set<string>;
  readonly tensors: Set<string>;
}

function namesUsed(statements: readonly Statement[], stores: readonly Store[]): NamesUsed {
  const used: NamesUsed = { axes: new Set(), scalars: new Set(), tensors: new Set() };
  for (const { axes, reduce, value } of statements) {
    for (const axis of [...axes, ...(reduce?.axes ?? [])]) used.axes.add(axis);
    visitScalar(value, (e) => {
      if (e.kind === "tensor") used.tensors.add(e.tensor);
      if (e.kind === "scalar") used.scalars.add(e.name);
      if (e.kind === "guard") for (const bound of e.bounds) indexAxes(bound.index, used.axes);
    });
  }
  for (const { tensor } of stores) used.tensors.add(tensor);
  return used;
}

/**
 * Gives values that cross groups a place: a temporary tensor, written by the group that computes them and read by its
 * strides. A value that is an output already is not stored twice: it is read back from there. Rows of a temporary start at
 * whole memory sectors where the device coalesces: kernels that take few columns of partial results read no sector in part.
 *
 * Requires: groups from `fuseStatements`; values of floats are f32 (`widenValues`), so that nothing is rounded between kernels.
 * Ensures:  within a group every read of a computed value names its own axes; all else are reads of tensors.
 */
import type {
  GroupedProgram,
  FusionGroup,
  IndexProgram,
  ScalarExpr,
  Statement,
  Store,
  StoredTensor,
} from "../../ir/index-notation.ts";
import { axisSizes, mapScalar } from "../../ir/index-notation.ts";
import { indexConst, indexSubstitute, rowMajor, type IndexExpr } from "../../ir/index-expr.ts";
import { elementsPerSector } from "../../ir/sectors.ts";
import { keepingStores } from "./keeping-stores.ts";

/** Shorter rows are read together with their neighbours, between which there must be no gap. */
const SHORTEST_PADDED = 32;
/** Gaps must not make a tensor too large that fitted the device. */
const MOST_PADDED_ELEMENTS = 1 << 24;

export interface MaterializeOptions {
  /** Whether rows of temporaries start at whole sectors. Default: no gaps. */
  readonly alignRows?: boolean;
}

export function materialize(
  program: IndexProgram,
  groups: readonly FusionGroup[],
  { alignRows = false }: MaterializeOptions = {},
): GroupedProgram {
  const sizes = axisSizes(program);
  const groupOf = new Map(groups.flatMap((g) => g.statements.map((s) => [s, g.name] as const)));
  const byName = new Map(program.statements.map((s) => [s.name, s]));
  const tensors: StoredTensor[] = [...program.tensors];
  const stores: Store[] = [...program.stores];
  const homes = new Map<string, Store>();
  for (const store of keepingStores(program))
    if (!homes.has(store.statement)) homes.set(store.statement, store);
  const homeOf = (statement: Statement): Store => {
    const known = homes.get(statement.name);
    if (known !== undefined) return known;
    const pitches = alignRows ? padLast(statement, sizes) : sizes;
    const home = {
      tensor: `tmp_${statement.name}`,
      statement: statement.name,
      index: rowMajor(statement.axes, pitches),
    };
    const shape = statement.axes.map((axis) => pitches.get(axis) ?? 1);
    tensors.push({ name: home.tensor, dtype: statement.dtype, shape, role: "temporary" });
    stores.push(home);
    homes.set(statement.name, home);
    return home;
  };
  const statements = program.statements.map((statement) => {
    const value = mapScalar(statement.value, (e): ScalarExpr => {
      if (e.kind !== "value" || groupOf.get(e.statement) === groupOf.get(statement.name)) return e;
      const producer = byName.get(e.statement);
      if (producer === undefined) return e;
      const home = homeOf(producer);
      const at = new Map(
        producer.axes.map((axis, i): [string, IndexExpr] => [axis, e.index[i] ?? indexConst(0)]),
      );
      return {
        kind: "tensor",
        dtype: producer.dtype,
        tensor: home.tensor,
        index: indexSubstitute(home.index, at, sizes),
      };
    });
    return value === statement.value ? statement : { ...statement, value };
  });
  return { program: { ...program, tensors, statements, stores }, groups };
}

/** The sizes, with the last of several axes as long as whole sectors. */
function padLast(
  { axes, dtype }: Statement,
  sizes: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sector = elementsPerSector(dtype);
  const last = axes.at(-1) ?? "";
  const size = sizes.get(last) ?? 1;
  const elements = axes.reduce((n, axis) => n * (sizes.get(axis) ?? 1), 1);
  if (axes.length < 2 || size < SHORTEST_PADDED || elements > MOST_PADDED_ELEMENTS) return sizes;
  return new Map([...sizes, [last, Math.ceil(size / sector) * sector]]);
}

/**
 * Puts small temporaries that one kernel writes into one buffer, where kernels would bind more buffers than the device
 * takes: statistics handed from kernel to kernel (sums of a group norm's gradient, say) are many, and small.
 *
 * Before: `tmp_a[i] = a`, `tmp_b[i] = b`, read by a kernel that binds too many. After: `tmp_a_and_1[i] = a`,
 * `tmp_a_and_1[i + 64] = b`, where 64 is the length of tmp_a, rounded up to whole memory sectors.
 *
 * Requires: a program from `materialize`.
 * Ensures:  tensors of the program other than temporaries are as they were; parts of a pack do not overlap. A kernel still
 *           binds too many buffers only where packing could not save enough; `fuseStatements` counts with the same rule.
 */
import { elementCount } from "../../ir/dtype.ts";
import { indexAdd, indexConst, type IndexExpr } from "../../ir/index-expr.ts";
import {
  mapScalar,
  visitScalar,
  type GroupedProgram,
  type FusionGroup,
  type IndexProgram,
  type StoredTensor,
} from "../../ir/index-notation.ts";

/** What is larger stays alone: kernels may need to bind such a tensor in parts. */
export const MOST_PACKED_ELEMENTS = 1 << 16;
/** Parts start at whole sectors of 32 bytes, so that loads coalesce as they would alone. */
const ALIGNMENT = 8;

/** Where a temporary went. */
interface Place {
  readonly tensor: string;
  readonly offset: number;
}

/** @param limit storage buffers that a kernel may bind */
export function packTemporaries(grouped: GroupedProgram, limit: number): GroupedProgram {
  const { program, groups } = grouped;
  const packable = packableTemporaries(program, groups);
  const packing = writersToPack(program, groups, packable, limit);
  if (packing.size === 0) return grouped;
  const { places, packs } = layOut(program, packable, packing);
  const move = (tensor: string, index: IndexExpr): { tensor: string; index: IndexExpr } => {
    const place = places.get(tensor);
    if (place === undefined) return { tensor, index };
    return { tensor: place.tensor, index: indexAdd(index, indexConst(place.offset)) };
  };
  return {
    groups,
    program: {
      ...program,
      tensors: [...program.tensors.filter((t) => !places.has(t.name)), ...packs],
      stores: program.stores.map((store) =>
        places.has(store.tensor) ? { ...store, ...move(store.tensor, store.index) } : store,
      ),
      statements: program.statements.map((statement) => {
        const value = mapScalar(statement.value, (e) =>
          e.kind === "tensor" && places.has(e.tensor) ? { ...e, ...move(e.tensor, e.index) } : e,
        );
        return value === statement.value ? statement : { ...statement, value };
      }),
    },
  };
}

/** Small temporaries of f32, each with the group that writes it. */
function packableTemporaries(
  program: IndexProgram,
  groups: readonly FusionGroup[],
): ReadonlyMap<string, string> {
  const groupOf = new Map(groups.flatMap((g) => g.statements.map((s) => [s, g.name] as const)));
  const writerOf = new Map(program.stores.map((s) => [s.tensor, groupOf.get(s.statement)]));
  const packable = new Map<string, string>();
  for (const { name, dtype, shape, role } of program.tensors) {
    const writer = writerOf.get(name);
    const isSmall = elementCount(shape) <= MOST_PACKED_ELEMENTS;
    if (role === "temporary" && dtype === "f32" && isSmall && writer !== undefined)
      packable.set(name, writer);
  }
  return packable;
}

/** Groups whose small temporaries have to share a buffer, because a kernel that touches two of them binds too many. */
function writersToPack(
  { statements, stores }: IndexProgram,
  groups: readonly FusionGroup[],
  packable: ReadonlyMap<string, string>,
  limit: number,
): ReadonlySet<string> {
  const byName = new Map(statements.map((s) => [s.name, s]));
  const storesOf = Map.groupBy(stores, (s) => s.statement);
  const packing = new Set<string>();
  for (const group of groups) {
    const bound = new Set<string>();
    for (const name of group.statements) {
      for (const { tensor } of storesOf.get(name) ?? []) bound.add(tensor);
      const statement = byName.get(name);
      if (statement !== undefined)
        visitScalar(statement.value, (e) => {
          if (e.kind === "tensor") bound.add(e.tensor);
        });
    }
    if (bound.size <= limit) continue;
    const writers = [...bound].flatMap((tensor) => packable.get(tensor) ?? []);
    for (const writer of writers)
      if (writers.indexOf(writer) !== writers.lastIndexOf(writer)) packing.add(writer);
  }
  return packing;
}

function layOut(
  { tensors }: IndexProgram,
  packable: ReadonlyMap<string, string>,
  packing: ReadonlySet<string>,
): { readonly places: ReadonlyMap<string, Place>; readonly packs: readonly StoredTensor[] } {
  const places = new Map<string, Place>();
  const packs: StoredTensor[] = [];
  const members = Map.groupBy(tensors, (t) => packable.get(t.name));
  for (const writer of packing) {
    const parts = members.get(writer) ?? [];
    const name = `${parts[0]?.name ?? writer}_and_${String(parts.length - 1)}`;
    let end = 0;
    for (const part of parts) {
      const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      places.set(part.name, { tensor: name, offset });
      end = offset + elementCount(part.shape);
    }
    packs.push({ name, dtype: "f32", shape: [end], role: "temporary" });
  }
  return { places, packs };
}

/**
 * What two compilations of one function, at two sizes of its dynamic dimension, have in common: all but the sizes of axes
 * and the lengths of tensors has to be equal, index by index. Then the program is one for all sizes, and its *open* axes are
 * those that are multiples of the size.
 *
 * Requires: groups of graphs that `compareGraphs` found alike, made by the same passes.
 * Ensures:  open axes are never reduced, walked, pinned or staged over; each group has at most one, along its grid; stored
 *           tensors that grow do so along whole rows: an index does not depend on the size.
 */
import { growthOf, type Refusal, type Sizes } from "../../ir/compare-graphs.ts";
import { elementCount } from "../../ir/dtype.ts";
import type { GroupedProgram, IndexProgram, Statement } from "../../ir/index-notation.ts";

export interface OpenProgram {
  /** Steps along each open axis per unit of the size. */
  readonly axes: ReadonlyMap<string, number>;
  /** Elements of each tensor that grows, per unit of the size. */
  readonly tensors: ReadonlyMap<string, number>;
  /** The open axis of each group that has one. */
  readonly axisOf: ReadonlyMap<string, string>;
}

export function compareGrouped(a: GroupedProgram, b: GroupedProgram, sizes: Sizes): OpenProgram | Refusal {
  const differing = findDifference(a, b);
  if (differing !== undefined) return differing;
  const axes = new Map<string, number>();
  for (const [i, axis] of a.program.axes.entries()) {
    const growth = growthOf(axis.size, b.program.axes[i]?.size ?? -1, sizes);
    if (growth === undefined) return refuse("an axis is no multiple of the dynamic size");
    if (growth > 0) axes.set(axis.name, growth);
  }
  const tensors = new Map<string, number>();
  for (const [i, tensor] of a.program.tensors.entries()) {
    const other = b.program.tensors[i];
    const growth = growthOf(elementCount(tensor.shape), elementCount(other?.shape ?? []), sizes);
    if (growth === undefined) return refuse(`tensor "${tensor.name}" is no multiple of the dynamic size`);
    if (growth > 0) tensors.set(tensor.name, growth);
  }
  const axisOf = new Map<string, string>();
  for (const group of a.groups) {
    const open = group.gridAxes.filter((axis) => axes.has(axis));
    if (open.length > 1) return refuse("a kernel has two axes of the dynamic size");
    const [axis] = open;
    if (axis === undefined) continue;
    if (group.pinnedAxes.includes(axis))
      return refuse("statistics are computed for each step of the dynamic dimension");
    axisOf.set(group.name, axis);
  }
  const reduced = a.program.statements.find((s) => s.reduce?.axes.some((axis) => axes.has(axis)));
  if (reduced !== undefined) return { reason: "the dynamic dimension is reduced", span: reduced.span };
  return { axes, tensors, axisOf };
}

const refuse = (reason: string): Refusal => ({ reason, span: undefined });

const withoutSpan = ({ span: _, ...statement }: Statement): unknown => statement;

/** All that must not depend on the size, compared by its text. */
function findDifference(a: GroupedProgram, b: GroupedProgram): Refusal | undefined {
  const position = a.program.statements.findIndex((statement, i) => {
    const other = b.program.statements[i];
    return other === undefined || print(withoutSpan(statement)) !== print(withoutSpan(other));
  });
  if (position >= 0)
    return {
      reason:
        "the dynamic dimension is not the outermost of all that is stored, or an element is found by arithmetic with the size",
      span: a.program.statements[position]?.span,
    };
  const isSame = print(headOf(a)) === print(headOf(b)) && print(fusionOf(a)) === print(fusionOf(b));
  return isSame ? undefined : refuse("the kernels of two sizes differ");
}

const headOf = ({ program }: GroupedProgram): unknown => {
  const { axes, tensors, scalars, stores, statements }: IndexProgram = program;
  return [
    axes.map(({ name }) => name),
    tensors.map(({ name, dtype, role }) => [name, dtype, role]),
    [scalars, stores, statements.length],
  ];
};

/** Reasons hold bytes, and times in words. */
const fusionOf = ({ groups }: GroupedProgram): unknown => groups.map(({ reasons: _, ...group }) => group);

const print = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "number" && (!Number.isFinite(part) || Object.is(part, -0))
      ? `number ${Object.is(part, -0) ? "-0" : String(part)}`
      : part,
  );

/** The program at another size, whose axes and tensors have the lengths that they would have there. */
export function resizeProgram(
  { program, groups }: GroupedProgram,
  { axes, tensors }: OpenProgram,
  size: number,
): GroupedProgram {
  return {
    groups,
    program: {
      ...program,
      axes: program.axes.map((axis) => ({ ...axis, size: (axes.get(axis.name) ?? 0) * size || axis.size })),
      tensors: program.tensors.map((tensor) => {
        const growth = tensors.get(tensor.name);
        // Kernels know tensors by their number of elements.
        return growth === undefined ? tensor : { ...tensor, shape: [growth * size] };
      }),
    },
  };
}

/**
 * Which dimensions of a function's arguments are dynamic, as its options say:
 *
 *     { x: [0] }        by parameter (or path: "batch.x"), the form of exporters
 *     [[0], []]         by position; all tensors in the argument
 *
 * There is one dynamic size in a call, such as the batch: all dynamic dimensions have it. They are outermost, so 0 is the
 * only dimension that can be named.
 */
import { captureCallSite } from "./diagnostics/call-site.ts";
import { fail } from "./diagnostics/diagnostic.ts";
import { suggestName } from "./diagnostics/suggest.ts";
import type { TensorType } from "./ir/dtype.ts";

export type DynamicDimensions = Readonly<Record<string, readonly number[]>> | readonly (readonly number[])[];

/** A tensor among the arguments. */
export interface DynamicLeaf {
  readonly path: string;
  /** Position of its argument. */
  readonly argument: number;
  readonly type: TensorType;
}

export interface DynamicSize {
  readonly size: number;
  /** Paths of the tensors that have it. */
  readonly paths: ReadonlySet<string>;
  /** `x[0], y[0]`. */
  readonly dimensions: string;
}

const isByPosition = (dynamic: DynamicDimensions): dynamic is readonly (readonly number[])[] =>
  Array.isArray(dynamic);

/** Refuses dimensions other than the outermost, before there is a call. */
export function checkDynamic(dynamic: DynamicDimensions, name: string): void {
  for (const [key, dimensions] of Object.entries<readonly number[]>(dynamic))
    for (const dimension of dimensions)
      if (dimension !== 0)
        fail(
          "invalid-axis",
          `dimension ${String(dimension)} of ${describeKey(dynamic, key)} of ${name} cannot be dynamic`,
          {
            span: captureCallSite(),
            help: "only dimension 0, the outermost, can be: one kernel then serves all sizes; transpose, or leave it to be compiled for each size",
          },
        );
}

const describeKey = (dynamic: DynamicDimensions, key: string): string =>
  isByPosition(dynamic) ? `argument ${key}` : key;

/** The dynamic size of a call, or undefined where no dimension is dynamic. */
export function findDynamicSize(
  dynamic: DynamicDimensions,
  leaves: readonly DynamicLeaf[],
  name: string,
): DynamicSize | undefined {
  const chosen = leaves.filter(({ path, argument }) => {
    const dimensions = isByPosition(dynamic) ? dynamic[argument] : dynamic[path];
    return dimensions !== undefined && dimensions.length > 0;
  });
  checkDynamicNames(
    dynamic,
    leaves.map(({ path }) => path),
    name,
  );
  const [first] = chosen;
  if (first === undefined) return undefined;
  const size = sizeOf(first, name);
  for (const leaf of chosen)
    if (sizeOf(leaf, name) !== size)
      fail(
        "dimension-mismatch",
        `the dynamic dimensions of ${name} are of two sizes: ${first.path} has ${String(size)}, ${leaf.path} has ${String(sizeOf(leaf, name))}`,
        { span: captureCallSite(), help: "all dynamic dimensions of a call are one size, such as the batch" },
      );
  return {
    size,
    paths: new Set(chosen.map(({ path }) => path)),
    dimensions: chosen.map(({ path }) => `${path}[0]`).join(", "),
  };
}

function sizeOf({ path, type: { shape } }: DynamicLeaf, name: string): number {
  const [size] = shape;
  if (size !== undefined) return size;
  return fail("invalid-axis", `${path} of ${name} has no dimensions, so that none is dynamic`, {
    span: captureCallSite(),
    help: "leave it out of dynamic",
  });
}

/** Refuses names that are none of these. */
export function checkDynamicNames(dynamic: DynamicDimensions, known: readonly string[], name: string): void {
  if (isByPosition(dynamic)) return;
  const unknown = Object.keys(dynamic).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const near = suggestName(unknown, known);
  const list = [...new Set(known)].join(", ");
  fail("unknown-argument", `${name} has no tensor "${unknown}" to be dynamic`, {
    span: captureCallSite(),
    help: near === undefined ? `its tensors are ${list}` : `did you mean "${near}"?`,
  });
}

/** What is said of tensors of these names. */
export const onlyDynamic = (dynamic: DynamicDimensions, names: readonly string[]): DynamicDimensions =>
  isByPosition(dynamic)
    ? dynamic
    : Object.fromEntries(Object.entries(dynamic).filter(([name]) => names.includes(name)));

/** The type at another size, where the tensor has the dynamic dimension. */
export const typeAt = (
  { paths }: DynamicSize,
  path: string,
  { dtype, shape }: TensorType,
  size: number,
): TensorType => ({ dtype, shape: paths.has(path) ? [size, ...shape.slice(1)] : shape });

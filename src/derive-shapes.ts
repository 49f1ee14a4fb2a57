/**
 * Shapes of a kernel's parameters from `--shape` and `--dim`.
 *
 * Ensures: a parameter whose lengths all are numbers or dimensions given by `--dim` has a shape; a dimension that the
 * kernel lacks, or that a `--shape` contradicts, is an error. Other shapes are left to the kernel, which may derive them.
 */
import { type Diagnostic, errorAt, TensorweftError } from "./diagnostics/diagnostic.ts";
import { didYouMean } from "./diagnostics/suggest.ts";
import type { KernelInfo, KernelParam } from "./text.ts";

/** Shapes by parameter. */
type Shapes = ReadonlyMap<string, readonly number[]>;
type Dims = ReadonlyMap<string, number>;

const DIMENSION = /^[A-Za-z_][A-Za-z0-9_]*$/;
const isDimension = (dim: number | string): dim is string => typeof dim === "string" && DIMENSION.test(dim);

/** Names in the declared lengths, those inside arithmetic (`2 * N`) included. */
function namesOf({ dims }: KernelParam): readonly string[] {
  return (dims ?? []).flatMap((dim) =>
    typeof dim === "string" ? (dim.match(/[A-Za-z_][A-Za-z0-9_]*/g) ?? []) : [],
  );
}

function checkNames(kernel: KernelInfo, shapes: Shapes, dims: Dims): readonly Diagnostic[] {
  const params = kernel.params.filter(({ kind }) => kind === "tensor").map(({ name }) => name);
  const known = [...new Set(kernel.params.flatMap(namesOf))];
  const list = (what: string, names: readonly string[]): string =>
    names.length === 0 ? `it has no ${what}` : `its ${what} are ${names.join(", ")}`;
  return [
    ...[...shapes.keys()]
      .filter((name) => !params.includes(name))
      .map((name) =>
        errorAt("unknown-argument", `kernel ${kernel.name} has no tensor parameter ${name}`, {
          help: didYouMean(name, params) ?? list("tensor parameters", params),
        }),
      ),
    ...[...dims.keys()]
      .filter((name) => !known.includes(name))
      .map((name) =>
        errorAt("unknown-argument", `kernel ${kernel.name} has no dimension ${name}`, {
          help: didYouMean(name, known) ?? list("dimensions", known),
        }),
      ),
  ];
}

/** Where `--shape` and `--dim` disagree. Lengths around an ellipsis are left to the kernel's own check. */
function checkAgreement(
  { name, dims: declared = [] }: KernelParam,
  shape: readonly number[],
  dims: Dims,
): readonly Diagnostic[] {
  if (declared.length !== shape.length || declared.includes("...")) return [];
  return declared.flatMap((dim, d) => {
    const given = isDimension(dim) ? dims.get(dim) : undefined;
    if (given === undefined || given === shape[d]) return [];
    return errorAt(
      "dimension-mismatch",
      `--dim says ${String(dim)}=${given}, but --shape of ${name} says ${String(shape[d])}`,
      {
        help: "leave one of them out",
      },
    );
  });
}

function fillShape({ dims: declared }: KernelParam, dims: Dims): readonly number[] | undefined {
  const shape = declared?.map((dim) => (typeof dim === "number" ? dim : dims.get(dim)));
  return shape?.every((length) => length !== undefined) === true ? shape : undefined;
}

/** The shapes to instantiate the kernel at. */
export function deriveShapes(
  kernel: KernelInfo,
  shapes: Shapes,
  dims: Dims,
): Readonly<Record<string, { readonly shape: readonly number[] }>> {
  const problems = [...checkNames(kernel, shapes, dims)];
  const derived: [string, { readonly shape: readonly number[] }][] = [];
  for (const param of kernel.params) {
    if (param.kind !== "tensor") continue;
    const given = shapes.get(param.name);
    if (given !== undefined) problems.push(...checkAgreement(param, given, dims));
    const shape = given ?? fillShape(param, dims);
    if (shape !== undefined) derived.push([param.name, { shape }]);
  }
  if (problems.length > 0) throw new TensorweftError(problems);
  return Object.fromEntries(derived);
}

/** Checks of parameters and declared results that need no shapes. Part of `check.ts`. */
import { errorAt, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { Declaration, Expr, Name, ParamDecl, TypeExpr } from "./ast.ts";

type Report = (diagnostic: Diagnostic) => void;

function reportDuplicates(names: readonly Name[], what: string, report: Report): void {
  const seen = new Map<string, Name>();
  for (const name of names) {
    const earlier = seen.get(name.text);
    if (earlier !== undefined && name.text !== "") {
      report(
        errorAt("duplicate-name", `${what} ${name.text} is declared twice`, {
          span: name.span,
          notes: [{ message: `${name.text} is declared here`, span: earlier.span }],
          help: "rename one of them",
        }),
      );
    }
    if (earlier === undefined) seen.set(name.text, name);
  }
}

/** Parameters, dimensions and results each have names of their own. */
export function checkSignatureNames(declaration: Declaration, report: Report): void {
  const params = declaration.params.map(({ name }) => name);
  reportDuplicates(params, "parameter", report);
  reportDuplicates(
    (declaration.results ?? []).flatMap(({ name }) => name ?? []),
    "result",
    report,
  );
  const byName = new Map(params.map((name) => [name.text, name]));
  const clashes = new Set<string>();
  for (const { type } of declaration.params) {
    for (const dim of type?.dims ?? []) {
      if (dim.kind !== "name" || clashes.has(dim.text)) continue;
      const param = byName.get(dim.text);
      if (param === undefined) continue;
      clashes.add(dim.text);
      report(
        errorAt("duplicate-name", `${dim.text} is both a parameter and a dimension`, {
          span: dim.span,
          notes: [{ message: `parameter ${dim.text} is declared here`, span: param.span }],
          help: "rename one of them",
        }),
      );
    }
  }
}

/** Lengths are whole numbers, names or arithmetic of these; `...` comes first. */
function checkDims(type: TypeExpr, checkDim: (dim: Expr) => void, report: Report): void {
  for (const [k, dim] of (type.dims ?? []).entries()) {
    if (dim.kind === "ellipsis") {
      if (k > 0) {
        const help = "write it once, as in f32[..., C]";
        report(errorAt("invalid-shape", '"..." stands for leading dimensions', { span: dim.span, help }));
      }
    } else if (dim.kind === "number") {
      if (dim.isInteger) continue;
      const message = `${String(dim.value)} is no length of a dimension`;
      report(errorAt("invalid-shape", message, { span: dim.span, help: "lengths are whole numbers from 0" }));
    } else if (dim.kind !== "name") {
      checkDim(dim);
    }
  }
}

function checkKernelParam({ name, type, default: value }: ParamDecl, report: Report): void {
  const isScalar = type !== undefined && type.dims === undefined;
  if (value !== undefined && !isScalar) {
    const help = `write ${name.text}: f32 = ... for a number bound at call time`;
    const message = type === undefined ? "a default needs a dtype" : "a tensor has no default";
    report(errorAt("wrong-argument", message, { span: value.span, help }));
  }
  if (isScalar && (type.dtype === "f16" || type.dtype === "bf16")) {
    report(
      errorAt("unsupported-dtype", `a scalar parameter cannot be ${type.dtype}`, {
        span: type.span,
        help: `write f32, which takes on the dtype of the tensor it meets; ${type.dtype}[] is a tensor of rank 0`,
      }),
    );
  }
}

export function checkParams(declaration: Declaration, checkDim: (dim: Expr) => void, report: Report): void {
  for (const param of declaration.params) {
    if (param.type !== undefined) checkDims(param.type, checkDim, report);
    if (declaration.kind === "kernel") checkKernelParam(param, report);
  }
}

export function checkResults(declaration: Declaration, checkDim: (dim: Expr) => void, report: Report): void {
  for (const { type } of declaration.results ?? []) if (type !== undefined) checkDims(type, checkDim, report);
}

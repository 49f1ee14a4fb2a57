/**
 * Turns the parameters of a kernel into parameters of its graph, at the shapes that the caller gives.
 *
 * Ensures: shapes that follow from other parameters need not be given; every parameter has an entry in the scope, a
 * poisoned one where its mistake is reported.
 */
import { errorAt } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { DType, TensorType } from "../../ir/dtype.ts";
import type { Declaration, ParamDecl } from "./ast.ts";
import { matchPending, matchShape, openNames, resolveShape } from "./dimensions.ts";
import { dimEvaluator, type Evaluate } from "./evaluate-call.ts";
import { attempt, report, type Lowering, type Scope } from "./lowering.ts";
import { printTypeExpr } from "./print-type.ts";
import { tensor, type Static } from "./values.ts";

/** What a caller says of a parameter. */
export interface GivenShape {
  readonly shape: readonly number[];
  readonly dtype?: DType | undefined;
}
type GivenShapes = Readonly<Record<string, GivenShape>>;

const isScalar = ({ type }: ParamDecl): boolean => type !== undefined && type.dims === undefined;

const givenFor = (param: ParamDecl, shapes: GivenShapes): GivenShape | undefined =>
  Object.hasOwn(shapes, param.name.text) ? shapes[param.name.text] : undefined;

function reportUnknownShapes({ name, params }: Declaration, shapes: GivenShapes, lowering: Lowering): void {
  const names = params.map((param) => param.name.text);
  for (const given of Object.keys(shapes)) {
    if (names.includes(given)) continue;
    const help = didYouMean(given, names) ?? `its parameters are ${names.join(", ")}`;
    report(
      lowering,
      errorAt("unknown-argument", `${name.text} has no parameter named ${given}`, { span: name.span, help }),
    );
  }
}

/** The dtype of a tensor parameter; undefined, after a report, when the given one contradicts the declaration. */
function chooseDType(
  { name, type }: ParamDecl,
  given: GivenShape | undefined,
  lowering: Lowering,
): DType | undefined {
  const declared = type?.dtype === "f32" ? lowering.floatType : type?.dtype;
  if (declared === undefined) return given?.dtype ?? lowering.floatType;
  if (given?.dtype === undefined || given.dtype === declared) return declared;
  const generic =
    type?.dims === undefined ? name.text : `${name.text}: ${printTypeExpr({ ...type, dtype: undefined })}`;
  report(
    lowering,
    errorAt("dtype-mismatch", `${name.text} is declared ${declared} but given as ${given.dtype}`, {
      span: type?.span ?? name.span,
      help: `declare ${generic} to take any dtype`,
    }),
  );
  return undefined;
}

/** The shape of a tensor parameter, or undefined after a report. */
function chooseShape(
  param: ParamDecl,
  given: GivenShape | undefined,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): readonly number[] | undefined {
  if (given !== undefined) return given.shape;
  const { name, type } = param;
  const known =
    type === undefined
      ? undefined
      : resolveShape(type, scope.dimensions, dimEvaluator(scope, lowering, evaluate));
  if (known !== undefined) return known;
  const open = type === undefined ? [] : openNames(type, scope.dimensions);
  // Nothing is open, so a length was no length, and that is reported.
  if (type !== undefined && open.length === 0) return undefined;
  const missing = open.length === 0 ? "" : `: ${open.join(", ")} ${open.length === 1 ? "is" : "are"} open`;
  report(
    lowering,
    errorAt("unbound-dimension", `no shape is given for ${name.text}${missing}`, {
      span: type?.span ?? name.span,
      help: `give the shape of ${name.text}, or declare its lengths as numbers`,
    }),
  );
  return undefined;
}

function bindScalar(
  param: ParamDecl,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  const { name, type, default: expr } = param;
  const dtype = type?.dtype ?? "f32";
  if (dtype === "f16" || dtype === "bf16") return undefined; // reported by the check
  const options: { dtype: DType; default?: number } = { dtype };
  if (expr !== undefined) {
    const value = evaluate(expr, scope, lowering);
    if (value === undefined) return undefined;
    const fits = dtype === "bool" ? value.kind === "boolean" : value.kind === "number";
    if (!fits || (value.kind !== "number" && value.kind !== "boolean")) {
      const help =
        dtype === "bool" ? "write true or false" : "write a number, or arithmetic of numbers and dimensions";
      const message = `the default of ${name.text} is no ${dtype} known at compile time`;
      report(lowering, errorAt("invalid-value", message, { span: expr.span, help }));
      return undefined;
    }
    options.default = Number(value.value);
  }
  const about = { scope, operands: [], blame: (expr ?? type ?? name).span };
  const value = attempt(lowering, about, () => lowering.builder.scalar(name.text, options, name.span));
  return value === undefined ? undefined : tensor(value);
}

/** Declares the parameters of `declaration` in the graph and in the scope. */
export function bindParams(
  declaration: Declaration,
  shapes: GivenShapes,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): void {
  reportUnknownShapes(declaration, shapes, lowering);
  const mismatched = new Set<ParamDecl>();
  // Given shapes bind dimensions first, whatever the order, so that the remaining parameters can follow from them.
  for (const param of declaration.params) {
    const given = givenFor(param, shapes);
    if (given === undefined || param.type === undefined) continue;
    const type = isScalar(param) ? { ...param.type, dims: [] } : param.type;
    const fits = matchShape(type, given.shape, param.name.text, scope.dimensions, (d) => {
      report(lowering, d);
    });
    if (!fits) mismatched.add(param);
  }
  matchPending(scope.dimensions, dimEvaluator(scope, lowering, evaluate), (d) => {
    report(lowering, d);
  });
  for (const param of declaration.params) {
    if (scope.locals.has(param.name.text)) continue; // declared twice: reported by the check
    const value = mismatched.has(param) ? undefined : bindParam(param, shapes, scope, lowering, evaluate);
    scope.locals.set(param.name.text, { value, span: param.name.span, isParameter: true });
  }
}

function bindParam(
  param: ParamDecl,
  shapes: GivenShapes,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  if (isScalar(param)) return bindScalar(param, scope, lowering, evaluate);
  const given = givenFor(param, shapes);
  // Only functions have these: a default without a type is a constant of the instantiation.
  if (param.type === undefined && param.default !== undefined && given === undefined) {
    return evaluate(param.default, scope, lowering);
  }
  const dtype = chooseDType(param, given, lowering);
  const shape = chooseShape(param, given, scope, lowering, evaluate);
  if (dtype === undefined || shape === undefined) return undefined;
  const type: TensorType = { dtype, shape: [...shape] };
  const { name } = param;
  const about = { scope, operands: [], blame: (param.type ?? name).span };
  const value = attempt(lowering, about, () => lowering.builder.param(name.text, type, name.span));
  return value === undefined ? undefined : tensor(value);
}

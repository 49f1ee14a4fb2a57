/**
 * Calls of `grad(f, ...)`, `valueAndGrad(f, ...)` and `vjp(f, ...)`: calls `f` on variables, and pulls cotangents back to them.
 */
import { pullBack, type Seed } from "../../autodiff/pull-back.ts";
import { errorAt, type Span } from "../../diagnostics/diagnostic.ts";
import { isFloat, printType, sameShape } from "../../ir/dtype.ts";
import type { Value } from "../../ir/graph-builder.ts";
import { COTANGENT } from "./bind-arguments.ts";
import type { Derivative } from "./environment.ts";
import { report, type CallSite, type GivenArguments, type Lowering } from "./lowering.ts";
import { describeValue, tensor, toOperand, type Static } from "./values.ts";

/** The value of the call; undefined after a report. `call` is the function that is differentiated. */
export function callDerivative(
  derivative: Derivative,
  given: GivenArguments,
  { expr: { span } }: CallSite,
  lowering: Lowering,
  call: (given: GivenArguments) => Static | undefined,
): Static | undefined {
  const { transform, wrt, isList, name } = derivative;
  const variables: Value[] = [];
  const inner = new Map(given);
  inner.delete(COTANGENT);
  if (transform !== "vjp" && given.has(COTANGENT))
    inner.set(COTANGENT, given.get(COTANGENT) ?? noArgument(span));
  for (const param of wrt) {
    const variable = makeVariable(param, given, name, span, lowering);
    if (variable === undefined) return undefined;
    variables.push(variable);
    inner.set(param, { expr: given.get(param)?.expr ?? noArgument(span).expr, value: tensor(variable) });
  }
  const result = call(inner);
  if (result === undefined) return undefined;
  const values = takeResults(result, derivative, span, lowering);
  const seeds = values && seedResults(values, derivative, given, span, lowering);
  if (values === undefined || seeds === undefined) return undefined;
  const { builder } = lowering;
  const cotangents = pullBack(builder, seeds, variables, span);
  const gradients = variables.map(({ type }, i) =>
    tensor(
      builder.cast(cotangents[i] ?? builder.constant(0, type.dtype, type.shape, span), type.dtype, span),
    ),
  );
  const [first] = gradients;
  if (transform === "valueAndGrad") return { kind: "tuple", items: [...values.map(tensor), ...gradients] };
  return isList ? { kind: "tuple", items: gradients } : first;
}

const noArgument = (
  span: Span,
): { readonly expr: { readonly kind: "error"; readonly span: Span }; readonly value: undefined } => ({
  expr: { kind: "error", span },
  value: undefined,
});

/** The argument for `param` as a variable of its own. */
function makeVariable(
  param: string,
  given: GivenArguments,
  name: string,
  span: Span,
  lowering: Lowering,
): Value | undefined {
  const argument = given.get(param);
  if (argument?.value === undefined) {
    const help = `pass ${param}; what a function differentiates by has no default`;
    report(
      lowering,
      errorAt("wrong-arity", `${name} differentiates by ${param}, which is not given`, { span, help }),
    );
    return undefined;
  }
  const at = argument.expr.span;
  const operand = toOperand(argument.value, lowering.builder, at);
  const value = typeof operand === "number" ? lowering.builder.constant(operand, "f32", [], at) : operand;
  if (typeof value !== "object" || !isFloat(value.type.dtype)) {
    const message = `${name} cannot differentiate by ${param}, which is ${describeValue(argument.value)}`;
    const help = "only floats have gradients: convert it with f32(...), or leave it out of wrt";
    report(lowering, errorAt("dtype-mismatch", message, { span: at, help }));
    return undefined;
  }
  return lowering.builder.variable(value, at);
}

/** The results of the function: one scalar, but for vjp. */
function takeResults(
  result: Static,
  { transform, name }: Derivative,
  span: Span,
  lowering: Lowering,
): readonly Value[] | undefined {
  const items = result.kind === "tuple" ? result.items : [result];
  const values: Value[] = [];
  for (const item of items) {
    if (item === undefined) return undefined;
    const operand = toOperand(item, lowering.builder, span);
    const value = typeof operand === "number" ? lowering.builder.constant(operand, "f32", [], span) : operand;
    if (typeof value !== "object" || !isFloat(value.type.dtype)) {
      const message = `${name} cannot differentiate a result that is ${describeValue(item)}`;
      const help = "only floats have derivatives: convert it with f32(...)";
      report(lowering, errorAt("dtype-mismatch", message, { span, help }));
      return undefined;
    }
    values.push(value);
  }
  const [only] = values;
  if (transform === "vjp" || (values.length === 1 && only?.type.shape.length === 0)) return values;
  const found =
    values.length === 1 && only !== undefined ? printType(only.type) : `${String(values.length)} results`;
  const help = "reduce it, for example with sum or mean; vjp takes a cotangent for tensors";
  report(
    lowering,
    errorAt("invalid-shape", `${name} needs a scalar, and the function gives ${found}`, { span, help }),
  );
  return undefined;
}

/** Each result with its cotangent. */
function seedResults(
  values: readonly Value[],
  { transform, name }: Derivative,
  given: GivenArguments,
  span: Span,
  lowering: Lowering,
): readonly Seed[] | undefined {
  const { builder } = lowering;
  const ones = (value: Value, by: number): Seed => ({
    value,
    cotangent: builder.constant(by, "f32", value.type.shape, span),
  });
  if (transform !== "vjp") return values.map((value) => ones(value, 1));
  const cotangent = given.get(COTANGENT);
  if (cotangent?.value === undefined) return undefined;
  const at = cotangent.expr.span;
  const items = cotangent.value.kind === "list" ? cotangent.value.items : [cotangent.value];
  if (items.length !== values.length) {
    const message = `${name} is given ${String(items.length)} cotangents for ${String(values.length)} results`;
    report(
      lowering,
      errorAt("wrong-arity", message, { span: at, help: "write a list with one for each result: ct=[a, b]" }),
    );
    return undefined;
  }
  const seeds: Seed[] = [];
  for (const [k, item] of items.entries()) {
    const value = values[k];
    const operand = toOperand(item, builder, at);
    if (value === undefined) return undefined;
    if (typeof operand === "number") seeds.push(ones(value, operand));
    else if (typeof operand === "object" && operand.weak)
      seeds.push({
        value,
        cotangent: builder.broadcastTo(builder.cast(operand, "f32", at), value.type.shape, at),
      });
    else if (
      typeof operand === "object" &&
      isFloat(operand.type.dtype) &&
      sameShape(operand.type.shape, value.type.shape)
    )
      seeds.push({ value, cotangent: builder.cast(operand, "f32", at) });
    else {
      const message = `the cotangent of ${name} is ${describeValue(item)}, its result ${printType(value.type)}`;
      report(
        lowering,
        errorAt("shape-mismatch", message, {
          span: at,
          help: "a cotangent is a float tensor of the shape of the result, or a number",
        }),
      );
      return undefined;
    }
  }
  return seeds;
}

/**
 * Evaluates calls: built-in functions add nodes, functions of the program are inlined in a scope of their own.
 * `evaluate` comes in as an argument, so that this file and `evaluate.ts` do not import each other.
 */
import { errorAt, type Span } from "../../diagnostics/diagnostic.ts";
import type { Body, Expr, Let, ParamDecl } from "./ast.ts";
import { bindArguments, signatureOf } from "./bind-arguments.ts";
import type { BuiltinArguments, BuiltinFunction } from "./builtins.ts";
import { coerceArgument } from "./coerce.ts";
import { createDimensions, matchPending, matchShape } from "./dimensions.ts";
import { callDerivative } from "./call-derivative.ts";
import { isDerivative, readDerivative } from "./derivatives.ts";
import { findCallee, type Callee, type Derivative, type UserFunction } from "./environment.ts";
import {
  attempt,
  report,
  type CallSite,
  type GivenArguments,
  type Lowering,
  type Scope,
} from "./lowering.ts";
import { matchResults, type ResultValue } from "./match-results.ts";
import { describeValue, foldFunction, tensor, toOperand, type Static } from "./values.ts";

export type Evaluate = (expr: Expr, scope: Scope, lowering: Lowering) => Static | undefined;

/** The value of a call, or undefined when it, or the check before it, reported a mistake. */
export function evaluateCall(
  expr: Expr & { readonly kind: "call" },
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  const { callee } = expr;
  if (isDerivative(expr)) return undefined; // a function where a value has to stand: reported by the check
  const found = findFunction(callee.text, scope);
  return (
    found && applyFunction(found, { name: callee.text, expr, blame: callee.span }, scope, lowering, evaluate)
  );
}

/** The value of `grad(f, wrt=x)(x)`. */
export function evaluateApply(
  expr: Expr & { readonly kind: "apply" },
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  const derivative = isDerivative(expr.callee) ? findDerivative(expr.callee, scope) : undefined;
  if (derivative === undefined) return undefined;
  const site = { name: derivative.name, expr, blame: expr.callee.span };
  return applyFunction(derivative, site, scope, lowering, evaluate);
}

/** What a name that is called stands for. Mistakes are reported by the check. */
function findFunction(name: string, { locals, environment }: Scope): Callee | undefined {
  const local = locals.get(name)?.value;
  return local?.kind === "function" ? local.derivative : findCallee(name, environment);
}

function findDerivative(expr: Expr & { readonly kind: "call" }, scope: Scope): Derivative | undefined {
  const { environment } = scope;
  const kernelOf = (name: string): Callee | undefined => {
    const declaration = environment.kernels.get(name);
    return declaration && { kind: "user", fn: { declaration, environment } };
  };
  return readDerivative(expr, {
    find: (name) => findFunction(name, scope) ?? kernelOf(name),
    names: () => [],
    report: () => undefined,
  });
}

/** Evaluates the arguments and calls. */
function applyFunction(
  callee: Callee,
  site: CallSite,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  const { args, span } = site.expr;
  const values = new Map(args.map((arg) => [arg.value, evaluate(arg.value, scope, lowering)]));
  const { bound, diagnostics } = bindArguments(site.name, signatureOf(callee), args, span);
  if (diagnostics.length > 0) return undefined;
  const given = new Map([...bound].map(([name, arg]) => [name, { expr: arg, value: values.get(arg) }]));
  if ([...given.values()].some(({ value }) => value === undefined)) return undefined;
  return callFunction(callee, given, site, scope, lowering, evaluate);
}

function callFunction(
  callee: Callee,
  given: GivenArguments,
  site: CallSite,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  switch (callee.kind) {
    case "builtin":
      return callBuiltin(site.name, callee.fn, given, site.expr, scope, lowering);
    case "user":
      return callUser(callee.fn, given, site.blame, lowering, evaluate);
    case "derivative":
      return callDerivative(callee, given, site, lowering, (inner) =>
        callFunction(callee.of, inner, { ...site, name: callee.inner }, scope, lowering, evaluate),
      );
  }
}

function callBuiltin(
  name: string,
  fn: BuiltinFunction,
  given: GivenArguments,
  expr: CallSite["expr"],
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  const { builder } = lowering;
  const folded = foldFunction(
    name,
    fn.params.flatMap((param) => given.get(param.name)?.value ?? []),
  );
  if (folded !== undefined) return folded;
  const args: Record<string, BuiltinArguments[string]> = {};
  for (const param of fn.params) {
    const argument = given.get(param.name);
    if (argument?.value === undefined) continue;
    // `none` for an optional argument leaves it out; for an axis it is an answer of its own (all of them).
    if (argument.value.kind === "none" && !param.required && param.kind !== "axis") continue;
    const { span } = argument.expr;
    const coerced = coerceArgument(name, param, argument.value, builder, span, (d) => {
      report(lowering, d);
    });
    if (coerced === undefined) return undefined;
    args[param.name] = coerced;
  }
  // A mistake about axes or shapes is best shown at the argument that names them.
  const attribute = fn.params.find((param) => param.kind !== "operand" && given.has(param.name));
  const blame = (attribute === undefined ? undefined : given.get(attribute.name)?.expr.span) ?? expr.span;
  const operands = expr.args.map((arg) => arg.value);
  const made = attempt(lowering, { scope, operands, blame }, () => fn.build(builder, args, expr.span));
  if (made === undefined) return undefined;
  return "id" in made ? tensor(made) : { kind: "tuple", items: made.map(tensor) };
}

// ---- functions of the program ---------------------------------------------------------------------------------------

function callUser(
  { declaration, environment }: UserFunction,
  given: GivenArguments,
  span: Span,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  const scope: Scope = { environment, locals: new Map(), dimensions: createDimensions() };
  lowering.calls.push({ name: declaration.name.text, span });
  try {
    for (const param of declaration.params) {
      const argument = given.get(param.name.text);
      const value =
        argument === undefined ? evaluateDefault(param, scope, lowering, evaluate) : argument.value;
      const fitting = value === undefined ? undefined : matchParam(param, value, scope, lowering);
      scope.locals.set(param.name.text, { value: fitting, span: param.name.span, isParameter: false });
    }
    const evaluateDim = dimEvaluator(scope, lowering, evaluate);
    matchPending(scope.dimensions, evaluateDim, (d) => {
      report(lowering, d);
    });
    const value = evaluateBody(declaration.body, scope, lowering, evaluate);
    if (declaration.results === undefined || value === undefined) return value;
    const results = matchResults(declaration, value, scope, evaluateDim, lowering);
    const items = results?.map(staticOf);
    return items?.length === 1 && value.kind !== "tuple" ? items[0] : items && { kind: "tuple", items };
  } finally {
    lowering.calls.pop();
  }
}

const staticOf = ({ value }: ResultValue): Static | undefined => value;

function evaluateDefault(
  param: ParamDecl,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  return param.default === undefined ? undefined : evaluate(param.default, scope, lowering);
}

/** Evaluates lengths in types; reports those that are not lengths. */
export function dimEvaluator(
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): (dim: Expr) => number | undefined {
  return (dim) => {
    const value = evaluate(dim, scope, lowering);
    if (value === undefined) return undefined;
    if (value.kind === "number" && Number.isSafeInteger(value.value) && value.value >= 0) return value.value;
    if (dim.kind === "number") return undefined; // reported by the check
    const message = `${describeValue(value)} is no length of a dimension`;
    report(
      lowering,
      errorAt("invalid-shape", message, { span: dim.span, help: "lengths are whole numbers from 0" }),
    );
    return undefined;
  };
}

/** An argument as the declared type of its parameter wants it. */
function matchParam(
  { name, type }: ParamDecl,
  value: Static,
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  if (type === undefined) return value;
  // A number for a bare dtype stays a number, and may still be an axis or a length.
  if (type.dims === undefined && (value.kind === "number" || value.kind === "boolean")) return value;
  const operand = toOperand(value, lowering.builder, name.span);
  if (operand === undefined) {
    const message = `${name.text} must be a tensor or a number, not ${describeValue(value)}`;
    report(
      lowering,
      errorAt("wrong-argument", message, { span: type.span, help: "leave its type out to pass a list" }),
    );
    return undefined;
  }
  const whole = typeof operand === "object" ? operand : constantOf(operand, lowering, name.span);
  const declared = type.dtype === "f32" && type.dims !== undefined ? lowering.floatType : type.dtype;
  if (declared !== undefined && declared !== whole.type.dtype && !whole.weak) {
    report(
      lowering,
      errorAt("dtype-mismatch", `${name.text} is declared ${declared} but is ${whole.type.dtype}`, {
        span: type.span,
        help: `convert it with ${declared}(...), or leave the dtype out`,
      }),
    );
    return undefined;
  }
  const fits = matchShape(type, whole.type.shape, name.text, scope.dimensions, (d) => {
    report(lowering, d);
  });
  return fits ? tensor(whole) : undefined;
}

function constantOf(value: number | boolean, { builder }: Lowering, span: Span) {
  const dtype = typeof value === "boolean" ? "bool" : Number.isInteger(value) ? "i32" : "f32";
  return { ...builder.constant(value, dtype, [], span), weak: true };
}

// ---- bodies ----------------------------------------------------------------------------------------------------------

/** Runs the lets of a body and evaluates its result. */
export function evaluateBody(
  { lets, result }: Body,
  scope: Scope,
  lowering: Lowering,
  evaluate: Evaluate,
): Static | undefined {
  for (const binding of lets) {
    const derivative = isDerivative(binding.value) ? findDerivative(binding.value, scope) : undefined;
    const value: Static | undefined =
      derivative === undefined ? evaluate(binding.value, scope, lowering) : { kind: "function", derivative };
    bindLet(binding, value, scope, lowering);
  }
  return evaluate(result, scope, lowering);
}

function bindLet(
  { targets, isTuple, value: expr }: Let,
  value: Static | undefined,
  scope: Scope,
  lowering: Lowering,
): void {
  let items: readonly (Static | undefined)[] = [value];
  if (isTuple) {
    items = value?.kind === "tuple" ? value.items : [];
    if (value !== undefined && items.length !== targets.length) {
      const found = value.kind === "tuple" ? `${String(items.length)} values` : "one value";
      const help = value.kind === "tuple" ? "name each of them" : "write let a = ... for a single value";
      const message = `${String(targets.length)} names for ${found}`;
      report(lowering, errorAt("wrong-arity", message, { span: expr.span, help }));
      items = [];
    }
  }
  for (const [k, target] of targets.entries()) {
    if (scope.locals.has(target.text)) continue; // reported by the check
    scope.locals.set(target.text, { value: items[k], span: target.span, isParameter: false });
  }
}

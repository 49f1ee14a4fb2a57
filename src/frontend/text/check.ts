/**
 * Checks of a module that need no shapes: names, arity, duplicates, recursion, what may stand where; unused parameters as
 * warnings. `lower-kernel.ts` runs the same checks on what a kernel reaches and stays silent about these mistakes itself.
 *
 * Ensures: every mistake is reported once, in source order within a declaration; linear in the size of the module.
 */
import { errorAt, warningAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { Declaration, Expr, IndexItem, Module, Name, TypeExpr } from "./ast.ts";
import { bindArguments, signatureOf } from "./bind-arguments.ts";
import { BUILTINS, type Builtins } from "./builtins.ts";
import { findRecursion, type CallSite } from "./check-recursion.ts";
import { checkParams, checkResults, checkSignatureNames } from "./check-signature.ts";
import { baseOf, isDerivative, isTransform, readDerivative } from "./derivatives.ts";
import {
  callableNames,
  environmentOf,
  findCallee,
  type Callee,
  type Derivative,
  type Environment,
  type UserFunction,
} from "./environment.ts";
import { CONSTANTS } from "./values.ts";

export interface CheckOptions {
  /** Functions that may be called beside the built-in ones. */
  readonly builtins?: Builtins | undefined;
}

/** What checking one declaration found out. */
export interface CheckedDeclaration {
  readonly diagnostics: readonly Diagnostic[];
  readonly calls: readonly CallSite[];
}

interface Checking {
  readonly environment: Environment;
  /** Parameters and lets, each with its place. */
  readonly locals: Map<string, Span>;
  readonly dimensions: ReadonlySet<string>;
  readonly used: Set<string>;
  readonly calls: CallSite[];
  /** Lets that stand for functions. */
  readonly functions: Map<string, Derivative>;
  readonly report: (diagnostic: Diagnostic) => void;
}

function checkName(text: string, span: Span, checking: Checking): void {
  const { locals, dimensions, environment, used, functions, report } = checking;
  used.add(text);
  if (functions.has(text)) {
    report(errorAt("unknown-name", `${text} is a function`, { span, help: `call it: ${text}(...)` }));
    return;
  }
  if (locals.has(text) || dimensions.has(text) || CONSTANTS.has(text) || environment.constants.has(text))
    return;
  if (findCallee(text, environment) !== undefined) {
    report(errorAt("unknown-name", `${text} is a function`, { span, help: `call it: ${text}(...)` }));
    return;
  }
  const help =
    didYouMean(text, [...locals.keys(), ...dimensions, ...CONSTANTS.keys()]) ??
    "declare it with let, or as a parameter";
  report(errorAt("unknown-name", `unknown name ${text}`, { span, help }));
}

function checkCallee({ text, span }: Name, { environment, locals, report }: Checking): void {
  if (environment.kernels.has(text)) {
    report(
      errorAt("unknown-name", `${text} is a kernel, and only functions can be called`, {
        span,
        help: `declare ${text} with fn`,
      }),
    );
  } else if (locals.has(text)) {
    report(
      errorAt("unknown-name", `${text} is a value, not a function`, {
        span,
        help: "multiplication is written with *",
      }),
    );
  } else {
    const help = didYouMean(text, callableNames(environment)) ?? `declare it: fn ${text}(x) = ...`;
    report(errorAt("unknown-name", `unknown function ${text}`, { span, help }));
  }
}

/** The function that a name stands for where calls are checked. */
const findFunction = (name: string, { functions, environment }: Checking): Callee | undefined =>
  functions.get(name) ?? findCallee(name, environment);

function checkDerivative(expr: Expr & { readonly kind: "call" }, checking: Checking): Derivative | undefined {
  const { environment, functions, report } = checking;
  const kernelOf = (name: string): Callee | undefined => {
    const declaration = environment.kernels.get(name);
    return declaration && { kind: "user", fn: { declaration, environment } };
  };
  const found = readDerivative(expr, {
    find: (name) => findFunction(name, checking) ?? kernelOf(name),
    names: () => [...functions.keys(), ...callableNames(environment), ...environment.kernels.keys()],
    report,
  });
  const base = found && baseOf(found);
  if (base !== undefined) checking.calls.push({ fn: base, span: expr.span });
  return found;
}

/** `grad(f, wrt=x)(x)`; other calls give no functions. */
function checkApply({ callee, args, span }: Expr & { readonly kind: "apply" }, checking: Checking): void {
  if (!isDerivative(callee)) {
    checkCall(callee, checking);
    const help = "only derivatives, as grad(f, wrt=x), are called again";
    checking.report(
      errorAt("wrong-argument", `${callee.callee.text}(...) is a value, not a function`, { span, help }),
    );
  } else {
    const derivative = checkDerivative(callee, checking);
    if (derivative !== undefined)
      bindArguments(derivative.name, signatureOf(derivative), args, span).diagnostics.forEach(
        checking.report,
      );
  }
  for (const { value } of args) checkExpr(value, checking);
}

function checkCall(expr: Expr & { readonly kind: "call" }, checking: Checking): void {
  if (isDerivative(expr)) {
    const help = `call it: ${expr.callee.text}(f, wrt=x)(x), or name it with let`;
    const message = `${expr.callee.text}(...) is a function`;
    checking.report(errorAt("wrong-argument", message, { span: expr.span, help }));
    return;
  }
  const callee = findFunction(expr.callee.text, checking);
  if (callee === undefined) {
    checkCallee(expr.callee, checking);
  } else {
    const base = baseOf(callee);
    if (base !== undefined) checking.calls.push({ fn: base, span: expr.callee.span });
    bindArguments(expr.callee.text, signatureOf(callee), expr.args, expr.span).diagnostics.forEach(
      checking.report,
    );
  }
  for (const { value } of expr.args) checkExpr(value, checking);
}

function checkIndexItem(item: IndexItem, checking: Checking): void {
  const parts = item.kind === "position" ? [item.value] : [item.start, item.stop, item.step];
  for (const part of parts) {
    if (part !== undefined && part.kind !== "ellipsis") checkExpr(part, checking);
  }
}

function checkItems(items: readonly Expr[], checking: Checking): void {
  for (const item of items) if (item.kind !== "ellipsis") checkExpr(item, checking);
}

function checkExpr(expr: Expr, checking: Checking): void {
  switch (expr.kind) {
    case "number":
    case "boolean":
    case "error":
      return;
    case "name":
      checkName(expr.text, expr.span, checking);
      return;
    case "ellipsis":
      checking.report(
        errorAt("syntax", '"..." stands only in a type, a list or an index', {
          span: expr.span,
          help: "write the value out",
        }),
      );
      return;
    case "list":
      checkItems(expr.items, checking);
      return;
    case "tuple":
      checking.report(
        errorAt("syntax", "a tuple stands only where a body ends or behind let (a, b) =", {
          span: expr.span,
          help: "write a list in square brackets",
        }),
      );
      checkItems(expr.items, checking);
      return;
    case "call":
      checkCall(expr, checking);
      return;
    case "apply":
      checkApply(expr, checking);
      return;
    case "index":
      checkExpr(expr.base, checking);
      for (const item of expr.items) checkIndexItem(item, checking);
      return;
    case "unary":
      checkExpr(expr.operand, checking);
      return;
    case "power":
      checkExpr(expr.base, checking);
      checkExpr(expr.exponent, checking);
      return;
    case "chain":
      checkExpr(expr.first, checking);
      for (const { operand } of expr.rest) checkExpr(operand, checking);
  }
}

/** The value of a let or of a body, where a tuple may stand. */
function checkValue(expr: Expr, checking: Checking): void {
  if (expr.kind === "tuple")
    expr.items.forEach((item) => {
      checkExpr(item, checking);
    });
  else checkExpr(expr, checking);
}

function declareLocal(name: Name, checking: Checking): void {
  const earlier = checking.locals.get(name.text);
  if (earlier !== undefined) {
    checking.report(
      errorAt("duplicate-name", `${name.text} is already declared`, {
        span: name.span,
        notes: [{ message: `${name.text} is declared here`, span: earlier }],
        help: "a name keeps its value: choose another one",
      }),
    );
    return;
  }
  checking.locals.set(name.text, name.span);
}

function warnUnused({ params }: Declaration, { used, report }: Checking): void {
  for (const { name } of params) {
    if (used.has(name.text) || name.text.startsWith("_") || name.text === "") continue;
    report(
      warningAt("unused-parameter", `parameter ${name.text} is never used`, {
        span: name.span,
        help: `remove it, or call it _${name.text}`,
      }),
    );
  }
}

/** Bare names among the lengths of a type: these are bound when shapes are known. */
const boundDims = (type: TypeExpr | undefined): readonly string[] =>
  (type?.dims ?? []).flatMap((dim) => (dim.kind === "name" ? [dim.text] : []));

/** Checks one function or kernel in its environment. */
export function checkDeclaration(declaration: Declaration, environment: Environment): CheckedDeclaration {
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic): void => void diagnostics.push(diagnostic);
  const dimensions = new Set(declaration.params.flatMap(({ type }) => boundDims(type)));
  const checking: Checking = {
    environment,
    locals: new Map(),
    dimensions,
    used: new Set(),
    calls: [],
    functions: new Map(),
    report,
  };
  const checkDim = (dim: Expr): void => {
    checkExpr(dim, { ...checking, used: new Set() });
  };
  checkSignatureNames(declaration, report);
  checkParams(declaration, checkDim, report);
  for (const { default: value } of declaration.params) if (value !== undefined) checkExpr(value, checking);
  for (const { name } of declaration.params) if (name.text !== "") checking.locals.set(name.text, name.span);
  for (const { targets, isTuple, value } of declaration.body.lets) {
    const derivative = !isTuple && isDerivative(value) ? checkDerivative(value, checking) : undefined;
    if (isTuple || !isDerivative(value)) checkValue(value, checking);
    for (const target of targets) declareLocal(target, checking);
    const [name] = targets;
    if (derivative !== undefined && name !== undefined) checking.functions.set(name.text, derivative);
  }
  checkValue(declaration.body.result, checking);
  checkResults(declaration, checkDim, report);
  // What did not parse may have used any parameter.
  if (declaration.body.result.kind !== "error") warnUnused(declaration, checking);
  return { diagnostics, calls: checking.calls };
}

function checkDeclarationNames(module: Module): readonly Diagnostic[] {
  const seen = new Map<string, Span>();
  const diagnostics: Diagnostic[] = [];
  for (const { name } of module.declarations) {
    const earlier = seen.get(name.text);
    if (earlier !== undefined) {
      diagnostics.push(
        errorAt("duplicate-name", `${name.text} is already declared`, {
          span: name.span,
          notes: [{ message: `${name.text} is declared here`, span: earlier }],
          help: "rename one of them",
        }),
      );
    } else if (BUILTINS.has(name.text) || isTransform(name.text)) {
      const help = "choose another name";
      diagnostics.push(
        errorAt("duplicate-name", `${name.text} is a built-in function`, { span: name.span, help }),
      );
    }
    if (earlier === undefined) seen.set(name.text, name.span);
  }
  return diagnostics;
}

/** Checks every declaration of a module. Errors and warnings, in source order. */
export function checkModule(module: Module, options: CheckOptions = {}): readonly Diagnostic[] {
  const environment = environmentOf(module, options.builtins);
  const checked = new Map(module.declarations.map((d) => [d, checkDeclaration(d, environment)]));
  const functions = module.declarations.map((declaration): UserFunction => ({ declaration, environment }));
  const recursion = findRecursion(functions, (fn) => checked.get(fn.declaration)?.calls ?? []);
  return [
    ...checkDeclarationNames(module),
    ...[...checked.values()].flatMap(({ diagnostics }) => diagnostics),
    ...recursion,
  ].sort(
    (a, b) => (a.span?.line ?? 0) - (b.span?.line ?? 0) || (a.span?.column ?? 0) - (b.span?.column ?? 0),
  );
}

/**
 * Instantiates a kernel for concrete shapes: syntax tree to graph.
 *
 * Requires: a module from `parseModule`.
 * Ensures:  all mistakes in what the kernel reaches are reported together, those of `check.ts` included; `graph` is
 *           undefined when there is an error. Parameters of the graph stand in the order of declaration.
 */
import { errorAt, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { DType, TensorType } from "../../ir/dtype.ts";
import { createGraphBuilder, type Operand } from "../../ir/graph-builder.ts";
import type { Graph } from "../../ir/graph.ts";
import { checkDeclaration, type CheckedDeclaration } from "./check.ts";
import { findRecursion } from "./check-recursion.ts";
import type { Declaration, Module } from "./ast.ts";
import type { Builtins } from "./builtins.ts";
import { createDimensions } from "./dimensions.ts";
import { environmentOf, reachableFrom, type Environment, type UserFunction } from "./environment.ts";
import { evaluate } from "./evaluate.ts";
import { dimEvaluator, evaluateBody } from "./evaluate-call.ts";
import { bindParams, type GivenShape } from "./bind-params.ts";
import { createLowering, InstantiationLimit, report, type Lowering, type Scope } from "./lowering.ts";
import { matchResults } from "./match-results.ts";
import { toOperand } from "./values.ts";

export interface LowerOptions {
  /** Functions that may be called beside the built-in ones. */
  readonly builtins?: Builtins | undefined;
  /** Stands for f32 in the declared types of tensors: instantiates an f32 kernel at f16, say. */
  readonly dtype?: DType | undefined;
}

export interface LoweredKernel {
  /** Undefined when there are errors. */
  readonly graph: Graph | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** Errors and warnings of a declaration and of everything that it calls. */
function checkReachable(root: UserFunction): readonly Diagnostic[] {
  const checked = new Map<Declaration, CheckedDeclaration>();
  const check = ({ declaration, environment }: UserFunction): CheckedDeclaration => {
    const earlier = checked.get(declaration);
    if (earlier !== undefined) return earlier;
    const made = checkDeclaration(declaration, environment);
    checked.set(declaration, made);
    return made;
  };
  const functions = reachableFrom(root, (fn) => check(fn).calls.map((call) => call.fn));
  const recursion = findRecursion(functions, (fn) => check(fn).calls);
  return [...functions.flatMap((fn) => check(fn).diagnostics), ...recursion];
}

/** The body of a kernel as results of a graph; undefined when something in it was reported. */
function lowerBody(
  declaration: Declaration,
  scope: Scope,
  lowering: Lowering,
): readonly { readonly name: string; readonly value: Operand }[] | undefined {
  const value = evaluateBody(declaration.body, scope, lowering, evaluate);
  if (value === undefined) return undefined;
  const matched = matchResults(declaration, value, scope, dimEvaluator(scope, lowering, evaluate), lowering);
  const results = (matched ?? []).flatMap(({ name, value: item, span }, k, all) => {
    if (item === undefined) return [];
    const operand = toOperand(item, lowering.builder, span);
    if (operand === undefined) {
      const message = "a kernel gives tensors, not lists";
      report(lowering, errorAt("wrong-argument", message, { span, help: "end the body in a tensor" }));
      return [];
    }
    return [{ name: name ?? (all.length === 1 ? "out" : `out${String(k)}`), value: operand }];
  });
  return results.length === matched?.length ? results : undefined;
}

function lowerDeclaration(
  declaration: Declaration,
  environment: Environment,
  shapes: Readonly<Record<string, GivenShape>>,
  dtype: DType | undefined,
): LoweredKernel {
  const checks = checkReachable({ declaration, environment });
  // Inlining a recursion would only run into the limits.
  if (checks.some(({ code }) => code === "recursion")) return { graph: undefined, diagnostics: checks };
  const lowering = createLowering(createGraphBuilder(declaration.name.text), dtype ?? "f32");
  const scope: Scope = { environment, locals: new Map(), dimensions: createDimensions() };
  let results: ReturnType<typeof lowerBody>;
  try {
    bindParams(declaration, shapes, scope, lowering, evaluate);
    results = lowerBody(declaration, scope, lowering);
  } catch (error) {
    if (!(error instanceof InstantiationLimit)) throw error;
  }
  const diagnostics = [...checks, ...lowering.diagnostics].sort(
    (a, b) => (a.span?.line ?? 0) - (b.span?.line ?? 0) || (a.span?.column ?? 0) - (b.span?.column ?? 0),
  );
  const failed = diagnostics.some(({ severity }) => severity === "error");
  // A kernel that did not parse is poisoned throughout, and its errors are those of the parser.
  if (failed || results === undefined) return { graph: undefined, diagnostics };
  return { graph: lowering.builder.finish(results), diagnostics };
}

/**
 * Instantiates the kernel of that name. `shapes` has an entry for each tensor parameter whose shape does not follow
 * from its declaration or from the other parameters; a dtype there is for parameters declared without one.
 */
export function lowerKernel(
  module: Module,
  kernelName: string,
  shapes: Readonly<Record<string, GivenShape>>,
  options: LowerOptions = {},
): LoweredKernel {
  const environment = environmentOf(module, options.builtins);
  const kernel = environment.kernels.get(kernelName);
  if (kernel !== undefined) return lowerDeclaration(kernel, environment, shapes, options.dtype);
  const names = [...environment.kernels.keys()];
  const isFunction = environment.functions.has(kernelName);
  const listed = names.length === 0 ? `${module.file} has no kernels` : `the kernels are ${names.join(", ")}`;
  const help = isFunction
    ? `${kernelName} is a function: declare it with kernel`
    : (didYouMean(kernelName, names) ?? listed);
  const message = `${module.file} has no kernel ${kernelName}`;
  return { graph: undefined, diagnostics: [errorAt("unknown-kernel", message, { help })] };
}

/** Instantiates one function, a template for instance, at the given types of its parameters. */
export function lowerUserFunction(
  { declaration, environment }: UserFunction,
  types: Readonly<Record<string, TensorType>>,
  options: Pick<LowerOptions, "dtype"> = {},
): LoweredKernel {
  return lowerDeclaration(declaration, environment, types, options.dtype);
}

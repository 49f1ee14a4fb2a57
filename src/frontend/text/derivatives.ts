/**
 * `grad(f, wrt=[v, g])`, `valueAndGrad(...)` and `vjp(...)`: expressions that stand for functions. They are called at once,
 * named with let, or differentiated again.
 *
 *     grad(f, wrt=x)           a function of the arguments of f that gives the gradient of its scalar result by x
 *     grad(f, wrt=[x, w])      the same, a tuple of gradients
 *     valueAndGrad(f, wrt=x)   the result of f, then its gradients, as a tuple
 *     vjp(f, wrt=x)            a function of the arguments of f and of `ct`, the cotangent of its result: a tensor of its
 *                              shape or a number, for several results a list. For results that are no scalars
 *
 * Without `wrt`, the first parameter is meant, as in JAX.
 */
import { errorAt, type Diagnostic, type Note } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { Expr, Name } from "./ast.ts";
import { COTANGENT, signatureOf, type Signature } from "./bind-arguments.ts";
import type { Callee, Derivative, Transform, UserFunction } from "./environment.ts";

type Call = Expr & { readonly kind: "call" };
type DerivativeCall = Call & { readonly callee: { readonly text: Transform } };

const TRANSFORMS: ReadonlySet<string> = new Set<Transform>(["grad", "valueAndGrad", "vjp"]);
export const isTransform = (text: string): text is Transform => TRANSFORMS.has(text);

/** Whether an expression stands for a function. */
export const isDerivative = (expr: Expr): expr is DerivativeCall =>
  expr.kind === "call" && isTransform(expr.callee.text);

/** What names of functions mean where the derivative stands. */
export interface FunctionNames {
  readonly find: (name: string) => Callee | undefined;
  /** All that `find` knows. */
  readonly names: () => readonly string[];
  readonly report: (diagnostic: Diagnostic) => void;
}

/** The function that `grad(...)` stands for; undefined after a report. */
export function readDerivative(expr: Call, context: FunctionNames): Derivative | undefined {
  const { callee, args, span } = expr;
  const { report } = context;
  if (!isTransform(callee.text)) return undefined;
  const usage = `${callee.text}(f, wrt=x)`;
  const [first, ...others] = args.filter((arg) => arg.name === undefined);
  const extra =
    others[0]?.value.span ?? args.find(({ name }) => name !== undefined && name.text !== "wrt")?.name?.span;
  if (first === undefined || extra !== undefined || args.length > 2) {
    const message = `${callee.text} takes a function and wrt`;
    const help = `write ${usage}, and the arguments of f behind it: ${usage}(x)`;
    report(errorAt("wrong-arity", message, { span: extra ?? span, help }));
    return undefined;
  }
  const of = readFunction(first.value, callee.text, context);
  if (of === undefined) return undefined;
  const name = nameOf(first.value);
  const signature = signatureOf(of);
  const wrt = args.find((arg) => arg.name?.text === "wrt")?.value;
  const names = wrt === undefined ? defaultWrt(signature) : readWrt(wrt, report);
  if (names === undefined || !checkWrt(names, name, signature, expr, report)) return undefined;
  if (callee.text === "vjp" && signature.params.some((param) => param.name === COTANGENT)) {
    const message = `${name} has a parameter named ${COTANGENT}, as the cotangent in vjp is`;
    report(
      errorAt("duplicate-name", message, {
        span,
        notes: declaredAt(name, signature),
        help: "rename the parameter",
      }),
    );
    return undefined;
  }
  return {
    kind: "derivative",
    transform: callee.text,
    of,
    inner: name,
    name: `${callee.text}(${name})`,
    wrt: names.map(({ text }) => text),
    isList: wrt?.kind === "list",
  };
}

const nameOf = (expr: Expr): string =>
  expr.kind === "name" ? expr.text : expr.kind === "call" ? `${expr.callee.text}(...)` : "the function";

/** The function of the program at the bottom of derivatives of derivatives; undefined for a built-in one. */
export function baseOf(callee: Callee): UserFunction | undefined {
  let base = callee;
  while (base.kind === "derivative") base = base.of;
  return base.kind === "user" ? base.fn : undefined;
}

function readFunction(expr: Expr, transform: Transform, context: FunctionNames): Callee | undefined {
  if (isDerivative(expr)) return readDerivative(expr, context);
  if (expr.kind === "error") return undefined;
  if (expr.kind !== "name") {
    const help = `name a function: ${transform}(f, wrt=x)`;
    context.report(errorAt("wrong-argument", `${transform} takes a function`, { span: expr.span, help }));
    return undefined;
  }
  const found = context.find(expr.text);
  if (found === undefined) {
    const help = didYouMean(expr.text, context.names()) ?? `declare it: fn ${expr.text}(x) = ...`;
    context.report(errorAt("unknown-name", `unknown function ${expr.text}`, { span: expr.span, help }));
  }
  return found;
}

const defaultWrt = ({ params }: Signature): readonly Pick<Name, "text">[] =>
  params.slice(0, 1).map(({ name }) => ({ text: name }));

/** The names in `wrt=x` or `wrt=[x, w]`. */
function readWrt(expr: Expr, report: (diagnostic: Diagnostic) => void): readonly Name[] | undefined {
  const items = expr.kind === "list" ? expr.items : [expr];
  const names = items.flatMap((item) => (item.kind === "name" ? [{ text: item.text, span: item.span }] : []));
  if (names.length === items.length && names.length > 0) return names;
  const bad = items.find((item) => item.kind !== "name");
  if (bad?.kind === "error") return undefined;
  const help = "write wrt=x, or wrt=[x, w] for several";
  report(
    errorAt("wrong-argument", "wrt names parameters of the function", { span: bad?.span ?? expr.span, help }),
  );
  return undefined;
}

const declaredAt = (name: string, { span }: Signature): readonly Note[] =>
  span === undefined ? [] : [{ message: `${name} is declared here`, span }];

function checkWrt(
  names: readonly (Pick<Name, "text"> & Partial<Name>)[],
  name: string,
  signature: Signature,
  { span }: Call,
  report: (diagnostic: Diagnostic) => void,
): boolean {
  const params = signature.params.map((param) => param.name);
  const notes = declaredAt(name, signature);
  if (names.length === 0) {
    report(
      errorAt("wrong-argument", `${name} has no parameters to differentiate by`, {
        span,
        notes,
        help: "give it one",
      }),
    );
    return false;
  }
  for (const [k, { text, span: at = span }] of names.entries()) {
    if (!params.includes(text)) {
      const help = didYouMean(text, params) ?? `its parameters are ${params.join(", ")}`;
      report(
        errorAt("unknown-argument", `${name} has no parameter named ${text}`, { span: at, notes, help }),
      );
      return false;
    }
    if (names.findIndex((other) => other.text === text) < k) {
      report(
        errorAt("wrong-argument", `${text} is named twice in wrt`, {
          span: at,
          help: "name each parameter once",
        }),
      );
      return false;
    }
  }
  return true;
}

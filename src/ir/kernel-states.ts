/** States of monoids in kernels: their formulas as kernel expressions, in whatever width the components have. */
import { type Expr, type ScalarType, typeOf, type ValueType } from "./kernel.ts";
import { monoidOf, takesStates, type MonoidName } from "./monoids.ts";
import { SCALAR_OPS, type ScalarOp } from "./scalar-ops.ts";
import { instantiate, type StateAlgebra, type StateExpr, type StateScope } from "./state-expr.ts";

/** Gives an intermediate value a name where it is written. */
export type Share = (hint: string, value: Expr) => Expr;

/** The formulas over states of kernel expressions. Components that are named more than once should be names. */
export function stateExprs(
  exprs: readonly StateExpr[],
  scope: StateScope<Expr>,
  share: Share,
): readonly Expr[] {
  const first = scope.a?.[0] ?? scope.b?.[0] ?? scope.x?.[0];
  return instantiate(exprs, scope, kernelAlgebra(first === undefined ? 1 : typeOf(first).width, share));
}

/** The state of the elements of two states. */
export const combineExprs = (
  name: MonoidName,
  left: readonly Expr[],
  right: readonly Expr[],
  share: Share,
): readonly Expr[] => stateExprs(monoidOf(name).combine, { a: left, b: right }, share);

/** The state with one element more; of several operands, or a state itself where partial results are reduced. */
export function addExprs(
  name: MonoidName,
  state: readonly Expr[],
  element: readonly Expr[],
  share: Share,
): readonly Expr[] {
  const { lift, add } = monoidOf(name);
  if (takesStates(name, element.length)) return combineExprs(name, state, element, share);
  if (add !== undefined) return stateExprs(add, { a: state, x: element }, share);
  return combineExprs(name, state, stateExprs(lift, { x: element }, share), share);
}

/** The state at the end of a walk that has added elements one by one. */
export function settleExprs(
  name: MonoidName,
  state: readonly Expr[],
  operands: number,
  share: Share,
): readonly Expr[] {
  const { settle } = monoidOf(name);
  return settle === undefined || takesStates(name, operands)
    ? state
    : stateExprs(settle, { a: state }, share);
}

const isConst = (e: Expr | undefined, value: number): boolean => e?.kind === "const" && e.value === value;

function kernelAlgebra(width: ValueType["width"], share: Share): StateAlgebra<Expr> {
  const constant = (scalar: ScalarType, value: number): Expr => ({
    kind: "const",
    type: { scalar, width },
    value,
  });
  return {
    constant: (value) => constant("f32", value),
    apply: (fn, args, name) => {
      const value = simplify(fn, args, (bit) => constant("bool", bit)) ?? opOf(fn, args);
      return name === undefined ? value : share(name, value);
    },
  };
}

function opOf(fn: ScalarOp, args: readonly Expr[]): Expr {
  const last = args[args.length - 1];
  const operand: ValueType = last === undefined ? { scalar: "f32", width: 1 } : typeOf(last);
  const type: ValueType =
    SCALAR_OPS[fn].result === "bool" ? { scalar: "bool", width: operand.width } : operand;
  return { kind: "op", fn, type, args };
}

/** Integers and bools have no nan: what asks for it goes away; and elements are often lifted to 1 and 0. */
function simplify(fn: ScalarOp, args: readonly Expr[], bool: (bit: number) => Expr): Expr | undefined {
  const [p, q, r] = args;
  if (fn === "isnan" && p !== undefined && typeOf(p).scalar !== "f32") return bool(0);
  if (fn === "and" && (isConst(p, 0) || isConst(q, 0))) return bool(0);
  if (fn === "or" && isConst(p, 0)) return q;
  if (fn === "where" && isConst(p, 0)) return r;
  if ((fn === "mul" && isConst(p, 1)) || (fn === "add" && isConst(p, 0))) return q;
  if ((fn === "mul" && isConst(q, 1)) || (fn === "add" && isConst(q, 0))) return p;
  return undefined;
}

/**
 * Elementwise ops of the builder: promotion, broadcasting, and the ops that vanish on integers.
 *
 * Ensures: all operands of a map node have its shape and one dtype that the op takes (`where`: bool first).
 */
import { fail } from "../diagnostics/diagnostic.ts";
import type { Span } from "../diagnostics/diagnostic.ts";
import { isDType, isFloat, DTYPES } from "./dtype.ts";
import type { DType, TensorType } from "./dtype.ts";
import type { Operand, Value } from "./builder-values.ts";
import {
  addConstant,
  addNode,
  checkOperand,
  constantOf,
  expandTo,
  isWeak,
  takeValue,
  toPromotable,
  typeOf,
} from "./graph-draft.ts";
import type { GraphDraft } from "./graph-draft.ts";
import { representValue } from "./number-text.ts";
import { answerOnIntegers, convertFor, isIdentityOnIntegers, promoteDTypes } from "./promotion.ts";
import { isScalarOp, SCALAR_OPS } from "./scalar-ops.ts";
import type { ScalarOp } from "./scalar-ops.ts";
import { broadcastShapes } from "./shape-rules.ts";

export function buildMap(
  draft: GraphDraft,
  fn: ScalarOp,
  args: readonly Operand[],
  span: Span | undefined,
): Value {
  if (!isScalarOp(fn))
    fail("unknown-name", `unknown elementwise op ${fn as string}`, {
      span,
      help: "docs/ir.md lists the ops",
    });
  const { arity, operands, result } = SCALAR_OPS[fn];
  if (args.length !== arity)
    fail("wrong-arity", `${fn} takes ${operandCount(arity)}, got ${String(args.length)}`, {
      span,
      help: "pass one value for each operand",
    });
  for (const arg of args) checkOperand(draft, arg, span);

  const promoted = fn === "where" ? args.slice(1) : args;
  const weak = promoted.every(isWeak);
  const met = promoteDTypes(promoted.map(toPromotable));
  const shape = broadcastShapes(args.map(typeOf), span);
  if (!isFloat(met)) {
    const value = buildOnIntegers(draft, fn, args, { dtype: convertFor("numeric", met), shape }, span);
    if (value !== undefined) return value;
  }
  // Integers reach pow only with an exponent that is not a non-negative constant.
  const dtype = convertFor(fn === "pow" ? "float" : operands, met);
  const ids = args.map((arg, position) => {
    const own: DType = fn === "where" && position === 0 ? "bool" : dtype;
    return expandTo(draft, arg, { dtype: own, shape }, span).id;
  });
  const type: TensorType = { dtype: result === "bool" ? "bool" : dtype, shape };
  return addNode(draft, { op: "map", type, fn, args: ids }, span, weak);
}

const operandCount = (arity: number): string => (arity === 1 ? "1 operand" : `${String(arity)} operands`);

/** What an op is on integers where that is simpler than the op; undefined where it is not. */
function buildOnIntegers(
  draft: GraphDraft,
  fn: ScalarOp,
  args: readonly Operand[],
  type: TensorType,
  span: Span | undefined,
): Value | undefined {
  const [x, exponent] = args;
  if (x === undefined) return undefined;
  if (isIdentityOnIntegers(fn)) return expandTo(draft, x, type, span);
  const answer = answerOnIntegers(fn);
  if (answer !== undefined) return addConstant(draft, answer, { dtype: "bool", shape: type.shape }, span);
  if (fn !== "pow" || exponent === undefined) return undefined;
  const power = constantOf(draft, exponent);
  if (power === undefined || power < 0) return undefined;
  return buildIntegerPower(draft, expandTo(draft, x, type, span), power, span);
}

/** `base ** power` by repeated squaring: exact, wraps as products do, and no target has an integer pow. */
function buildIntegerPower(draft: GraphDraft, base: Value, power: number, span: Span | undefined): Value {
  const multiply = (a: Value, b: Value): Value =>
    addNode(draft, { op: "map", type: base.type, fn: "mul", args: [a.id, b.id] }, span, base.weak);
  let square = base;
  let product: Value | undefined;
  for (let rest = power; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) product = product === undefined ? square : multiply(product, square);
    if (rest > 1) square = multiply(square, square);
  }
  return product ?? addConstant(draft, 1, base.type, span, base.weak);
}

/** The result is strong: who asks for a dtype gets it. A cast to the dtype that a value has is no node. */
export function buildCast(draft: GraphDraft, x: Operand, dtype: DType, span: Span | undefined): Value {
  checkDType(dtype, span);
  checkOperand(draft, x, span);
  // A literal is made in the dtype if it has the value; otherwise, and in 16 bits, the cast has to round.
  const exact = dtype !== "f16" && dtype !== "bf16" && representValue(Number(x), dtype) !== undefined;
  if (typeof x !== "object" && exact) return addConstant(draft, x, { dtype, shape: [] }, span);
  const value = takeValue(draft, x, span);
  if (value.type.dtype === dtype) return { ...value, weak: false };
  return addNode(draft, { op: "cast", type: { dtype, shape: value.type.shape }, arg: value.id }, span);
}

export function checkDType(dtype: DType, span: Span | undefined): void {
  if (!isDType(dtype))
    fail("unsupported-dtype", `unknown dtype ${String(dtype)}`, {
      span,
      help: `dtypes are ${DTYPES.join(", ")}`,
    });
}

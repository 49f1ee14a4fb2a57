/** Compares the results of a body with what its declaration says of them. */
import { errorAt, type Span } from "../../diagnostics/diagnostic.ts";
import { printType, type DType } from "../../ir/dtype.ts";
import type { Declaration, Expr, ResultDecl } from "./ast.ts";
import { matchPending, matchShape } from "./dimensions.ts";
import { attempt, report, type Lowering, type Scope } from "./lowering.ts";
import { describeValue, tensor, toOperand, type Static } from "./values.ts";

export interface ResultValue {
  /** The declared label, if any. */
  readonly name: string | undefined;
  readonly value: Static | undefined;
  readonly span: Span;
}

const itemsOf = (expr: Expr): readonly Expr[] => (expr.kind === "tuple" ? expr.items : [expr]);

/** The results one by one, each as declared; undefined, after a report, when their number is wrong. */
export function matchResults(
  declaration: Declaration,
  value: Static,
  scope: Scope,
  evaluateDim: (dim: Expr) => number | undefined,
  lowering: Lowering,
): readonly ResultValue[] | undefined {
  const values = value.kind === "tuple" ? value.items : [value];
  const { results, body } = declaration;
  const exprs = itemsOf(body.result);
  const spanOf = (k: number): Span => (exprs[k] ?? body.result).span;
  if (results === undefined)
    return values.map((item, k) => ({ name: undefined, value: item, span: spanOf(k) }));
  if (results.length !== values.length) {
    const computed = values.length === 1 ? "1 is computed" : `${String(values.length)} are computed`;
    const declared = `${String(results.length)} result${results.length === 1 ? " is" : "s are"} declared`;
    report(
      lowering,
      errorAt("wrong-arity", `${declared} but ${computed}`, {
        span: body.result.span,
        notes:
          results[0] === undefined
            ? []
            : [{ message: "the results are declared here", span: results[0].span }],
        help: "end the body in a tuple with one value for each result",
      }),
    );
    return undefined;
  }
  const matched = results.map((result, k): ResultValue => {
    const item = values[k];
    const fitting = item === undefined ? undefined : matchResult(result, item, spanOf(k), scope, lowering);
    return { name: result.name?.text, value: fitting, span: spanOf(k) };
  });
  matchPending(scope.dimensions, evaluateDim, (d) => {
    report(lowering, d);
  });
  return matched;
}

function matchResult(
  { name, type }: ResultDecl,
  value: Static,
  span: Span,
  scope: Scope,
  lowering: Lowering,
): Static | undefined {
  if (type === undefined) return value;
  const subject = name?.text ?? "the result";
  const operand = toOperand(value, lowering.builder, span);
  if (operand === undefined) {
    const message = `${subject} must be a tensor, not ${describeValue(value)}`;
    report(lowering, errorAt("wrong-argument", message, { span, help: "a kernel gives tensors" }));
    return undefined;
  }
  const declared: DType | undefined = type.dtype === "f32" ? lowering.floatType : type.dtype;
  const about = { scope, operands: [], blame: span };
  // A literal takes the dtype that is declared; a tensor has to have it.
  const cast = (dtype: DType): Static | undefined => {
    const made = attempt(lowering, about, () => lowering.builder.cast(operand, dtype, span));
    return made === undefined ? undefined : tensor(made);
  };
  const isWeak = typeof operand !== "object" || operand.weak;
  const result = isWeak && declared !== undefined ? cast(declared) : value;
  if (result?.kind !== "tensor") return result;
  const actual = result.value.type;
  if (declared !== undefined && declared !== actual.dtype) {
    report(
      lowering,
      errorAt("dtype-mismatch", `${subject} is declared ${declared} but is ${printType(actual)}`, {
        span,
        notes: [{ message: `${subject} is declared here`, span: type.span }],
        help: `convert it with ${declared}(...), or declare ${actual.dtype}`,
      }),
    );
    return undefined;
  }
  const fits = matchShape(type, actual.shape, subject, scope.dimensions, (d) => {
    report(lowering, { ...d, notes: [...d.notes, { message: `${subject} is computed here`, span }] });
  });
  return fits ? result : undefined;
}

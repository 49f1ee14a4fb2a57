/**
 * Says of values that they are f32 where the graph says f16 or bf16: these types are how tensors are stored, and what is computed
 * from them is f32 all the way to the next store or rounding cast. Later passes have one floating type to know.
 *
 * Ensures:  same values. f16 and bf16 are left where elements are read, where a cast rounds to them, and in tensors.
 *
 *     t[i]: f16 = sum(j) x[8*i + j] * f16:2      =>      t[i]: f32 = sum(j) x[8*i + j] * f32:2
 */
import type { DType } from "../../ir/dtype.ts";
import { isFloat } from "../../ir/dtype.ts";
import { mapScalar, type IndexProgram, type ScalarExpr, type Statement } from "../../ir/index-notation.ts";

export function widenValues(program: IndexProgram): IndexProgram {
  const statements = program.statements.map((statement): Statement => {
    const [dtype, value] = [widen(statement.dtype), mapScalar(statement.value, widenExpr)];
    return dtype === statement.dtype && value === statement.value
      ? statement
      : { ...statement, dtype, value };
  });
  return statements.every((s, i) => s === program.statements[i]) ? program : { ...program, statements };
}

const widen = (dtype: DType): DType => (isFloat(dtype) ? "f32" : dtype);

function widenExpr(e: ScalarExpr): ScalarExpr {
  if (e.kind === "tensor") return e;
  // A cast to 16 bits rounds; one from them to f32 changes nothing.
  if (e.kind === "cast") return e.dtype === "f32" && isFloat(e.arg.dtype) ? e.arg : e;
  const dtype = widen(e.dtype);
  return dtype === e.dtype ? e : { ...e, dtype };
}

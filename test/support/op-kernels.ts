/** Kernels that compute one scalar op, for tests: operands from bindings x, y, z, result in `out`. */
import type { Expr, Kernel, ScalarType, Stmt, Width } from "../../src/ir/kernel.ts";
import { SCALAR_OPS } from "../../src/ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../src/ir/scalar-ops.ts";
import { LANE, WORKGROUP, makeIndex, u32 } from "../../src/ir/walk-kernel.ts";

export const LANES = 64;

/** Operand types that the table accepts. */
export function operandTypes(fn: ScalarOp): readonly ScalarType[] {
  const { operands }: ScalarOpInfo = SCALAR_OPS[fn];
  if (operands === "float") return ["f32"];
  if (operands === "bool") return ["bool"];
  return operands === "numeric" ? ["f32", "i32", "u32"] : ["f32", "i32", "u32", "bool"];
}

const OPERANDS = ["x", "y", "z"] as const;

/** `values` a multiple of 64 * width. */
export function opKernel(fn: ScalarOp, scalar: ScalarType, width: Width, values: number): Kernel {
  const info: ScalarOpInfo = SCALAR_OPS[fn];
  const names = OPERANDS.slice(0, info.arity);
  const typeOfOperand = (i: number): ScalarType => (fn === "where" && i === 0 ? "bool" : scalar);
  const result: ScalarType = info.result === "bool" ? "bool" : scalar;
  const index = makeIndex("mul", makeIndex("add", makeIndex("mul", WORKGROUP, u32(LANES)), LANE), u32(width));
  const loads = names.map((name, i): Stmt => ({
    kind: "load",
    name: `${name}_value`,
    type: { scalar: typeOfOperand(i), width },
    buffer: name,
    index,
  }));
  const args = names.map((name, i): Expr => ({
    kind: "name",
    type: { scalar: typeOfOperand(i), width },
    name: `${name}_value`,
  }));
  const value: Expr = { kind: "op", fn, type: { scalar: result, width }, args };
  return {
    name: fn,
    workgroupSize: LANES,
    workgroupCount: values / LANES / width,
    workgroups: [values / LANES / width, 1, 1],
    bindings: [
      ...names.map(
        (name, i) => ({ name, access: "read", dtype: typeOfOperand(i), elements: values, width }) as const,
      ),
      { name: "out", access: "read_write", dtype: result, elements: values, width },
    ],
    scalars: [],
    shared: [],
    body: [...loads, { kind: "store", buffer: "out", index, value }],
  };
}

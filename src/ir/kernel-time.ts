/**
 * How long a kernel runs, roughly: what its invocations do, counted statement by statement and priced in bytes that the
 * device copies in the same time. Good to a factor of about two on devices that run on the CPU, where instructions are
 * what kernels pay for; says nothing of hardware, where they hide behind memory.
 */
import { storageBytes } from "./dtype.ts";
import { typeOf, type Expr, type Kernel, type Stmt } from "./kernel.ts";
import { opCost, SIMPLE_OP } from "./op-cost.ts";
import type { DeviceProfile } from "./profile.ts";
import { bodyOf, exprsOf, operandsOf } from "./walk-kernel.ts";

/** Longest dispatch on devices that run on the CPU, in modelled microseconds: longer ones are run in parts. */
export const LONGEST_DISPATCH_US = 200_000;

/** Exchanges among the lanes of a subgroup, per step of the reduction. */
const EXCHANGE_OPS = 4;
/** Lanes that `DeviceProfile.barrierUs` is for. */
const BARRIER_LANES = 256;

interface Work {
  /** Of one invocation. */
  readonly bytes: number;
  /** That a workgroup waits at. */
  readonly barriers: number;
}

/** Microseconds that one dispatch of the kernel is modelled to take. */
export function modelKernelTime(kernel: Kernel, profile: DeviceProfile): number {
  const { workgroupSize, workgroupCount } = kernel;
  const { bytes, barriers } = countWork(kernel, kernel.body);
  const share = Math.min(1, workgroupCount / profile.usefulWorkgroups);
  const copied = (bytes * workgroupSize * workgroupCount) / (profile.copyGBps * 1e3 * share);
  return (
    profile.launchUs +
    copied +
    (barriers * workgroupCount * profile.barrierUs * workgroupSize) / BARRIER_LANES
  );
}

function countWork(kernel: Kernel, body: readonly Stmt[]): Work {
  let [bytes, barriers] = [0, 0];
  for (const stmt of body) {
    const inner = countWork(kernel, bodyOf(stmt));
    const times = stmt.kind === "for" ? stmt.trips : 1;
    const own = countOwn(kernel, stmt);
    bytes += own.bytes + times * (inner.bytes + (stmt.kind === "for" && !stmt.unroll ? SIMPLE_OP : 0));
    barriers += own.barriers + times * inner.barriers;
  }
  return { bytes, barriers };
}

function countOwn(kernel: Kernel, stmt: Stmt): Work {
  const bytes = exprsOf(stmt).reduce((sum, expr) => sum + costOf(expr), 0);
  if (stmt.kind === "barrier") return { bytes, barriers: 1 };
  if (stmt.kind === "groupReduce") {
    const steps = Math.log2(Math.max(2, stmt.lanes)) * stmt.items.length;
    return { bytes: bytes + steps * EXCHANGE_OPS * SIMPLE_OP, barriers: stmt.method === "tree" ? 2 : 0 };
  }
  if (stmt.kind !== "load" && stmt.kind !== "store") return { bytes, barriers: 0 };
  const binding = kernel.bindings.find(({ name }) => name === stmt.buffer);
  const moved = binding === undefined ? 0 : binding.width * storageBytes(binding.dtype);
  return { bytes: bytes + moved, barriers: 0 };
}

function costOf(expr: Expr): number {
  const operands = operandsOf(expr).reduce((sum, operand) => sum + costOf(operand), 0);
  if (expr.kind !== "op" && expr.kind !== "cast") return operands;
  const each = expr.kind === "op" ? opCost(expr.fn) : SIMPLE_OP;
  return operands + each * typeOf(expr).width;
}

/**
 * Marks innermost loops that only read and add up for unrolling, short ones whole and others four by four, on devices that run
 * on the CPU: a turn of a loop costs them several instructions for counter, test and masks, as much as a short body (measured
 * on SwiftShader, in processor time: sums of squares 0.7 to 0.8 of the plain loop; loops that store gain nothing, those with
 * exponentials lose up to a third; two turns of the loop around an unrolled block take up to twice as long as one at a time).
 * Loops that the schedule unrolls (`KernelSchedule.unroll`) stay as they are. Hardware is left alone: its drivers unroll
 * by themselves. So are kernels that run so shortly that it would take hundreds of calls to win back what the driver compiles
 * longer, which the first call waits for.
 *
 * Requires: a verified kernel; `unroll-loops` runs after it.
 * Ensures:  the same statements run in the same order: results keep every bit.
 *
 *     for k in 128 {                  for k in 32 {
 *       load v = x[k]                   for k_in in 4 unroll {
 *       acc = acc + v           =>        load v = x[k * 4 + k_in]
 *     }                                   acc = acc + v
 *                                       }
 *                                     }
 */
import type { Expr, Kernel, Stmt } from "../../ir/kernel.ts";
import { U32 } from "../../ir/kernel.ts";
import { modelKernelTime } from "../../ir/kernel-time.ts";
import type { DeviceProfile } from "../../ir/profile.ts";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import {
  collectNames,
  exprsOf,
  forEachStmt,
  makeIndex,
  operandsOf,
  rewriteExpr,
  rewriteExprsOf,
  rewriteStmts,
  takeName,
  u32,
} from "../../ir/walk-kernel.ts";

const TIMES = 4;
/** Trips of a block of a sum (walk-shape.ts) with no rest. */
const MOST_WHOLE = 16;
/** Longer bodies hide the cost of the loop, and their text should not grow. */
const MOST_STATEMENTS = 16;
/**
 * Statements that a loop on its own may become: longer texts run no faster than four turns at a time and take the driver
 * longer to compile (SwiftShader, moments in 16 turns of 12 statements: 400 against 250 ms of processor time, all of which a
 * first call waits for). Inside another loop the rest of a block would be a loop of its own in each turn.
 */
const MOST_TEXT = 64;

/**
 * Modelled time of a kernel from which on unrolling is worth its text. Compiling on SwiftShader, in processor time, with and without:
 * layer norm of rows of 256 34 and 22 ms, gradient of a weight norm in blocks of 9 turns 77 and 20 ms.
 */
const LEAST_US = 1000;

type Loop = Stmt & { kind: "for" };

export function unrollPartly(kernel: Kernel, profile: DeviceProfile): Kernel {
  if (!profile.software || modelKernelTime(kernel, profile) < LEAST_US) return kernel;
  let taken: Set<string> | undefined;
  const nested = new Set<Stmt>();
  forEachStmt(kernel.body, (stmt) => {
    if (stmt.kind === "for") for (const inner of stmt.body) nested.add(inner);
  });
  const body = rewriteStmts(kernel.body, (stmt) => {
    if (stmt.kind !== "for" || !isShort(stmt)) return [stmt];
    const isWhole =
      nested.has(stmt) || stmt.trips % TIMES !== 0 || stmt.trips * stmt.body.length <= MOST_TEXT;
    if (stmt.trips <= MOST_WHOLE && isWhole) return [{ ...stmt, unroll: true }];
    taken ??= collectNames(kernel);
    return [splitLoop(stmt, takeName(taken, `${stmt.counter}_in`))];
  });
  return body === kernel.body ? kernel : { ...kernel, body };
}

/** Ops of few instructions: those of sums, products and moments. */
const CHEAP: ReadonlySet<ScalarOp> = new Set(["add", "sub", "mul", "neg", "abs", "div", "where", "eq"]);

const isCheap = (expr: Expr): boolean =>
  (expr.kind !== "op" || CHEAP.has(expr.fn)) && operandsOf(expr).every(isCheap);

const isShort = (loop: Loop): boolean =>
  !loop.unroll &&
  (loop.trips <= MOST_WHOLE || loop.trips % TIMES === 0) &&
  loop.body.length <= MOST_STATEMENTS &&
  loop.body.every(
    (stmt) => ["let", "var", "assign", "load"].includes(stmt.kind) && exprsOf(stmt).every(isCheap),
  );

/** A loop of which `TIMES` turns are written out at a time. */
function splitLoop(loop: Loop, inner: string): Loop {
  const counter: Expr = { kind: "name", type: U32, name: loop.counter };
  const step: Expr = { kind: "name", type: U32, name: inner };
  const whole = makeIndex("add", makeIndex("mul", counter, u32(TIMES)), step);
  const replace = (expr: Expr): Expr => (expr.kind === "name" && expr.name === loop.counter ? whole : expr);
  const body = loop.body.map((stmt) => rewriteExprsOf(stmt, (expr) => rewriteExpr(expr, replace)));
  return {
    ...loop,
    trips: loop.trips / TIMES,
    body: [{ kind: "for", counter: inner, trips: TIMES, unroll: true, body }],
  };
}

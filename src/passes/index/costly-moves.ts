/**
 * Values that are cheaper to store than to clone into the reads that move them, on devices that run on the CPU: a read at
 * other positions ends its kernel anyway where it also moves what a reduction has left, and then a clone computes all over
 * again what lies between that and the value.
 *
 *     e[i,j] = exp(x[8*i + j] - m[i])             y is made once and stored: another exponential and quotient for each
 *     y[i,j] = e[i,j] / s[i]                      element would take longer than to write it
 *     z[i,j] = y[i,j] + y[j,i]
 */
import { storageBytes } from "../../ir/dtype.ts";
import { plainAxis, printIndex } from "../../ir/index-expr.ts";
import {
  axisSizes,
  valuesRead,
  visitScalar,
  type IndexProgram,
  type ScalarExpr,
  type Statement,
} from "../../ir/index-notation.ts";
import { isIdentityRead } from "../../ir/expand-row.ts";
import { scalarCost } from "../../ir/op-cost.ts";
import { product } from "./fusion-context.ts";

/** Whether a read should stay one, of a value that is stored. Hardware computes while it waits for memory: none should there. */
export function findCostlyMoves(program: IndexProgram, software: boolean): (read: ValueRead) => boolean {
  if (!software) return () => false;
  const found = new Set<string>();
  const sizes = axisSizes(program);
  const values = traceValues(program);
  const sites = findSites(program, values);
  for (const [name, { statement, work }] of values) {
    const reads = sites.get(name) ?? [];
    if (statement.reduce !== undefined || !reads.some((site) => site.moves)) continue;
    const points = product(statement.axes, sizes);
    // Clones at one position in several statements are one: their kernels are fused or share what they read.
    const cloned = new Map(reads.map((site) => [site.at, site.points]));
    const again = [...cloned.values()].reduce((sum, n) => sum + n, 0) - points;
    if (work * again > storageBytes(statement.dtype) * points) found.add(name);
  }
  return (read) => found.has(read.statement) && movesReduced(read, values.get(read.statement));
}

type ValueRead = ScalarExpr & { readonly kind: "value" };

interface Value {
  readonly statement: Statement;
  /** Of one point, from reductions and tensors on, in bytes of copying. */
  readonly work: number;
  /** Axes of the reductions that it is made of. */
  readonly reduced: ReadonlySet<string>;
}

function traceValues(program: IndexProgram): ReadonlyMap<string, Value> {
  const values = new Map<string, Value>();
  for (const statement of program.statements) {
    const made = [...new Set(valuesRead(statement))].flatMap((name) => values.get(name) ?? []);
    const own = scalarCost(statement.value);
    values.set(
      statement.name,
      statement.reduce === undefined
        ? {
            statement,
            work: made.reduce((sum, v) => sum + v.work, own),
            reduced: new Set(made.flatMap((v) => [...v.reduced])),
          }
        : { statement, work: 0, reduced: new Set(statement.axes) },
    );
  }
  return values;
}

/** Where a value is computed if it is cloned into the reads that move it. */
interface Site {
  readonly at: string;
  readonly points: number;
  readonly moves: boolean;
}

function findSites(
  program: IndexProgram,
  values: ReadonlyMap<string, Value>,
): ReadonlyMap<string, readonly Site[]> {
  const sizes = axisSizes(program);
  const sites = new Map<string, Site[]>();
  const add = (name: string, site: Site): void => {
    const known = sites.get(name);
    if (known === undefined) sites.set(name, [site]);
    else known.push(site);
  };
  for (const { statement: name } of program.stores) {
    const axes = values.get(name)?.statement.axes ?? [];
    add(name, { at: axes.join(), points: product(axes, sizes), moves: false });
  }
  for (const statement of program.statements) {
    const points = product([...statement.axes, ...(statement.reduce?.axes ?? [])], sizes);
    visitScalar(statement.value, (e) => {
      const read = e.kind === "value" ? values.get(e.statement) : undefined;
      if (e.kind !== "value" || read === undefined) return;
      const { axes } = read.statement;
      add(e.statement, {
        at: e.index.map(printIndex).join(),
        points: isIdentityRead(e.index, axes) ? product(axes, sizes) : points,
        moves: movesReduced(e, read),
      });
    });
  }
  return sites;
}

/** Whether it reads at other positions along an axis that a reduction has left. */
const movesReduced = ({ index }: ValueRead, read: Value | undefined): boolean =>
  read?.statement.axes.some((axis, i) => {
    const at = index[i];
    return read.reduced.has(axis) && (at === undefined || plainAxis(at) !== axis);
  }) === true;

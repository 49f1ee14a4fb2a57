/**
 * The elements at which an access stands, for all points of the grid and its loops, many points at a time.
 *
 *     for %k in 4 { if lt(lane, 60) { load %x[((%k * 64) + lane)] } }      one block: %k in 4, lane in 64
 *
 * Only what the index and the conditions depend on is counted through. The innermost of it make a block of points: an
 * expression over them is a column with a number for each point of the block, filled op by op, and filled again only where
 * something around the block changes that it depends on.
 *
 * Requires: a site of a verified kernel whose index and conditions `openIndexCompiler` understands.
 * Ensures:  every element that the functions of `openIndexCompiler` give where all conditions hold, as often as they like.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import { fillCoordinate, fillIndex, fillOp, stepOf } from "./fill-columns.ts";
import type { Numbers } from "./fill-columns.ts";
import type { Definition, Site } from "./kernel-sites.ts";
import { typeOf } from "./kernel.ts";
import type { Expr, Kernel } from "./kernel.ts";
import { operandsOf } from "./walk-kernel.ts";

/** Points that a block has at most, unless what is counted innermost alone is more. */
const BLOCK_POINTS = 4096;

/** A value at the points of a block: one number where it is the same at all of them. */
interface Column {
  readonly numbers: Numbers;
  /** How many of the digits around the block there are down to the last one on which the value depends. */
  readonly depth: number;
}

/** What is counted through: the workgroup, a loop counter or the lane. */
interface Digit {
  readonly key: string;
  readonly size: number;
}

/**
 * Visits elements in lists, of which the first `count` numbers are meant and which are good until the visit returns; of one
 * workgroup, or of all.
 *
 * @returns the points at which the index was computed
 */
export function visitElements(
  kernel: Kernel,
  definitions: ReadonlyMap<string, Definition>,
  site: Site,
  only: number | undefined,
  visit: (elements: Numbers, count: number) => void,
): number {
  const digits = digitsOf(kernel, definitions, site, only);
  const inner = countInnermost(digits);
  const outer = digits.slice(0, digits.length - inner);
  const columns = openColumns(outer, digits.slice(outer.length), definitions, only ?? 0);
  const index = columns.fill(site.index);
  const conditions = site.conditions.map(columns.fill);
  const found = new Uint32Array(columns.points);
  let visited = 0;
  const descend = (depth: number): void => {
    const digit = outer[depth];
    if (digit === undefined) {
      visited += columns.points;
      visit(found, selectElements(index.numbers, conditions, found));
      return;
    }
    for (let value = 0; value < digit.size; value++) {
      columns.set(depth, value);
      descend(depth + 1);
    }
  };
  descend(0);
  return visited;
}

/** What the site's expressions depend on, outermost first. */
function digitsOf(
  kernel: Kernel,
  definitions: ReadonlyMap<string, Definition>,
  site: Site,
  only: number | undefined,
): readonly Digit[] {
  const keys = new Set<string>();
  const collect = (expr: Expr): void => {
    if (expr.kind === "workgroup" || expr.kind === "lane") keys.add(expr.kind);
    else if (expr.kind === "name") collectName(expr.name);
    else operandsOf(expr).forEach(collect);
  };
  const collectName = (name: string): void => {
    if (keys.has(nameKey(name))) return;
    keys.add(nameKey(name));
    const definition = definitions.get(name);
    if (definition?.kind === "let") collect(definition.value);
    else if (definition?.kind === "coordinate") collect(definition.from);
  };
  [site.index, ...site.conditions].forEach(collect);
  const all: readonly Digit[] = [
    { key: "workgroup", size: only === undefined ? kernel.workgroupCount : 1 },
    ...site.loops.map(({ counter, trips }) => ({ key: nameKey(counter), size: trips })),
    { key: "lane", size: kernel.workgroupSize },
  ];
  return all.filter(({ key, size }) => size > 1 && keys.has(key));
}

const nameKey = (name: string): string => `%${name}`;

/** How many digits make a block. */
function countInnermost(digits: readonly Digit[]): number {
  let inner = 0;
  let points = 1;
  for (const { size } of [...digits].reverse()) {
    if (inner > 0 && points * size > BLOCK_POINTS) break;
    points *= size;
    inner++;
  }
  return inner;
}

interface Columns {
  /** Points of a block. */
  readonly points: number;
  /** The column of an expression, which is kept up to date from then on. */
  readonly fill: (expr: Expr) => Column;
  /** Sets a digit around the block. */
  readonly set: (depth: number, value: number) => void;
}

function openColumns(
  outer: readonly Digit[],
  inner: readonly Digit[],
  definitions: ReadonlyMap<string, Definition>,
  workgroup: number,
): Columns {
  const points = inner.reduce((n, { size }) => n * size, 1);
  const updates: (() => void)[][] = outer.map(() => []);
  const known = new Map<string, Column>([
    ...outer.map(({ key }, d) => [key, { numbers: new Uint32Array(1), depth: d + 1 }] as const),
    ...inner.map(({ key }, d) => [key, { numbers: countDigit(inner, d, points), depth: 0 }] as const),
  ]);
  const constant = (value: number): Column => ({ numbers: Float64Array.of(value), depth: 0 });
  const index = (value: number): Column => ({ numbers: Uint32Array.of(value), depth: 0 });
  const derive = (operands: readonly Column[], isU32: boolean, update: (into: Numbers) => void): Column => {
    const length = operands.some(({ numbers }) => numbers.length > 1) ? points : 1;
    const numbers = isU32 ? new Uint32Array(length) : new Float64Array(length);
    const depth = operands.reduce((most, one) => Math.max(most, one.depth), 0);
    update(numbers);
    updates[depth - 1]?.push(() => update(numbers));
    return { numbers, depth };
  };
  const fillName = (name: string): Column => {
    const definition = definitions.get(name);
    if (definition?.kind === "let") return fill(definition.value);
    if (definition?.kind !== "coordinate") return index(0); // a counter that stays at its first turn
    const from = fill(definition.from);
    return derive([from], true, (into) =>
      fillCoordinate(into, from.numbers, definition.stride, definition.size),
    );
  };
  const fillNew = (expr: Expr): Column => {
    if (expr.kind === "const") return isU32(expr) ? index(expr.value) : constant(expr.value);
    if (expr.kind === "workgroup") return index(workgroup);
    if (expr.kind === "lane") return index(0);
    if (expr.kind === "name") return fillName(expr.name);
    const operands = operandsOf(expr).map(fill);
    const numbers = operands.map((operand) => operand.numbers);
    if (expr.kind === "index") return derive(operands, true, (into) => fillIndex(expr.fn, into, numbers));
    if (expr.kind !== "op") throw new CompilerBug("analyze-kernel", [`an index depends on ${expr.kind}`]);
    const { fn } = expr;
    const operand = typeOf(expr.args.at(-1) ?? expr).scalar;
    return derive(operands, isU32(expr), (into) => fillOp(fn, operand, into, numbers));
  };
  const fill = (expr: Expr): Column => {
    const key = keyOf(expr);
    const column = (key === undefined ? undefined : known.get(key)) ?? fillNew(expr);
    if (key !== undefined) known.set(key, column);
    return column;
  };
  const set = (depth: number, value: number): void => {
    known.get(outer[depth]?.key ?? "")?.numbers.fill(value);
    for (const update of updates[depth] ?? []) update();
  };
  return { points, fill, set };
}

/** What a column is known by: expressions that are not names are filled where they stand. */
function keyOf(expr: Expr): string | undefined {
  if (expr.kind === "workgroup" || expr.kind === "lane") return expr.kind;
  return expr.kind === "name" ? nameKey(expr.name) : undefined;
}

function isU32(expr: Expr): boolean {
  const { scalar } = typeOf(expr);
  return scalar === "u32" || scalar === "bool";
}

/** A digit of the number of a point. */
function countDigit(digits: readonly Digit[], d: number, points: number): Numbers {
  const stride = digits.slice(d + 1).reduce((n, { size }) => n * size, 1);
  const size = digits[d]?.size ?? 1;
  const column = new Uint32Array(points);
  for (let i = 0; i < points; i++) column[i] = Math.floor(i / stride) % size;
  return column;
}

/** The elements at the points where all conditions hold, to the front of `found`; how many they are. */
function selectElements(index: Numbers, conditions: readonly Column[], found: Uint32Array): number {
  if (index.length === 1 && conditions.every(({ numbers }) => numbers.length === 1)) {
    found[0] = index[0] ?? 0;
    return conditions.every(({ numbers }) => numbers[0] !== 0) ? 1 : 0;
  }
  const step = stepOf(index);
  for (let i = 0; i < found.length; i++) found[i] = index[i * step] ?? 0;
  return conditions.length === 0 ? found.length : filterElements(conditions, found);
}

function filterElements(conditions: readonly Column[], found: Uint32Array): number {
  const holds = new Uint8Array(found.length).fill(1);
  for (const { numbers } of conditions) {
    const step = stepOf(numbers);
    for (let i = 0; i < holds.length; i++) if (numbers[i * step] === 0) holds[i] = 0;
  }
  let count = 0;
  for (let i = 0; i < found.length; i++) {
    found[count] = found[i] ?? 0;
    count += holds[i] ?? 0;
  }
  return count;
}

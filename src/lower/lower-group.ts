/**
 * Lowering: a fusion group and its schedule become a kernel. One lowering serves pointwise groups, rows and columns: an
 * invocation stands at a grid point and, where lanes share a row, at a place in it; phases walk the row in turn.
 *
 * Requires: a group from `materialize`, a schedule whose axes are the group's.
 * Ensures:  a kernel that passes `verifyKernel`. Nothing is chosen here: what the schedule leaves open is a fault.
 */
import { elementCount } from "../ir/dtype.ts";
import { coefficientOf } from "../ir/index-expr.ts";
import { viewGroup, type GroupView } from "../ir/group-view.ts";
import type { FusionGroup, GroupedProgram } from "../ir/index-notation.ts";
import type { Binding, Expr, Kernel, Stmt, Width } from "../ir/kernel.ts";
import { BOOL } from "../ir/kernel.ts";
import type { DeviceLimits } from "../ir/profile.ts";
import type { KernelSchedule } from "../ir/schedule.ts";
import { bind, namer, readKey, type Emitter, type Scope } from "./emitter.ts";
import { computeType, index, less, nameOf, op, u32 } from "./kernel-expr.ts";
import { and, lowerPhase, writeStore, type Position } from "./lower-phase.ts";
import { lowerValue } from "./lower-value.ts";

export function lowerGroup(
  grouped: GroupedProgram,
  group: FusionGroup,
  schedule: KernelSchedule,
  limits: DeviceLimits,
): Kernel {
  const view = viewGroup(grouped, group);
  const bindings = chooseBindings(view, schedule);
  const emitter: Emitter = {
    view,
    schedule,
    fresh: namer(new Set([...bindings, ...view.scalars].map((b) => b.name))),
    widths: new Map(bindings.map((b) => [b.name, b.width])),
    caches: chooseCaches(view, schedule),
    filled: new Set(),
    filling: new Set(),
  };
  const grid: Scope = { out: [], axes: new Map(), values: new Map(), parent: undefined, cacheAt: undefined };
  const points = gridPoints(view, schedule);
  const position = enterGrid(emitter, grid, points);
  declareCaches(emitter, grid);
  const deepest = Math.max(0, ...view.levels.values());
  for (let level = 0; level <= deepest; level++) {
    for (const statement of view.statements.values()) {
      const isGrid =
        statement.reduce === undefined && statement.axes.every((axis) => !view.rowAxes.includes(axis));
      if (!isGrid || view.levels.get(statement.name) !== level) continue;
      grid.values.set(statement.name, bind(emitter, grid, "s", lowerValue(emitter, grid, statement.value)));
    }
    for (const phase of view.phases) if (phase.level === level) lowerPhase(emitter, grid, phase, position);
  }
  storeGridValues(emitter, grid, position);
  const count = Math.ceil(points / schedule.rowsPerWorkgroup);
  return {
    name: group.name,
    workgroupSize: schedule.threadsPerRow * schedule.rowsPerWorkgroup,
    workgroupCount: count,
    workgroups: foldGrid(count, limits.maxComputeWorkgroupsPerDimension),
    bindings,
    scalars: view.scalars.map(({ name, dtype }) => ({ name, dtype })),
    shared: [],
    body: grid.out,
  };
}

/** More workgroups than one dimension takes are folded to two, as evenly as can be. */
function foldGrid(count: number, most: number): readonly [number, number, number] {
  if (count <= most) return [count, 1, 1];
  const rows = Math.ceil(count / most);
  return [Math.ceil(count / rows), rows, 1];
}

function gridPoints(view: GroupView, schedule: KernelSchedule): number {
  return schedule.gridAxes.reduce(
    (n, axis) =>
      (n * (view.sizes.get(axis) ?? 1)) / (axis === schedule.vectorAxis ? schedule.vectorWidth : 1),
    1,
  );
}

/** Splits lane and workgroup into grid coordinates and the place in the row. */
function enterGrid(emitter: Emitter, grid: Scope, points: number): Position {
  const { schedule, view } = emitter;
  const { threadsPerRow: lanes, rowsPerWorkgroup: rows } = schedule;
  let lane: Expr = u32(0);
  let row: Expr = u32(0);
  if (rows === 1 && lanes > 1) lane = { kind: "lane" };
  else if (lanes === 1 && rows > 1) row = { kind: "lane" };
  else if (lanes > 1) {
    const [laneName, rowName] = [emitter.fresh("lane"), emitter.fresh("row")];
    const inner = schedule.laneAxis === "row";
    grid.out.push({
      kind: "delinearize",
      names: inner ? [rowName, laneName] : [laneName, rowName],
      sizes: inner ? [rows, lanes] : [lanes, rows],
      from: { kind: "lane" },
    });
    [lane, row] = [nameOf(laneName), nameOf(rowName)];
  }
  if (lane.kind === "lane") lane = bind(emitter, grid, "lane", lane);
  if (schedule.gridAxes.length === 0) return { lane, inRange: rows === 1 ? undefined : less(row, u32(1)) };
  const raw = index("add", index("mul", { kind: "workgroup" }, u32(rows)), row);
  const uneven = points % rows !== 0;
  const first = bind(emitter, grid, "point", raw);
  const inRange = uneven ? less(first, u32(points)) : undefined;
  const point = uneven ? bind(emitter, grid, "point", index("min", first, u32(points - 1))) : first;
  const axes = grid.axes as Map<string, Expr>;
  const names = schedule.gridAxes.map((axis) => emitter.fresh(`${axis}_`));
  const sizes = schedule.gridAxes.map(
    (axis) => (view.sizes.get(axis) ?? 1) / (axis === schedule.vectorAxis ? schedule.vectorWidth : 1),
  );
  if (names.length > 1) grid.out.push({ kind: "delinearize", names, sizes, from: point });
  schedule.gridAxes.forEach((axis, i) => {
    const unit = names.length > 1 ? nameOf(names[i] ?? "") : point;
    axes.set(
      axis,
      axis === schedule.vectorAxis
        ? bind(emitter, grid, "p", index("mul", unit, u32(schedule.vectorWidth)))
        : unit,
    );
  });
  return { lane, inRange };
}

/** Vector bindings where every access of the kernel to that tensor is a whole, aligned vector. */
function chooseBindings(view: GroupView, schedule: KernelSchedule): Binding[] {
  const { vectorAxis, vectorWidth } = schedule;
  const names = [...new Set(view.accesses.map((a) => a.tensor.name))];
  return names.flatMap((name): Binding[] => {
    const tensor = view.tensors.get(name);
    if (tensor === undefined) return [];
    const own = view.accesses.filter((a) => a.tensor.name === name);
    const elements = elementCount(tensor.shape);
    const isWide =
      vectorAxis !== null &&
      elements % vectorWidth === 0 &&
      own.every(
        (a) =>
          coefficientOf(a.index, vectorAxis) === 1 &&
          a.index.offset % vectorWidth === 0 &&
          a.index.terms.every(
            (t) => t.coefficient % vectorWidth === 0 || ("axis" in t && t.axis === vectorAxis),
          ),
      );
    const width: Width = isWide ? vectorWidth : 1;
    const access = own.some((a) => a.write) ? "read_write" : "read";
    return [{ name, access, dtype: tensor.dtype, elements, width }];
  });
}

/** Register arrays for row reads that more than one phase makes. */
function chooseCaches(view: GroupView, schedule: KernelSchedule): Map<string, string> {
  const caches = new Map<string, string>();
  if (schedule.residency !== "registers") return caches;
  const phasesOf = new Map<string, Set<number>>();
  for (const a of view.accesses) {
    if (a.write || a.phases.length === 0) continue;
    const isRow = schedule.rowAxes.some((axis) => coefficientOf(a.index, axis) !== 0);
    if (!isRow) continue;
    const key = readKey(a.tensor.name, a.index);
    const phases = phasesOf.get(key) ?? new Set<number>();
    for (const p of a.phases) phases.add(p);
    phasesOf.set(key, phases);
  }
  for (const [key, phases] of phasesOf) if (phases.size > 1) caches.set(key, `cache${String(caches.size)}`);
  return caches;
}

function declareCaches(emitter: Emitter, grid: Scope): void {
  const { view, schedule } = emitter;
  const steps = schedule.rowAxes.reduce((n, axis) => n * (view.sizes.get(axis) ?? 1), 1);
  const inRow = schedule.vectorAxis !== null && schedule.rowAxes.includes(schedule.vectorAxis);
  const length = Math.ceil(steps / (inRow ? schedule.vectorWidth : 1) / schedule.threadsPerRow);
  for (const [key, name] of emitter.caches) {
    const access = view.accesses.find((a) => readKey(a.tensor.name, a.index) === key);
    if (access === undefined) continue;
    const isWide = schedule.vectorAxis !== null && coefficientOf(access.index, schedule.vectorAxis) !== 0;
    const type = {
      scalar: computeType(access.tensor.dtype),
      width: isWide ? schedule.vectorWidth : 1,
    } as const;
    const declaration: Stmt = { kind: "registers", name, type, length };
    grid.out.push(declaration);
  }
}

/** Values over the grid alone are written once per point. */
function storeGridValues(emitter: Emitter, grid: Scope, position: Position): void {
  const { view, schedule } = emitter;
  const first = schedule.threadsPerRow === 1 ? undefined : op("eq", BOOL, position.lane, u32(0));
  for (const store of view.stores) {
    const axes = view.statements.get(store.statement)?.axes ?? [];
    if (
      axes.some((axis) => view.rowAxes.includes(axis)) &&
      view.statements.get(store.statement)?.reduce === undefined
    )
      continue;
    writeStore(emitter, grid, store, and(first, position.inRange));
  }
}

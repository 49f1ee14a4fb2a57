/**
 * Lowering: a fusion group and its schedule become a kernel. One lowering serves pointwise groups, rows and columns: an
 * invocation stands at a grid point and, where lanes share a row, at a place in it; phases walk the row in turn.
 *
 * Requires: a group from `materialize`, a schedule whose axes are the group's.
 * Ensures:  a kernel that passes `verifyKernel`. Nothing is chosen here: what the schedule leaves open is a fault.
 */
import { elementCount } from "../ir/dtype.ts";
import { readKey } from "../ir/index-expr.ts";
import { isAligned, viewGroup, type GroupView } from "../ir/group-view.ts";
import type { FusionGroup, GroupedProgram } from "../ir/index-notation.ts";
import type { Binding, Expr, Kernel, Stmt, Width } from "../ir/kernel.ts";
import type { DeviceLimits } from "../ir/profile.ts";
import type { Phase } from "../ir/row-arrays.ts";
import { workgroupSizeOf, type KernelSchedule, type Turns } from "../ir/schedule.ts";
import { makeIndex, takeName, u32 } from "../ir/walk-kernel.ts";
import { foldGrid } from "../ir/dynamic-plan.ts";
import { bind, namer, scopeFor, type Emitter, type OpenAxis, type Scope } from "./emitter.ts";
import { nameOf } from "./kernel-expr.ts";
import { and, countWorkgroups, enterAxis, enterGrid, type Position } from "./enter-grid.ts";
import { declareCarried, lowerPhase, storeCarried } from "./lower-phase.ts";
import { chooseRowSlots, declareRowSlots } from "./keep-rows.ts";
import { coarsenLanes } from "./coarsen-lanes.ts";
import { lowerBlock } from "./lower-block.ts";
import { lowerStages } from "./lower-stages.ts";
import { lowerTile } from "./lower-tile.ts";
import { lowerValue } from "./lower-value.ts";
import { chooseStageArrays } from "./staged-values.ts";
import { storeGridValues } from "./store-grid-values.ts";

/** What of a group the dispatch sizes: a grid axis, and the tensors that are as long as the buffers bound for them. */
export interface OpenGroup {
  readonly axis: string | undefined;
  readonly tensors: ReadonlySet<string>;
}

export function lowerGroup(
  grouped: GroupedProgram,
  group: FusionGroup,
  schedule: KernelSchedule,
  limits: DeviceLimits,
  openGroup?: OpenGroup,
): Kernel {
  const view = viewGroup(grouped, group, { pairing: schedule.pairing });
  const bindings = chooseBindings(view, schedule).map((b) =>
    openGroup?.tensors.has(b.name) === true ? { ...b, isOpen: true as const } : b,
  );
  const taken = new Set([...bindings, ...view.scalars].map((b) => b.name));
  const open = nameSize(openGroup, taken);
  const emitter: Emitter = {
    view,
    schedule,
    open,
    fresh: namer(taken),
    widths: new Map(bindings.map((b) => [b.name, b.width])),
    rowSlots: chooseRowSlots(view, schedule),
    carried: chooseCarried(view),
    stageArrays: chooseStageArrays(view),
    filled: new Set(),
    filling: new Set(),
  };
  const axes = new Map<string, Expr>();
  const grid: Scope = { out: [], axes, values: new Map(), parent: undefined, step: undefined };
  const position = enterGrid(emitter, grid, axes);
  lowerStages(emitter, grid, position);
  const rows = declareRowSlots(emitter, grid);
  declareCarried(emitter, grid);
  const { tile, turns } = schedule;
  const shared = tile?.memory === "workgroup" ? lowerTile(emitter, grid, tile, position) : [];
  if (tile?.memory === "registers") lowerBlock(emitter, grid, tile, position);
  if (tile === null && turns === null) grid.out.push(...walkPoints(emitter, grid, position));
  if (turns !== null) grid.out.push(takeTurns(emitter, grid, turns, position));
  storeCarried(emitter, grid, position);
  const count = countWorkgroups(view, schedule);
  const kernel: Kernel = {
    name: group.name,
    workgroupSize: workgroupSizeOf(schedule),
    workgroupCount: count,
    workgroups: foldGrid(count, limits.maxComputeWorkgroupsPerDimension),
    ...(open === undefined ? {} : { isOpen: true }),
    bindings,
    scalars: [
      ...view.scalars.map(({ name, dtype }) => ({ name, dtype })),
      ...(open === undefined ? [] : [{ name: open.scalar, dtype: "u32" as const }]),
    ],
    shared: [...emitter.stageArrays.values(), ...rows, ...shared],
    body: grid.out,
  };
  return coarsenLanes(kernel, schedule.coarsening);
}

function nameSize(open: OpenGroup | undefined, taken: Set<string>): OpenAxis | undefined {
  if (open?.axis === undefined) return undefined;
  return { axis: open.axis, scalar: takeName(taken, "size") };
}

/** The blocks that a workgroup takes one after the other, each as if it were alone. */
function takeTurns(emitter: Emitter, grid: Scope, { axis, count }: Turns, position: Position): Stmt {
  const counter = emitter.fresh("turn");
  const block = makeIndex("add", makeIndex("mul", position.blockAlong(axis), u32(count)), nameOf(counter));
  const out: Stmt[] = [];
  const { at, isInside } = enterAxis(emitter, { out }, axis, block, position.laneAlong(axis));
  // What does not depend on the turn is computed before the loop, in the scope of the grid.
  const point: Scope = {
    ...grid,
    out,
    axes: new Map([...grid.axes, [axis, at]]),
    values: new Map(grid.values),
    parent: grid,
  };
  lowerPoint(emitter, point, { ...position, inRange: and(position.inRange, isInside) }, position);
  return { kind: "for", counter, trips: count, unroll: false, body: out };
}

/** The statements of a grid point; where rows are walked, those of one row, in loops over the walked axes. */
function walkPoints(emitter: Emitter, grid: Scope, position: Position): Stmt[] {
  const { view, schedule, fresh } = emitter;
  const counters = schedule.walkAxes.map((axis) => [axis, fresh(axis)] as const);
  const axes = new Map([...grid.axes, ...counters.map(([axis, name]) => [axis, nameOf(name)] as const)]);
  const point: Scope = { ...grid, out: [], axes, values: new Map(grid.values) };
  lowerPoint(emitter, point, position);
  return counters.reduceRight<Stmt[]>(
    (body, [axis, counter]) => [
      { kind: "for", counter, trips: view.sizes.get(axis) ?? 1, unroll: false, body },
    ],
    point.out,
  );
}

/** `outer` is the position in the parent of `point`, where it has one. */
function lowerPoint(emitter: Emitter, point: Scope, position: Position, outer = position): void {
  const { view } = emitter;
  const deepest = Math.max(0, ...view.levels.values());
  for (let level = 0; level <= deepest; level++) {
    for (const statement of view.statements.values()) {
      const isGrid =
        statement.reduce === undefined && statement.axes.every((axis) => !view.rowAxes.includes(axis));
      if (!isGrid || view.levels.get(statement.name) !== level) continue;
      const home = scopeFor(point, statement.axes);
      home.values.set(statement.name, bind(emitter, home, "s", lowerValue(emitter, home, statement.value)));
    }
    for (const phase of view.phases) {
      if (phase.level !== level) continue;
      const home = scopeFor(point, gridAxesOf(view, phase));
      lowerPhase(emitter, home, phase, home === point ? position : outer);
    }
  }
  storeGridValues(emitter, point, view.stores, position);
}

/** Grid axes that the values of a phase have. */
const gridAxesOf = ({ gridAxes }: GroupView, { reductions, carried, statements }: Phase): string[] => {
  const used = new Set([...reductions, ...carried, ...statements].flatMap((s) => s.axes));
  return gridAxes.filter((axis) => used.has(axis));
};

/** Vector bindings where every access of the kernel to that tensor is a whole, aligned vector. */
function chooseBindings(view: GroupView, schedule: KernelSchedule): Binding[] {
  const { vectorAxis, vectorWidth, tile } = schedule;
  const turned = new Set(tile?.memory === "registers" ? tile.through : []);
  const names = [...new Set([...view.accesses, ...view.stageAccesses].map((a) => a.tensor.name))];
  return names.flatMap((name): Binding[] => {
    const tensor = view.tensors.get(name);
    if (tensor === undefined) return [];
    const own = view.accesses.filter((a) => a.tensor.name === name);
    const ofStages = view.stageAccesses.filter((a) => a.tensor.name === name);
    const elements = elementCount(tensor.shape);
    const isWide =
      vectorAxis !== null &&
      ofStages.length === 0 &&
      elements % vectorWidth === 0 &&
      own.every(
        (a) => (!a.irregular && turned.has(readKey(name, a.index))) || isAligned(a, vectorAxis, vectorWidth),
      );
    const width: Width = isWide ? vectorWidth : 1;
    const access = [...own, ...ofStages].some((a) => a.write) ? "read_write" : "read";
    return [{ name, access, dtype: tensor.dtype, elements, width }];
  });
}

/** Register arrays for the sums that a walk carries. */
function chooseCarried(view: GroupView): Map<string, string> {
  const names = view.phases.flatMap((p) => p.carried.map((s) => s.name));
  return new Map(names.map((name, i) => [name, `carry${String(i)}`]));
}

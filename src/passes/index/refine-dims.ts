/**
 * Reshape refinement: finds how each dimension of each node must be split so that reshapes become bookkeeping.
 *
 * Dimensions that elementwise ops, transposes, broadcasts and reductions carry along are one class (union-find). A reshape
 * relates runs of dimensions with equal products (`[6,4] -> [24]`); each side must be cut where the other has a seam.
 * Cuts spread through classes and reshapes until nothing changes; a class holds a divisibility chain of strides, so the
 * work is bounded by 31 cuts per class. A reshape whose seams share no common factors (`[6,4] -> [8,3]`) is left alone:
 * reads through it keep a division, or the value is stored first.
 *
 * Requires: a verified graph.
 * Ensures:  `factors[node][dim]` lists the sizes of the parts of a dimension, outermost first; their product is its size.
 */
import { nodeAt, type Graph, type Node } from "../../ir/graph.ts";
import { UnionFind } from "../union-find.ts";

interface Part {
  readonly variable: number;
  readonly size: number;
  /** Stride of the dimension within the run. */
  readonly base: number;
}
/** A run of dimensions on each side of a reshape with the same number of elements. */
interface Run {
  readonly parts: readonly Part[];
}

export type Factors = readonly (readonly (readonly number[])[])[];

export function refineDims(graph: Graph): Factors {
  const first: number[] = [];
  let count = 0;
  for (const node of graph.nodes) {
    first.push(count);
    count += node.type.shape.length;
  }
  const variableOf = (id: number, dim: number): number => (first[id] ?? 0) + dim;
  const classes = new UnionFind(count);
  const runs: Run[] = [];
  graph.nodes.forEach((node, id) => {
    relateDims(
      graph,
      node,
      id,
      variableOf,
      (a, b) => {
        classes.union(a, b);
      },
      runs,
    );
  });
  const cuts = spreadCuts(classes, runs);
  return graph.nodes.map((node, id) =>
    node.type.shape.map((size, dim) =>
      factorsFromCuts(size, cuts.get(classes.find(variableOf(id, dim))) ?? []),
    ),
  );
}

function relateDims(
  graph: Graph,
  node: Node,
  id: number,
  variableOf: (id: number, dim: number) => number,
  union: (a: number, b: number) => void,
  runs: Run[],
): void {
  const shape = node.type.shape;
  const same = (arg: number, keep: (dim: number) => boolean): void => {
    shape.forEach((_, dim) => {
      if (keep(dim)) union(variableOf(id, dim), variableOf(arg, dim));
    });
  };
  switch (node.op) {
    case "map":
      for (const arg of node.args) same(arg, () => true);
      break;
    case "cast":
      same(node.arg, () => true);
      break;
    case "reduce":
      same(node.arg, (dim) => !node.axes.includes(dim));
      break;
    case "broadcast":
      same(node.arg, (dim) => nodeAt(graph, node.arg).type.shape[dim] === shape[dim]);
      break;
    case "slice":
      same(node.arg, (dim) => nodeAt(graph, node.arg).type.shape[dim] === shape[dim]);
      break;
    case "pad":
      same(node.arg, (dim) => node.low[dim] === 0 && node.high[dim] === 0);
      break;
    case "concat":
      for (const arg of node.args) same(arg, (dim) => dim !== node.axis);
      break;
    case "transpose":
      node.perm.forEach((from, dim) => {
        union(variableOf(id, dim), variableOf(node.arg, from));
      });
      break;
    case "reshape":
      relateReshape(
        shape.map((size, dim) => ({ variable: variableOf(id, dim), size })),
        nodeAt(graph, node.arg).type.shape.map((size, dim) => ({
          variable: variableOf(node.arg, dim),
          size,
        })),
        union,
        runs,
      );
      break;
    default:
      break;
  }
}

interface Dim {
  readonly variable: number;
  readonly size: number;
}

/** Pairs runs of dimensions with equal products, from the right; dimensions of length 1 take no part. */
function relateReshape(
  out: readonly Dim[],
  arg: readonly Dim[],
  union: (a: number, b: number) => void,
  runs: Run[],
): void {
  const a = out.filter((d) => d.size !== 1);
  const b = arg.filter((d) => d.size !== 1);
  if (a.some((d) => d.size === 0) || b.some((d) => d.size === 0)) return;
  let i = a.length;
  let j = b.length;
  while (i > 0 && j > 0) {
    const left: Part[] = [];
    const right: Part[] = [];
    let products: [number, number] = [1, 1];
    do {
      const takeLeft = products[0] <= products[1];
      const dim = takeLeft ? a[--i] : b[--j];
      if (dim === undefined) return;
      (takeLeft ? left : right).push({ ...dim, base: takeLeft ? products[0] : products[1] });
      products = takeLeft ? [products[0] * dim.size, products[1]] : [products[0], products[1] * dim.size];
    } while (products[0] !== products[1]);
    const [l, r] = [left[0], right[0]];
    if (left.length === 1 && right.length === 1 && l !== undefined && r !== undefined)
      union(l.variable, r.variable);
    else runs.push({ parts: [...left, ...right] });
  }
}

/** Spreads cuts through runs to a fixpoint. The result holds, per class, sorted strides strictly inside the dimension. */
function spreadCuts(classes: UnionFind, runs: readonly Run[]): Map<number, readonly number[]> {
  const cuts = new Map<number, readonly number[]>();
  const touching = new Map<number, Run[]>();
  for (const run of runs) {
    for (const part of run.parts) {
      const root = classes.find(part.variable);
      const list = touching.get(root);
      if (list === undefined) touching.set(root, [run]);
      else if (list[list.length - 1] !== run) list.push(run);
    }
  }
  const broken = new Set<Run>();
  const pending = [...runs].reverse();
  const queued = new Set(pending);
  for (let run = pending.pop(); run !== undefined; run = pending.pop()) {
    queued.delete(run);
    if (broken.has(run)) continue;
    const changed = cutRun(run, classes, cuts);
    if (changed === undefined) broken.add(run);
    for (const root of changed ?? []) {
      for (const next of touching.get(root) ?? []) {
        if (!queued.has(next)) {
          queued.add(next);
          pending.push(next);
        }
      }
    }
  }
  return cuts;
}

const isChain = (sorted: readonly number[]): boolean =>
  sorted.every((n, i) => i === 0 || n % (sorted[i - 1] ?? 1) === 0);

/** Makes both sides of a run agree; returns the classes that got cuts, or undefined when no common factors exist. */
function cutRun(run: Run, classes: UnionFind, cuts: Map<number, readonly number[]>): number[] | undefined {
  const seams = new Set<number>();
  for (const part of run.parts) {
    seams.add(part.base);
    for (const cut of cuts.get(classes.find(part.variable)) ?? []) seams.add(part.base * cut);
  }
  const sorted = [...seams].sort((x, y) => x - y);
  if (!isChain(sorted)) return undefined;
  const wanted = new Map<number, readonly number[]>();
  for (const part of run.parts) {
    const root = classes.find(part.variable);
    const end = part.base * part.size;
    const inside = sorted.filter((s) => s > part.base && s < end).map((s) => s / part.base);
    const all = [...new Set([...(wanted.get(root) ?? cuts.get(root) ?? []), ...inside])].sort(
      (x, y) => x - y,
    );
    if (!isChain([...all, part.size])) return undefined;
    wanted.set(root, all);
  }
  const changed: number[] = [];
  for (const [root, all] of wanted) {
    if (all.length === (cuts.get(root)?.length ?? 0)) continue;
    cuts.set(root, all);
    changed.push(root);
  }
  return changed;
}

function factorsFromCuts(size: number, cuts: readonly number[]): readonly number[] {
  const strides = [1, ...cuts, size];
  const factors: number[] = [];
  for (let i = strides.length - 1; i > 0; i--) factors.push((strides[i] ?? 1) / (strides[i - 1] ?? 1));
  return factors;
}

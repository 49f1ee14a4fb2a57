/**
 * Graph to index notation: every statement gets axes of its own, views turn into index expressions.
 *
 * Requires: a verified graph without values of zero elements other than parameters, constants and results, concat of at most 4
 *           operands.
 * Ensures:  statements in definition order; no statement shares an axis with another (`alignAxes` finds out which are
 *           the same); every read of a tensor is one linear index. Results without elements have no store. Dimensions become
 *           axes whatever their length: those of length 1 go in `dropUnitAxes`, those of length 0, which only reductions
 *           have, in `foldEmptyReductions`.
 *
 *     %0 = mul %v, %v : f32[64,9]                     axes a0=64 a1=9 a2=64 ...
 *     %1 = reduce.sum %0 axes=[1] : f32[64,1]    =>   t1[a0] = sum(a1) v[9*a0 + a1] * v[9*a0 + a1]
 */
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import { elementCount, rowMajorStrides } from "../../ir/dtype.ts";
import { nodeAt, type Graph, type NodeId, type ReduceNode } from "../../ir/graph.ts";
import {
  indexAdd,
  indexAxis,
  indexConst,
  indexDiv,
  indexMod,
  indexScale,
  isAffine,
  type IndexExpr,
} from "../../ir/index-expr.ts";
import type {
  Axis,
  IndexProgram,
  IndexScalar,
  ScalarExpr,
  Statement,
  Store,
  StoredTensor,
} from "../../ir/index-notation.ts";
import { givesPosition } from "../../ir/reduce-ops.ts";
import { chooseStatements, type StatementOptions } from "./choose-statements.ts";
import { nameInputs } from "./name-inputs.ts";
import { refineDims, type Factors } from "./refine-dims.ts";
import { dimsFromLinear, linearFromDims, resolveView, type ViewContext } from "./resolve-view.ts";

interface Draft extends ViewContext {
  readonly factors: Factors;
  readonly axes: Axis[];
  readonly sizes: Map<string, number>;
  readonly statements: Statement[];
  /** Axes of each statement's dimensions: for every dimension its parts, outermost first. */
  readonly parts: Map<NodeId, readonly (readonly DimPart[])[]>;
  /** Statements that have a store. */
  readonly stored: Set<NodeId>;
}
interface DimPart {
  readonly axis: string;
  readonly stride: number;
  readonly size: number;
}

export function buildIndexNotation(graph: Graph, options: StatementOptions = {}): IndexProgram {
  const chosen = new Set(chooseStatements(graph, options));
  const draft: Draft = {
    graph,
    factors: refineDims(graph),
    axes: [],
    sizes: new Map(),
    statements: [],
    parts: new Map(),
    stored: new Set(),
    names: nameInputs(graph),
    readStatement: (id, dims) => (chosen.has(id) ? readStatement(draft, id, dims) : undefined),
  };
  const sources = graph.results.map((result) => viewSource(graph, result.node, chosen));
  for (const source of sources) if (source !== undefined) chosen.add(source);
  for (const id of [...chosen].sort((a, b) => a - b)) {
    if (elementCount(nodeAt(graph, id).type.shape) > 0) defineStatement(draft, id);
  }
  const tensors = inputTensors(graph, draft.names);
  const stores: Store[] = [];
  graph.results.forEach((result, position) => {
    const { type } = nodeAt(graph, result.node);
    const name = `out${String(position)}`;
    tensors.push({ name, dtype: type.dtype, shape: type.shape, role: "output" });
    if (elementCount(type.shape) === 0) return;
    stores.push(storeResult(draft, result.node, sources[position], name));
  });
  const { axes, statements } = draft;
  const scalars = scalarsOf(graph, draft.names);
  return { name: graph.name, axes, scalars, tensors, statements, stores };
}

type Names = ViewContext["names"];

const inputTensors = (graph: Graph, names: Names): StoredTensor[] =>
  graph.nodes.flatMap((n, id) =>
    n.op === "param"
      ? [{ name: names.get(id) ?? n.name, dtype: n.type.dtype, shape: n.type.shape, role: "input" as const }]
      : [],
  );

const scalarsOf = (graph: Graph, names: Names): IndexScalar[] =>
  graph.nodes.flatMap((n, id) => {
    if (n.op !== "scalar") return [];
    const { dtype } = n.type;
    if (dtype === "f16" || dtype === "bf16")
      throw new CompilerBug("index notation", [`scalar ${n.name} is ${dtype}`]);
    return [{ name: names.get(id) ?? n.name, dtype, default: n.default }];
  });

/** The compute node under reshapes and transposes, which a result can be stored straight from; undefined if there is none. */
function viewSource(graph: Graph, result: NodeId, chosen: ReadonlySet<NodeId>): NodeId | undefined {
  let id = result;
  for (;;) {
    const node = nodeAt(graph, id);
    if (
      chosen.has(id) ||
      node.op === "map" ||
      node.op === "cast" ||
      node.op === "iota" ||
      node.op === "reduce"
    )
      return id;
    if (node.op !== "reshape" && node.op !== "transpose") return undefined;
    id = node.arg;
  }
}

/** Gives the dimensions of a shape fresh axes and returns each dimension as an index expression. */
function freshAxes(
  draft: Draft,
  factors: readonly (readonly number[])[],
): { parts: DimPart[][]; dims: IndexExpr[] } {
  const parts: DimPart[][] = [];
  const dims = factors.map((sizes) => {
    const strides = rowMajorStrides(sizes);
    let dim = indexConst(0);
    const own = sizes.map((size, i): DimPart => {
      const stride = strides[i] ?? 1;
      const axis = `a${String(draft.axes.length)}`;
      draft.axes.push({ name: axis, size });
      draft.sizes.set(axis, size);
      dim = indexAdd(dim, indexAxis(axis, stride));
      return { axis, stride, size };
    });
    parts.push(own);
    return dim;
  });
  return { parts, dims };
}

const statementName = (id: NodeId): string => `t${String(id)}`;

function defineStatement(draft: Draft, id: NodeId): void {
  const node = nodeAt(draft.graph, id);
  const base = { name: statementName(id), dtype: node.type.dtype, span: node.span };
  if (node.op === "reduce") {
    const { parts, dims } = freshAxes(draft, draft.factors[node.arg] ?? []);
    const isReduced = (_: unknown, dim: number): boolean => node.axes.includes(dim);
    const kept = parts.map((p, dim) => (isReduced(p, dim) ? [] : p));
    draft.parts.set(id, kept);
    draft.statements.push({
      ...base,
      axes: kept.flat().map((p) => p.axis),
      reduce: {
        fn: node.fn,
        axes: parts
          .filter(isReduced)
          .flat()
          .map((p) => p.axis),
      },
      value: reduceOperand(draft, node, dims),
    });
    return;
  }
  const { parts, dims } = freshAxes(draft, draft.factors[id] ?? []);
  const value = resolveView(draft, id, dims, true);
  draft.parts.set(id, parts);
  draft.statements.push({ ...base, axes: parts.flat().map((p) => p.axis), value });
}

/** What a reduction takes: the value, and for a position in the row also where it stands among the reduced dimensions. */
function reduceOperand(draft: Draft, node: ReduceNode, dims: readonly IndexExpr[]): ScalarExpr {
  const value = resolveView(draft, node.arg, dims);
  if (!givesPosition(node.fn)) return value;
  const { shape } = nodeAt(draft.graph, node.arg).type;
  const index = linearFromDims(
    node.axes.map((dim) => dims[dim] ?? indexConst(0)),
    node.axes.map((dim) => shape[dim] ?? 1),
  );
  return { kind: "tuple", dtype: "i32", args: [value, { kind: "index", dtype: "i32", index }] };
}

/** Reads a defined statement at a position given per dimension of its node. */
function readStatement(draft: Draft, id: NodeId, dims: readonly IndexExpr[]): ScalarExpr {
  const parts = draft.parts.get(id);
  if (parts === undefined)
    throw new CompilerBug("index notation", [`value %${String(id)} is read before it is defined`]);
  const index = parts.flatMap((own, dim) => {
    const at = dims[dim] ?? indexConst(0);
    const [outer] = own;
    return own.map((part) => {
      const shifted = indexDiv(at, part.stride, draft.sizes);
      return part === outer ? shifted : indexMod(shifted, part.size, draft.sizes);
    });
  });
  return { kind: "value", dtype: nodeAt(draft.graph, id).type.dtype, statement: statementName(id), index };
}

/**
 * Stores a result from the statement under its views, or from a copy where no plain store can reach every element. A
 * statement has one store: with what it reads and a temporary it fits the storage buffers of every device.
 */
function storeResult(draft: Draft, result: NodeId, source: NodeId | undefined, tensor: string): Store {
  const { shape, dtype } = nodeAt(draft.graph, result).type;
  if (source !== undefined && !draft.stored.has(source)) {
    const index = forwardIndex(draft, source, result);
    if (isAffine(index)) {
      draft.stored.add(source);
      return { tensor, statement: statementName(source), index };
    }
  }
  const { parts, dims } = freshAxes(draft, draft.factors[result] ?? []);
  const name = `copy_${tensor}`;
  draft.statements.push({
    name,
    dtype,
    axes: parts.flat().map((p) => p.axis),
    value: resolveView(draft, result, dims),
    span: nodeAt(draft.graph, result).span,
  });
  return { tensor, statement: name, index: linearFromDims(dims, shape) };
}

/** Where an element of `source` lies in `result`, which is `source` under reshapes and transposes only. */
function forwardIndex(draft: Draft, source: NodeId, result: NodeId): IndexExpr {
  const path: NodeId[] = [];
  for (let id = result; id !== source;) {
    path.push(id);
    const node = nodeAt(draft.graph, id);
    if (node.op !== "reshape" && node.op !== "transpose")
      throw new CompilerBug("index notation", ["result path is no view"]);
    id = node.arg;
  }
  let shape = nodeAt(draft.graph, source).type.shape;
  let linear = linearFromDims(
    (draft.parts.get(source) ?? []).map((own) =>
      own.reduce((sum, p) => indexAdd(sum, indexAxis(p.axis, p.stride)), indexConst(0)),
    ),
    shape,
  );
  for (const id of path.reverse()) {
    const node = nodeAt(draft.graph, id);
    if (node.op === "transpose") {
      const dims = dimsFromLinear(linear, shape, draft.sizes);
      const strides = rowMajorStrides(node.type.shape);
      linear = node.perm.reduce(
        (sum, from, dim) => indexAdd(sum, indexScale(dims[from] ?? indexConst(0), strides[dim] ?? 1)),
        indexConst(0),
      );
    }
    shape = node.type.shape;
  }
  return linear;
}

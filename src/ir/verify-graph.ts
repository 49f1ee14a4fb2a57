/**
 * Invariants of a graph. All problems are returned, each as `%label: sentence`; none means the graph is sound.
 *
 * Held:
 *  - Inputs (params, scalars) come before all other nodes; their names are not empty and differ.
 *  - Operands are ids of earlier nodes.
 *  - Types: a known dtype, at most MAX_RANK dimensions, each a whole number, at most MAX_ELEMENTS elements.
 *  - scalar: rank 0; f32, i32, u32 or bool; a default is representable. const: the value is representable.
 *  - iota: i32, u32 or f32; the axis is one of the shape's.
 *  - map: arity of the table; operands and result have one shape; operand dtypes agree and are of the op's class;
 *    predicates give bool, other ops the operands' dtype. `where` takes a bool and two of the result's dtype.
 *  - cast: the operand's shape, in any dtype.
 *  - reduce: a dtype that the monoid takes; axes sorted, distinct, in range, at least one; the operand's type (of a
 *    position: i32) with reduced dimensions of length 1; none of length 0 where the monoid has no identity.
 *  - reshape: same dtype and element count. transpose: `perm` is a permutation and gives the result's shape.
 *  - broadcast: same dtype and rank; a dimension stays or has length 1.
 *  - slice: one start (>= 0) and one step (>= 1) per dimension, all whole; the last element read lies inside.
 *  - pad: one low and one high (whole, >= 0) per dimension that give the result's shape; the value is representable.
 *  - concat: at least one operand; equal dtypes and ranks; lengths add up along the axis and agree elsewhere.
 *  - results: at least one; names not empty, distinct; every node exists.
 *
 * Missing: nothing says that a node is used (dead nodes are legal until `dce`), nor that spans point at real text.
 */
import { elementCount, isDType, MAX_RANK, printType, sameShape } from "./dtype.ts";
import type { TensorType } from "./dtype.ts";
import { operandsOf } from "./graph.ts";
import type {
  ConcatNode,
  Graph,
  MapNode,
  Node,
  PadNode,
  ReduceNode,
  ScalarNode,
  SliceNode,
  TransposeNode,
} from "./graph.ts";
import { isRepresentable, printNumber } from "./number-text.ts";
import { labelNodes } from "./print-graph.ts";
import { acceptsDType } from "./promotion.ts";
import { REDUCE_OPS, reduceAccepts, reducedDType } from "./reduce-ops.ts";
import { isInput } from "./rewrite-graph.ts";
import { isScalarOp, SCALAR_OPS } from "./scalar-ops.ts";
import { MAX_ELEMENTS } from "./shape-rules.ts";

export function verifyGraph(graph: Graph): readonly string[] {
  const labels = labelNodes(graph);
  const problems: string[] = [];
  graph.nodes.forEach((node, id) => {
    const report = (message: string): number => problems.push(`${labels[id] ?? ""}: ${message}`);
    for (const message of verifyNode(graph, node, id)) report(message);
  });
  return [...problems, ...verifyInputs(graph), ...verifyResults(graph)];
}

function verifyInputs(graph: Graph): readonly string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  let body = false;
  for (const node of graph.nodes) {
    if (!isInput(node)) {
      body = true;
      continue;
    }
    if (body) problems.push(`input ${node.name} comes after a node that is no input`);
    if (node.name === "") problems.push("an input has no name");
    if (names.has(node.name)) problems.push(`two inputs are named ${node.name}`);
    names.add(node.name);
  }
  return problems;
}

function verifyResults(graph: Graph): readonly string[] {
  const problems: string[] = [];
  const names = new Set<string>();
  if (graph.results.length === 0) problems.push("the graph has no result");
  for (const { name, node } of graph.results) {
    if (name === "") problems.push("a result has no name");
    if (names.has(name)) problems.push(`two results are named ${name}`);
    if (graph.nodes[node] === undefined)
      problems.push(`result ${name} is node ${String(node)}, which is not there`);
    names.add(name);
  }
  return problems;
}

/** Later rules presume earlier ones, so a node stops at the first kind of rule that it breaks. */
function verifyNode(graph: Graph, node: Node, id: number): readonly string[] {
  const operands = operandsOf(node);
  const backward = operands.every((arg) => Number.isInteger(arg) && arg >= 0 && arg < id);
  if (!backward) return [`operands ${operands.join(", ")} are not all earlier nodes`];
  const malformed = verifyType(node.type);
  if (malformed.length > 0) return malformed;
  const types = operands.map((arg) => graph.nodes[arg]?.type ?? node.type);
  return verifyOp(node, types);
}

function verifyType({ dtype, shape }: TensorType): readonly string[] {
  if (!isDType(dtype)) return [`${dtype as string} is no dtype`];
  if (shape.length > MAX_RANK) return [`rank ${String(shape.length)} is over ${String(MAX_RANK)}`];
  if (!shape.every((n) => Number.isInteger(n) && n >= 0)) return [`[${shape.join(",")}] is no shape`];
  return elementCount(shape) > MAX_ELEMENTS ? [`[${shape.join(",")}] has too many elements`] : [];
}

/** `types` are those of the operands, in order. */
function verifyOp(node: Node, types: readonly TensorType[]): readonly string[] {
  const [arg = node.type] = types;
  const { type } = node;
  switch (node.op) {
    case "param":
      return [];
    case "scalar":
      return verifyScalar(node);
    case "const":
      return checkAll([
        isRepresentable(node.value, type.dtype),
        `${printNumber(node.value, "i32")} is no ${type.dtype}`,
      ]);
    case "iota":
      return checkAll(
        [type.dtype === "i32" || type.dtype === "u32" || type.dtype === "f32", `iota gives no ${type.dtype}`],
        [isAxis(node.axis, type), `axis ${String(node.axis)} is not one of ${printType(type)}`],
      );
    case "map":
      return verifyMap(node, types);
    case "cast":
      return checkAll([sameShape(arg.shape, type.shape), `cast of ${printType(arg)} changes the shape`]);
    case "reduce":
      return verifyReduce(node, arg);
    case "reshape":
      return checkAll(sameDType(node, types), [
        elementCount(arg.shape) === elementCount(type.shape),
        `${printType(arg)} has another element count`,
      ]);
    case "transpose":
      return verifyTranspose(node, arg);
    case "broadcast":
      return checkAll(sameDType(node, types), [
        arg.shape.length === type.shape.length && arg.shape.every((n, d) => n === type.shape[d] || n === 1),
        `${printType(arg)} does not broadcast to ${printType(type)}`,
      ]);
    case "slice":
      return verifySlice(node, arg);
    case "pad":
      return verifyPad(node, arg);
    case "concat":
      return verifyConcat(node, types);
    default:
      return [`unknown op ${(node satisfies never as Node).op}`];
  }
}

type Check = readonly [holds: boolean, problem: string];

const checkAll = (...checks: readonly Check[]): readonly string[] =>
  checks.filter(([holds]) => !holds).map(([, problem]) => problem);

const sameDType = (node: Node, types: readonly TensorType[]): Check => [
  types.every(({ dtype }) => dtype === node.type.dtype),
  `operands are ${types.map(printType).join(", ")}, but the result is ${node.type.dtype}`,
];

const isAxis = (axis: number, { shape }: TensorType): boolean =>
  Number.isInteger(axis) && axis >= 0 && axis < shape.length;

const isCount = (n: number): boolean => Number.isInteger(n) && n >= 0;

function verifyScalar({ type, default: value }: ScalarNode): readonly string[] {
  return checkAll(
    [type.shape.length === 0, "a scalar has rank 0"],
    [type.dtype !== "f16" && type.dtype !== "bf16", `a scalar is no ${type.dtype}`],
    [
      value === undefined || isRepresentable(value, type.dtype),
      `default ${String(value)} is no ${type.dtype}`,
    ],
  );
}

function verifyMap(node: MapNode, types: readonly TensorType[]): readonly string[] {
  const { fn, type } = node;
  if (!isScalarOp(fn)) return [`unknown scalar op ${fn as string}`];
  const { arity, operands, result } = SCALAR_OPS[fn];
  if (types.length !== arity) return [`${fn} takes ${String(arity)} operands, not ${String(types.length)}`];
  const shown = types.map(printType).join(", ");
  const typed = fn === "where" ? types.slice(1) : types;
  const dtype = typed[0]?.dtype ?? type.dtype;
  return checkAll(
    [types.every((t) => sameShape(t.shape, type.shape)), `${shown} differ in shape from ${printType(type)}`],
    [
      fn !== "where" || types[0]?.dtype === "bool",
      `where selects by bool, not by ${printType(types[0] ?? type)}`,
    ],
    [typed.every((t) => t.dtype === dtype), `operands differ in dtype: ${shown}`],
    [acceptsDType(operands, dtype), `${fn} does not take ${dtype}`],
    [type.dtype === (result === "bool" ? "bool" : dtype), `${fn} of ${shown} is no ${type.dtype}`],
  );
}

function verifyReduce(node: ReduceNode, arg: TensorType): readonly string[] {
  const { fn, axes, type } = node;
  if (!Object.hasOwn(REDUCE_OPS, fn)) return [`unknown reduction ${fn as string}`];
  const ordered = axes.every((axis, i) => isAxis(axis, arg) && axis > (axes[i - 1] ?? -1));
  const reduced = new Set(axes);
  const kept = arg.shape.map((n, d) => (reduced.has(d) ? 1 : n));
  const empty = axes.some((axis) => arg.shape[axis] === 0);
  return checkAll(
    [reduceAccepts(fn, arg.dtype), `${fn} does not reduce ${arg.dtype}`],
    [axes.length > 0, "no axis is reduced"],
    [ordered, `axes [${axes.join(",")}] are not sorted, distinct axes of ${printType(arg)}`],
    [type.dtype === reducedDType(fn, arg.dtype), `${fn} of ${printType(arg)} is no ${type.dtype}`],
    [sameShape(kept, type.shape), `the result of reducing ${printType(arg)} has shape [${kept.join(",")}]`],
    [
      !empty || REDUCE_OPS[fn].identity !== null,
      `${fn} over zero elements of ${printType(arg)} has no value`,
    ],
  );
}

function verifyTranspose(node: TransposeNode, arg: TensorType): readonly string[] {
  const { perm, type } = node;
  const permuted = perm.map((d) => arg.shape[d] ?? -1);
  return checkAll(
    sameDType(node, [arg]),
    [
      perm.length === arg.shape.length &&
        new Set(perm).size === perm.length &&
        perm.every((d) => isAxis(d, arg)),
      `perm [${perm.join(",")}] is no permutation of the axes of ${printType(arg)}`,
    ],
    [sameShape(permuted, type.shape), `perm [${perm.join(",")}] makes ${printType(arg)} another shape`],
  );
}

function verifySlice(node: SliceNode, arg: TensorType): readonly string[] {
  const { start, step, type } = node;
  const rank = arg.shape.length;
  if (start.length !== rank || step.length !== rank || type.shape.length !== rank)
    return [`start, step and result need one entry for each axis of ${printType(arg)}`];
  const inside = type.shape.every((length, d) => {
    const last = (start[d] ?? 0) + Math.max(0, length - 1) * (step[d] ?? 1);
    return length === 0 || last < (arg.shape[d] ?? 0);
  });
  return checkAll(
    sameDType(node, [arg]),
    [start.every(isCount), `start [${start.join(",")}] is not whole and non-negative`],
    [step.every((n) => isCount(n) && n > 0), `step [${step.join(",")}] is not whole and positive`],
    [inside, `the slice reads past the end of ${printType(arg)}`],
  );
}

function verifyPad(node: PadNode, arg: TensorType): readonly string[] {
  const { low, high, type, value } = node;
  if (low.length !== arg.shape.length || high.length !== arg.shape.length)
    return [`low and high need one entry for each axis of ${printType(arg)}`];
  const padded = arg.shape.map((n, d) => n + (low[d] ?? 0) + (high[d] ?? 0));
  return checkAll(
    sameDType(node, [arg]),
    [[...low, ...high].every(isCount), "low and high are not whole and non-negative"],
    [sameShape(padded, type.shape), `padding ${printType(arg)} gives shape [${padded.join(",")}]`],
    [isRepresentable(value, type.dtype), `${String(value)} is no ${type.dtype}`],
  );
}

function verifyConcat(node: ConcatNode, types: readonly TensorType[]): readonly string[] {
  const { axis, type } = node;
  if (types.length === 0) return ["concat has no operand"];
  if (!isAxis(axis, type)) return [`axis ${String(axis)} is not one of ${printType(type)}`];
  const total = types.reduce((n, { shape }) => n + (shape[axis] ?? 0), 0);
  const agree = types.every(
    ({ shape }) =>
      shape.length === type.shape.length && shape.every((n, d) => d === axis || n === type.shape[d]),
  );
  return checkAll(
    sameDType(node, types),
    [agree, `${types.map(printType).join(", ")} differ from ${printType(type)} off axis ${String(axis)}`],
    [total === type.shape[axis], `lengths along axis ${String(axis)} add up to ${String(total)}`],
  );
}

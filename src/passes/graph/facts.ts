/**
 * What is known of a value beyond its type: the side conditions of rewrites.
 *
 * Requires: nodes come in order (operands before users), as they do during a rewrite.
 * Ensures:  each node is looked at once, after its operands, whatever the order of questions: linear time, no
 *           recursion. A fact that is not claimed is unknown, not false.
 */
import { isFloat } from "../../ir/dtype.ts";
import type { DType } from "../../ir/dtype.ts";
import type { MapNode, Node, NodeId, ReduceNode } from "../../ir/graph.ts";
import { givesPosition } from "../../ir/reduce-ops.ts";
import { roundTo } from "../../ir/round.ts";

export interface ValueFacts {
  /** No element is negative, -0 included. It may be nan. */
  readonly nonNegative: boolean;
  /** Every element is exactly representable in the dtype: a cast to that dtype would change nothing. */
  readonly rounded: boolean;
  /** Every element is a whole number, infinite or nan: rounding to whole numbers would change nothing. */
  readonly whole: boolean;
}

const NOTHING: ValueFacts = { nonNegative: false, rounded: false, whole: false };

/** Largest n for which all of 0..n are exact in f32. */
const F32_WHOLE = 2 ** 24;

/** Answers for the ids of a growing list of nodes, `at` gives a node that is already in it. */
export function deriveFacts(at: (id: NodeId) => Node): (id: NodeId) => ValueFacts {
  const facts: ValueFacts[] = [];
  const known = (id: NodeId): ValueFacts => facts[id] ?? NOTHING;
  return (id) => {
    while (facts.length <= id) facts.push(factsOf(at(facts.length), known));
    return known(id);
  };
}

type Known = (id: NodeId) => ValueFacts;

function factsOf(node: Node, known: Known): ValueFacts {
  const { dtype } = node.type;
  if (dtype === "bool" || dtype === "u32") return { nonNegative: true, rounded: true, whole: true };
  const claimed = claimFacts(node, known);
  // Integers are whole and exact whatever computed them. Signs are not so easy: sums and products wrap around.
  return isFloat(dtype) ? claimed : { ...claimed, rounded: true, whole: true };
}

function claimFacts(node: Node, known: Known): ValueFacts {
  switch (node.op) {
    case "param":
    case "scalar":
      return { ...NOTHING, rounded: true };
    case "const":
      return {
        nonNegative: isNonNegative(node.value),
        rounded: isRounded(node.value, node.type.dtype),
        whole: isWhole(node.value),
      };
    case "iota":
      return {
        nonNegative: true,
        rounded: (node.type.shape[node.axis] ?? 0) <= F32_WHOLE && node.type.dtype === "f32",
        whole: true,
      };
    case "map":
      return mapFacts(node, known);
    case "cast": {
      // Rounding keeps signs and whole numbers; u32 to i32 does not keep signs.
      const { nonNegative, whole } = known(node.arg);
      return { nonNegative: nonNegative && isFloat(node.type.dtype), rounded: true, whole };
    }
    case "reduce":
      return reduceFacts(node, known);
    case "reshape":
    case "transpose":
    case "broadcast":
    case "slice":
      return known(node.arg);
    case "pad": {
      const inner = known(node.arg);
      return {
        nonNegative: inner.nonNegative && isNonNegative(node.value),
        rounded: inner.rounded && isRounded(node.value, node.type.dtype),
        whole: inner.whole && isWhole(node.value),
      };
    }
    case "concat":
      return commonFacts(node.args, known);
  }
}

function mapFacts(node: MapNode, known: Known): ValueFacts {
  const [first = -1, second = -1, third = -1] = node.args;
  const all = commonFacts(node.args, known);
  const float = isFloat(node.type.dtype);
  const { nonNegative, rounded } = known(first);
  switch (node.fn) {
    case "neg":
      return { ...all, nonNegative: false };
    case "abs":
      return { ...all, nonNegative: float }; // abs of the least integer is the least integer
    case "max":
      return { ...all, nonNegative: nonNegative || known(second).nonNegative };
    case "min":
      return all;
    case "where":
      return commonFacts([second, third], known);
    case "floor":
    case "ceil":
    case "round":
    case "trunc":
    case "sign":
      return { nonNegative, rounded, whole: true }; // a format that holds x holds the whole numbers beside it
    case "exp":
    case "exp2":
    case "ndtr":
      return { ...NOTHING, nonNegative: true };
    case "sqrt":
    case "rsqrt":
    case "expm1":
    case "log1p":
    case "tanh":
    case "atan":
    case "asinh":
    case "erf":
      return { ...NOTHING, nonNegative };
    case "mul":
      return { ...NOTHING, nonNegative: float && (all.nonNegative || first === second) };
    case "pow":
      return { ...NOTHING, nonNegative: float && nonNegative };
    case "add":
    case "div":
      return { ...NOTHING, nonNegative: float && all.nonNegative };
    default:
      return NOTHING;
  }
}

function reduceFacts(node: ReduceNode, known: Known): ValueFacts {
  const inner = known(node.arg);
  if (givesPosition(node.fn)) return { nonNegative: true, rounded: true, whole: true };
  if (node.fn === "max" || node.fn === "min") return inner;
  return { ...NOTHING, nonNegative: inner.nonNegative && isFloat(node.type.dtype) };
}

const commonFacts = (ids: readonly NodeId[], known: Known): ValueFacts => ({
  nonNegative: ids.every((id) => known(id).nonNegative),
  rounded: ids.every((id) => known(id).rounded),
  whole: ids.every((id) => known(id).whole),
});

const isNonNegative = (value: number): boolean => value >= 0 && !Object.is(value, -0);
/** A const of a 16-bit dtype may hold any f32. */
const isRounded = (value: number, dtype: DType): boolean => Object.is(roundTo(dtype, value), value);
const isWhole = (value: number): boolean => Number.isInteger(value) || !Number.isFinite(value);

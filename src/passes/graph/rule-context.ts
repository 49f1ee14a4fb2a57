/**
 * What a rule of the simplifier may ask (`Terms`, side conditions) and how it says what to put in place (`b.mul(m.x, m.x)`).
 *
 * Requires: operands that are already in the new graph.
 * Ensures:  what is built is well typed: shape from the first operand, dtype from the op table.
 */
import type { DType, TensorType } from "../../ir/dtype.ts";
import type { Node, NodeId } from "../../ir/graph.ts";
import { SCALAR_OP_NAMES, SCALAR_OPS } from "../../ir/scalar-ops.ts";
import type { ScalarOp } from "../../ir/scalar-ops.ts";
import type { ValueFacts } from "./facts.ts";

/** Questions about values. */
export interface Terms {
  readonly type: (id: NodeId) => TensorType;
  readonly isConst: (id: NodeId) => boolean;
  /** Value of a const; nan where the node is something else. */
  readonly value: (id: NodeId) => number;
  readonly facts: (id: NodeId) => ValueFacts;
}

type MapBuilders = Readonly<Record<ScalarOp, (...args: NodeId[]) => NodeId>>;

/** Builds nodes, each of them simplified in turn. */
export interface Build extends MapBuilders {
  /** A const of the type of `like`. */
  readonly constant: (value: number, like: NodeId) => NodeId;
  readonly bool: (value: boolean, like: NodeId) => NodeId;
  readonly cast: (x: NodeId, dtype: DType) => NodeId;
  /** `x` repeated to the given shape. */
  readonly broadcast: (x: NodeId, shape: readonly number[]) => NodeId;
}

export function createTerms(at: (id: NodeId) => Node, facts: (id: NodeId) => ValueFacts): Terms {
  return {
    type: (id) => at(id).type,
    isConst: (id) => at(id).op === "const",
    value: (id) => {
      const node = at(id);
      return node.op === "const" ? node.value : Number.NaN;
    },
    facts,
  };
}

export function createBuild(at: (id: NodeId) => Node, emit: (node: Node) => NodeId): Build {
  const typeOf = (id: NodeId): TensorType => at(id).type;
  const map = (fn: ScalarOp, args: readonly NodeId[]): NodeId => {
    const [first = -1, second = -1] = args;
    const { shape, dtype } = typeOf(fn === "where" ? second : first);
    return emit({
      op: "map",
      fn,
      args,
      type: { dtype: SCALAR_OPS[fn].result === "bool" ? "bool" : dtype, shape },
    });
  };
  const maps = Object.fromEntries(
    SCALAR_OP_NAMES.map((fn) => [fn, (...args: NodeId[]) => map(fn, args)]),
  ) as MapBuilders;
  return {
    ...maps,
    constant: (value, like) => emit({ op: "const", value, type: typeOf(like) }),
    bool: (value, like) =>
      emit({ op: "const", value: Number(value), type: { dtype: "bool", shape: typeOf(like).shape } }),
    cast: (x, dtype) => emit({ op: "cast", arg: x, type: { dtype, shape: typeOf(x).shape } }),
    broadcast: (x, shape) => emit({ op: "broadcast", arg: x, type: { dtype: typeOf(x).dtype, shape } }),
  };
}

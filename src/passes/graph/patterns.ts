/**
 * Patterns over graph nodes, as the rule table writes them: `p.mul("x", 1)`.
 *
 * - `"x"`, `"y"`, `"z"` match any value, `"c"` and `"d"` only a const; a name that stands twice must be one node both times.
 * - A number or a boolean matches a const of exactly that value: 0 is not -0.
 * - `p.mul(a, b)` matches a map node; operands of a commutative op in either order.
 * - `p.cast(a)` and `p.broadcast(a)` match nodes of that kind.
 * - `p.as("z", a)` matches what `a` matches, and names it.
 *
 * A pattern is as deep as the rule that holds it, so matching is constant work per node.
 */
import type { Node, NodeId } from "../../ir/graph.ts";
import { SCALAR_OP_NAMES, SCALAR_OPS } from "../../ir/scalar-ops.ts";
import type { ScalarOp, ScalarOpInfo } from "../../ir/scalar-ops.ts";

export type Variable = "x" | "y" | "z" | "c" | "d";

export interface NodePattern {
  /** `map.fn`, or the op of a node with one operand: what the root of a match must be. */
  readonly key: string;
  readonly operands: readonly Pattern[];
  readonly commutative: boolean;
  /** What the matched node is to be called. */
  readonly name?: Variable | undefined;
}
export type Pattern = Variable | number | boolean | NodePattern;

/** What the names of a pattern stand for. A name that the pattern lacks is `UNBOUND`, which no graph accepts. */
export type Match = Readonly<Record<Variable, NodeId>>;
const UNBOUND: NodeId = -1;
const NO_MATCH_YET: Match = { x: UNBOUND, y: UNBOUND, z: UNBOUND, c: UNBOUND, d: UNBOUND };

type Constructors = Readonly<
  Record<ScalarOp | "cast" | "broadcast", (...operands: Pattern[]) => NodePattern>
>;

const construct =
  (key: string, commutative = false) =>
  (...operands: Pattern[]): NodePattern => ({ key, operands, commutative });

function isCommutative(fn: ScalarOp): boolean {
  const { traits }: ScalarOpInfo = SCALAR_OPS[fn];
  return traits.includes("commutative");
}

const mapConstructors = Object.fromEntries(
  SCALAR_OP_NAMES.map((fn) => [fn, construct(`map.${fn}`, isCommutative(fn))]),
) as Readonly<Record<ScalarOp, (...operands: Pattern[]) => NodePattern>>;

const constructors: Constructors = {
  ...mapConstructors,
  cast: construct("cast"),
  broadcast: construct("broadcast"),
};

/** The patterns' vocabulary. */
export const p = {
  ...constructors,
  as: (name: Variable, pattern: NodePattern): NodePattern => ({ ...pattern, name }),
};

/** What `NodePattern.key` is compared with; undefined for nodes that no pattern matches. */
export function patternKey(node: Node): string | undefined {
  if (node.op === "map") return `map.${node.fn}`;
  return node.op === "cast" || node.op === "broadcast" ? node.op : undefined;
}

/** Matches `node`, whose operands `at` gives. */
export function matchNode(pattern: NodePattern, node: Node, at: (id: NodeId) => Node): Match | undefined {
  return matchOperands(pattern, node, at, NO_MATCH_YET);
}

function matchOperands(
  pattern: NodePattern,
  node: Node,
  at: (id: NodeId) => Node,
  bound: Match,
): Match | undefined {
  if (patternKey(node) !== pattern.key) return undefined;
  const ids = "args" in node ? node.args : "arg" in node ? [node.arg] : [];
  const inOrder = matchAll(pattern.operands, ids, at, bound);
  if (inOrder !== undefined || !pattern.commutative) return inOrder;
  return matchAll(pattern.operands, [...ids].reverse(), at, bound);
}

function matchAll(
  patterns: readonly Pattern[],
  ids: readonly NodeId[],
  at: (id: NodeId) => Node,
  bound: Match,
): Match | undefined {
  let match: Match | undefined = bound;
  for (const [position, id] of ids.entries()) {
    const pattern = patterns[position];
    if (pattern === undefined || match === undefined) return undefined;
    match = matchValue(pattern, id, at, match);
  }
  return match;
}

function matchValue(pattern: Pattern, id: NodeId, at: (id: NodeId) => Node, bound: Match): Match | undefined {
  const node = at(id);
  if (typeof pattern === "object") {
    const match = matchOperands(pattern, node, at, bound);
    return match === undefined || pattern.name === undefined ? match : bind(pattern.name, id, match);
  }
  if (typeof pattern === "string")
    return (pattern === "c" || pattern === "d") && node.op !== "const" ? undefined : bind(pattern, id, bound);
  return node.op === "const" && Object.is(node.value, Number(pattern)) ? bound : undefined;
}

/** The match with `name` bound to `id`; undefined where it is another node already. */
function bind(name: Variable, id: NodeId, bound: Match): Match | undefined {
  if (bound[name] === UNBOUND) return { ...bound, [name]: id };
  return bound[name] === id ? bound : undefined;
}

/**
 * Algebraic simplification: applies the rule table (`simplify-rules.ts`) until no rule matches any node.
 *
 * Requires: a verified graph. Patterns match commutative operands in either order, so this may run before or after
 *           `canonicalize`, but finds more after it (one spelling of views, comparisons with their const on the right).
 * Ensures:  every result has the value that it had, as far as the soundness classes of the rules that were allowed to
 *           run promise it. Linear time: operands are settled before their users, so each node is tried once.
 *
 *     %0 = const 2 : f32[4]               %0 = const 2 : f32[4]
 *     %1 = pow %x, %0              =>     %1 = abs %x
 *     %2 = sqrt %1                        (orphans, here %0, are left to `dce`)
 */
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { rewriteNodes } from "../../ir/rewrite-graph.ts";
import type { RewriteOutput } from "../../ir/rewrite-graph.ts";
import { foldNode } from "./fold-constants.ts";
import { deriveFacts } from "./facts.ts";
import { matchNode, patternKey } from "./patterns.ts";
import { createBuild, createTerms } from "./rule-context.ts";
import type { Relaxation, Rule } from "./rule.ts";
import { isAllowed, RULES } from "./simplify-rules.ts";

export interface SimplifyOptions {
  /** Changes of meaning that the caller accepts, as with a C compiler's fast-math flags. None by default. */
  readonly allow?: readonly Relaxation[] | undefined;
  /** The table to use, all of it by default. */
  readonly rules?: readonly Rule[] | undefined;
  /** Told the name of each rule that fires: tests ask whether every rule does. */
  readonly onRule?: ((name: string) => void) | undefined;
}

/** Replacements of replacements that are followed at once. What is left after them waits for the next round. */
const MAX_DEPTH = 8;

export function simplify(graph: Graph, options: SimplifyOptions = {}): Graph {
  const rules = indexRules((options.rules ?? RULES).filter((rule) => isAllowed(rule, options.allow ?? [])));
  let facts: ReturnType<typeof deriveFacts> | undefined;
  return rewriteNodes(graph, (node, _id, output) => {
    facts ??= deriveFacts(output.at);
    return settle(node, { rules, output, facts, onRule: options.onRule }, MAX_DEPTH);
  });
}

function indexRules(rules: readonly Rule[]): ReadonlyMap<string, readonly Rule[]> {
  const byKey = new Map<string, Rule[]>();
  for (const rule of rules) {
    const known = byKey.get(rule.match.key);
    if (known === undefined) byKey.set(rule.match.key, [rule]);
    else known.push(rule);
  }
  return byKey;
}

interface Context {
  readonly rules: ReadonlyMap<string, readonly Rule[]>;
  readonly output: RewriteOutput;
  readonly facts: ReturnType<typeof deriveFacts>;
  readonly onRule: ((name: string) => void) | undefined;
}

/** The value that stands for `node` after the first rule that matches, undefined when none does. */
function settle(node: Node, context: Context, depth: number): NodeId | undefined {
  const key = patternKey(node);
  const rules = key === undefined || depth === 0 ? [] : (context.rules.get(key) ?? []);
  if (rules.length === 0) return undefined;
  const { at, emit } = context.output;
  const terms = createTerms(at, context.facts);
  for (const rule of rules) {
    const match = matchNode(rule.match, node, at);
    if (match === undefined || rule.when?.(match, terms, node) === false) continue;
    const build = createBuild(at, (made) => {
      const folded = foldNode(made, at) ?? made;
      return settle(folded, context, depth - 1) ?? emit(folded);
    });
    context.onRule?.(rule.name);
    return rule.build(match, build, node, terms);
  }
  return undefined;
}

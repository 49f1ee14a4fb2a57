/** What `explainCompiled` says of a traced program: statements by op and line, all that decisions speak of listed. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled, type Explanation } from "../../src/explain.ts";
import { grad } from "../../src/frontend/trace/derivatives.ts";
import { softmax } from "../../src/frontend/trace/library-functions.ts";
import { f32, trace } from "../../src/frontend/trace/trace.ts";
import type { TracedTensor } from "../../src/frontend/trace/traced-tensor.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { PROFILE_NAMES } from "../../src/ir/profile.ts";
import { profileNamed } from "../support/pipeline-golden.ts";

const bothWays = (x: TracedTensor): TracedTensor => {
  const y = softmax(x, { axis: -1 });
  return y.add(y.transpose());
};

/** A layer norm's gradient by its weight and its input: sums along rows and along columns. */
const loss = (x: TracedTensor, weight: TracedTensor): TracedTensor => {
  const centred = x.sub(x.mean({ axis: -1, keepdims: true }));
  const variance = centred.mul(centred).mean({ axis: -1, keepdims: true });
  return centred.div(variance.add(1e-5).sqrt()).mul(weight).tanh().sum();
};

const GRAPHS: Readonly<Record<string, Graph>> = {
  bothWays: trace(bothWays, [f32(256, 256)]).graph,
  gradient: trace(grad(loss, { argnums: [0, 1] }), [f32(4096, 256), f32(256)]).graph,
};

const explain = (graph: Graph, profile: string, fuse = true): Explanation =>
  explainCompiled(compileGraph(graph, { profile: profileNamed(profile), fuse }), profileNamed(profile));

test("reasons name no statement by its number where lines tell them apart", () => {
  const graph = GRAPHS["bothWays"];
  if (graph === undefined) throw new Error("the graph is missing");
  const { kernels, statements } = explain(graph, "default");
  const labels = statements.map(({ label }) => label);
  expect(labels.map((label) => label.replace(/:\d+\)$/, ")"))).toEqual([
    "max over j (explain-reasons.test.ts)",
    "exp (explain-reasons.test.ts)",
    "sum over j (explain-reasons.test.ts)",
    "div (explain-reasons.test.ts)",
    "add (explain-reasons.test.ts)",
    "exp again (explain-reasons.test.ts)",
    "div again (explain-reasons.test.ts)",
  ]);
  const [max = "", exp = "", sum = "", div = "", add = ""] = labels;
  expect(kernels.map(({ reasons }) => reasons.map((reason) => reason.replace(/, saves .*/, "")))).toEqual([
    [`fused: ${exp} with ${max}`, `fused: ${sum} with ${exp}`, `fused: ${div} with ${sum}`],
    [
      `not fused: ${add} with ${div}: ${add} reads ${max} at other positions than its own`,
      `computed again: ${exp}, ${div}, rather than stored by another kernel`,
    ],
  ]);
});

test.each(Object.keys(GRAPHS))("%s: whatever is spoken of is listed, with its place", (name) => {
  const graph = GRAPHS[name];
  if (graph === undefined) throw new Error("the graph is missing");
  for (const profile of PROFILE_NAMES) {
    const { kernels, statements } = explain(graph, profile);
    const listed = new Set(statements.map((s) => s.name));
    expect(statements.filter(({ span }) => span === undefined)).toEqual([]);
    expect(new Set(statements.map(({ label }) => label)).size).toBe(statements.length);
    for (const { decisions, reasons, dispatches, statements: own } of kernels) {
      const spoken = decisions.flatMap((d) =>
        d.kind === "computed-again" ? d.statements : [d.statement, d.with],
      );
      expect([...own, ...spoken].filter((s) => !listed.has(s))).toEqual([]);
      expect(reasons.length).toBe(decisions.length + (dispatches > 1 ? 1 : 0));
    }
  }
});

test("one kernel per op: all are listed, nothing was decided", () => {
  const graph = GRAPHS["bothWays"];
  if (graph === undefined) throw new Error("the graph is missing");
  const { kernels, statements } = explain(graph, "default", false);
  expect(kernels.flatMap((kernel) => kernel.statements).sort()).toEqual(
    statements.map(({ name }) => name).sort(),
  );
  expect(kernels.flatMap(({ decisions }) => decisions)).toEqual([]);
});

/** Kernels that the browser compiles agree with PyTorch within the tolerances of its vectors, in a page and in a worker. */
import { expect, test } from "vitest";
import { printGraph } from "../../src/ir/print-graph.ts";
import {
  checkCases,
  checkGradients,
  GOLDEN_GROUPS,
  type Backend,
  type BackendOutput,
} from "../golden-pytorch/conformance.ts";
import { readGoldenGroup } from "../golden-pytorch/golden-data.ts";
import { describeBrowser } from "./describe-browser.ts";
import type { GraphResult, GraphRun } from "./pages/cases/graphs.ts";
import type { Tab, Where } from "./site.ts";

/** Of each group, so that every op, dtype and kind of case comes along; Node runs them all. */
const EVERY = 25;

/** Twelve gradients in one graph take the browser long to compile, tensors of megabytes long to send. */
const TOO_LONG: readonly string[] = ["weight_norm_second", "big"];

const sample = Object.keys(GOLDEN_GROUPS)
  .filter((group) => !TOO_LONG.includes(group))
  .flatMap(readGoldenGroup)
  .filter((_, index) => index % EVERY === 0);

describeBrowser("PyTorch golden vectors in Chromium", (browser) => {
  test.each<Where>(["page", "worker"])("in a %s", async (where) => {
    const tab = await (await browser().serve()).open(where);
    const backend = backendOf(tab);
    expect(await checkCases(backend, sample)).toEqual([]);
    expect(
      await checkGradients(
        backend,
        sample.filter((_, index) => index % 4 === 0),
      ),
    ).toEqual([]);
    expect(await tab.call("graphs", "countDispatches")).toBeGreaterThan(sample.length);
  });
});

const backendOf = (tab: Tab): Backend => ({
  name: "Chromium",
  hasDriver: true,
  run: async (graph, inputs) => {
    const values = [...inputs].map(([name, list]) => [name, Array.from(list, String)] as const);
    const run: GraphRun = { graph: printGraph(graph), inputs: Object.fromEntries(values) };
    const results = await tab.call<readonly GraphResult[]>("graphs", "runGraph", run);
    return new Map(
      results.map(({ name, dtype, shape, values }): [string, BackendOutput] => [
        name,
        { dtype, shape, values: values.map(Number) },
      ]),
    );
  },
});

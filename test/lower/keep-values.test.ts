/** Chains of dependent norms in one kernel: values that are long to compute stay in registers from phase to phase. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { f32, layerNorm, trace, type TracedTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { checkProgram } from "../support/check-program.ts";

function chainOf(norms: number, shape: readonly number[]): Graph {
  const fn = (x: TracedTensor): TracedTensor => {
    let y = x;
    for (let i = 0; i < norms; i++) y = layerNorm(y.mul(1.5).add(y.mul(y).mul(0.1)));
    return y;
  };
  return trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;
}

const profile = findProfile("default");
if (profile === undefined) throw new Error("there is no profile default");

test("a chain of norms is one kernel, whose text grows with its length and not with its square", () => {
  const lengths = [4, 8, 16].map((norms) => {
    const { kernels } = compileGraph(chainOf(norms, [256, 256]), { profile, check: true });
    expect(kernels).toHaveLength(1);
    return kernels[0]?.emitted.wgsl.length ?? 0;
  });
  const [four = 0, eight = 0, sixteen = 0] = lengths;
  // Equal steps in length for equal steps in norms, give or take a fifth: squares would double the second step again.
  expect(sixteen - eight).toBeLessThan(2.4 * (eight - four));
});

test.each([[[5, 37]], [[4, 64]], [[3, 300]]])(
  "a chain of norms over %j agrees with the oracle",
  async (shape) => {
    const length = shape.reduce((n, d) => n * d, 1);
    const x = Float64Array.from({ length }, (_, i) => Math.fround(Math.sin(1.7 * i)));
    const { failures } = await checkProgram(
      { graph: chainOf(3, shape), inputs: new Map([["x", x]]) },
      { profile },
    );
    expect(failures).toEqual([]);
  },
);

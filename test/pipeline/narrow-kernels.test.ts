/** f16 and bf16 tensors fuse as f32 ones do: paired reductions, pieces, shared sums, in as many kernels. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import {
  bf16,
  f16,
  f32,
  layerNorm,
  logsumexp,
  softmax,
  std,
  trace,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";

type Shape = readonly number[];
const PROGRAMS: Readonly<
  Record<string, readonly [(x: TracedTensor, g: TracedTensor) => TracedTensor, readonly Shape[]]>
> = {
  "softmax of long rows": [(x) => softmax(x), [[100, 50_257]]],
  "logsumexp of long rows": [(x) => logsumexp(x, { axis: 1 }), [[100, 50_257]]],
  "layer norm of long rows": [(x) => layerNorm(x), [[16, 60_000]]],
  "deviation of all": [(x) => std(x), [[1 << 20]]],
  "weight norm of all": [(v, g) => weightNorm(v, g, { dim: null }), [[512, 1024], []]],
};

test.each(PROFILE_NAMES)("%s", (name) => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  for (const [label, [fn, shapes]] of Object.entries(PROGRAMS)) {
    const [wide, ...narrow] = [f32, f16, bf16].map((type) => {
      const types = shapes.map((shape) => type(...shape));
      const { graph } = trace(fn, types, {
        parameterNames: ["x", "g"].slice(0, types.length),
        locate: false,
      });
      return compileGraph(graph, { profile, check: true }).kernels.length;
    });
    expect(narrow, label).toEqual([wide, wide]);
  }
});

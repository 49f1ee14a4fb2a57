/** Norms over the last axis, rows up to 4096 f32, however many or few: one kernel, and no byte above the floor. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import {
  cosineSimilarity,
  f32,
  layerNorm,
  logSoftmax,
  norm,
  normalize,
  rmsNorm,
  softmax,
  trace,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import { findProfile, type ProfileName } from "../../src/ir/profile.ts";

type Shapes = (rows: number, length: number) => readonly (readonly number[])[];
const one: Shapes = (n, d) => [[n, d]];

const NORMS: Readonly<
  Record<string, readonly [(x: TracedTensor, y: TracedTensor, z: TracedTensor) => TracedTensor, Shapes]>
> = {
  "weight norm": [
    (v, g) => weightNorm(v, g, { dim: 0 }),
    (n, d) => [
      [n, d],
      [n, 1],
    ],
  ],
  "l2 norm": [(x) => norm(x, { axis: -1 }), one],
  normalize: [(x) => normalize(x, { axis: -1 }), one],
  softmax: [(x) => softmax(x, { axis: -1 }), one],
  "log softmax": [(x) => logSoftmax(x, { axis: -1 }), one],
  "layer norm": [(x, weight, bias) => layerNorm(x, { weight, bias }), (n, d) => [[n, d], [d], [d]]],
  "rms norm": [(x, weight) => rmsNorm(x, { weight }), (n, d) => [[n, d], [d]]],
  "cosine similarity": [
    (x, y) => cosineSimilarity(x, y, { axis: -1 }),
    (n, d) => [
      [n, d],
      [n, d],
    ],
  ],
};
const ROWS = [1, 2, 16, 512, 100_000];
const LENGTHS = [3, 17, 64, 257, 2048, 4095, 4096];
const PROFILES: readonly ProfileName[] = ["default", "nvidia", "apple", "intel"];

test.each(PROFILES)("%s", (name) => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  for (const [label, [fn, shapes]] of Object.entries(NORMS)) {
    for (const rows of ROWS) {
      for (const length of LENGTHS) {
        const types = shapes(rows, length).map((shape) => f32(...shape));
        const { graph } = trace(fn, types, {
          parameterNames: ["x", "y", "z"].slice(0, types.length),
          locate: false,
        });
        const { dispatches, bytes } = explainCompiled(compileGraph(graph, { profile }), profile);
        expect(
          { dispatches, over: bytes.moved - bytes.floor },
          `${label} [${String(rows)},${String(length)}]`,
        ).toEqual({
          dispatches: 1,
          over: 0,
        });
      }
    }
  }
});

/** The table of README.md: what common norms cost, as `explainCompiled` tells it for the profile "default". */
import {
  batchNorm,
  compileGraph,
  cosineSimilarity,
  demodulate,
  explainCompiled,
  f32,
  findProfile,
  globalResponseNorm,
  type Graph,
  groupNorm,
  instanceNorm,
  layerNorm,
  norm,
  rmsNorm,
  softmax,
  trace,
  weightNorm,
  weightStandardize,
} from "tensorweft";

const MATRIX = f32(4096, 1024);
const IMAGES = f32(8, 64, 32, 32);
const PER_CHANNEL = f32(64);
const CONV = f32(512, 512, 3);
const EACH_FEATURE = f32(1024);

const ROWS: readonly (readonly [string, Graph])[] = [
  ["L2, last axis", trace((x) => x.div(norm(x, { axis: -1, keepdims: true })), [MATRIX]).graph],
  ["L2, first axis", trace((x) => x.div(norm(x, { axis: 0, keepdims: true })), [MATRIX]).graph],
  ["L2, whole tensor", trace((x) => x.div(norm(x)), [MATRIX]).graph],
  [
    "p = 1.5, axes 1 and 3",
    trace((x) => x.div(norm(x, { ord: 1.5, axis: [1, 3], keepdims: true })), [IMAGES]).graph,
  ],
  ["`weightNorm`, dim 0", trace((v, g) => weightNorm(v, g), [CONV, f32(512, 1, 1)]).graph],
  ["`weightNorm`, dim 1", trace((v, g) => weightNorm(v, g, { dim: 1 }), [CONV, f32(1, 512, 1)]).graph],
  ["`weightNorm`, dim 2", trace((v, g) => weightNorm(v, g, { dim: 2 }), [CONV, f32(1, 1, 3)]).graph],
  ["`weightNorm`, dim null", trace((v, g) => weightNorm(v, g, { dim: null }), [CONV, f32(1, 1, 1)]).graph],
  ["`rmsNorm`", trace((x, weight) => rmsNorm(x, { weight }), [MATRIX, EACH_FEATURE]).graph],
  [
    "`layerNorm`",
    trace((x, weight, bias) => layerNorm(x, { weight, bias }), [MATRIX, EACH_FEATURE, EACH_FEATURE]).graph,
  ],
  ["`softmax`", trace((x) => softmax(x, { axis: -1 }), [MATRIX]).graph],
  ["`cosineSimilarity`", trace((x, y) => cosineSimilarity(x, y, { axis: -1 }), [MATRIX, MATRIX]).graph],
  [
    "`instanceNorm`",
    trace((x, weight, bias) => instanceNorm(x, { weight, bias }), [IMAGES, PER_CHANNEL, PER_CHANNEL]).graph,
  ],
  [
    "`groupNorm`, 8 groups",
    trace(
      (x, weight, bias) => groupNorm(x, { numGroups: 8, weight, bias }),
      [IMAGES, PER_CHANNEL, PER_CHANNEL],
    ).graph,
  ],
  [
    "`batchNorm`, inference",
    trace((x, mean, variance) => batchNorm(x, mean, variance), [IMAGES, PER_CHANNEL, PER_CHANNEL]).graph,
  ],
  [
    "`globalResponseNorm`",
    trace(
      (x, gamma, beta) => globalResponseNorm(x, gamma, beta),
      [f32(8, 32, 32, 64), PER_CHANNEL, PER_CHANNEL],
    ).graph,
  ],
  ["`weightStandardize`", trace((w) => weightStandardize(w), [f32(512, 512, 3, 3)]).graph],
  ["`demodulate`", trace((w, s) => demodulate(w, s), [f32(128, 128, 3, 3), f32(4, 128)]).graph],
];

/** The table in Markdown, without a trailing line break. */
export function printNormTable(): string {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("the profile is missing");
  const measure = (graph: Graph, fuse: boolean): readonly [string, string] => {
    const { dispatches, bytes } = explainCompiled(compileGraph(graph, { profile, fuse }), profile);
    return [String(dispatches), (bytes.moved / bytes.floor).toFixed(2)];
  };
  const rows = ROWS.map(([title, graph]) => {
    const shape = graph.nodes[0]?.type.shape ?? [];
    const [kernels, traffic] = measure(graph, true);
    const [kernelsApart, trafficApart] = measure(graph, false);
    return [title, shape.join("x"), kernels, kernelsApart, traffic, trafficApart];
  });
  const head = ["Norm", "Shape", "Kernels", "unfused", "Traffic / floor", "unfused"];
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => (i < 2 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

/** The weight norms of a state dict folded into plain weights, split again, and what is refused. */
import {
  compileGraph,
  f32,
  findProfile,
  foldWeightNorm,
  openDevice,
  renderDiagnostics,
  renderStage,
  type Tensor,
  TensorweftError,
  trace,
  type TracedTensor,
  unfoldWeightNorm,
  weightNorm,
} from "tensorweft";

const device = await openDevice();
const v = Float32Array.from({ length: 24 }, (_, i) => ((i * 7) % 11) - 4.5);
const g = Float32Array.of(1, 2, -3, 0.5);

// PyTorch's names, of both APIs. The second g belongs to axis 1 of its v: its shape says so.
const checkpoint = new Map<string, Tensor>([
  ["pre.weight_g", device.tensor(g, [4, 1, 1])],
  ["pre.weight_v", device.tensor(v, [4, 3, 2])],
  ["pre.bias", device.tensor([0, 0, 0, 0])],
  ["up.parametrizations.weight.original0", device.tensor(g.subarray(0, 3), [1, 3, 1])],
  ["up.parametrizations.weight.original1", device.tensor(v, [4, 3, 2])],
]);
const folded = foldWeightNorm(checkpoint);
for (const [name, tensor] of folded) console.log(`${name}: ${tensor.dtype}[${tensor.shape.join(",")}]`);

/** The greatest distance from the formula, written plainly: `position` is where the norm of element i belongs. */
async function worstError(name: string, positions: number, position: (i: number) => number): Promise<number> {
  const sums = Array.from({ length: positions }, (_, p) =>
    v.reduce((sum, x, i) => (position(i) === p ? sum + x * x : sum), 0),
  );
  const values = [...((await folded.get(name)?.read()) ?? [])];
  const errors = values.map((w, i) => {
    const p = position(i);
    return Math.abs(w - ((v[i] ?? 0) * (g[p] ?? 0)) / Math.sqrt(sums[p] ?? 0));
  });
  return errors.length === v.length ? Math.max(...errors) : NaN;
}
const byRow = await worstError("pre.weight", 4, (i) => Math.floor(i / 6));
const byColumn = await worstError("up.weight", 3, (i) => Math.floor(i / 2) % 3);
console.log(`agrees with the formula: ${byRow < 1e-6 && byColumn < 1e-6}`);

// The way back: v is the weight itself, g its norms.
const split = unfoldWeightNorm(folded, { names: ["pre.weight"], dim: 0 });
console.log([...split.keys()].join(" "));
const gains = [...((await split.get("pre.weight_g")?.read()) ?? [])];
console.log(`its norms: ${gains.map((gain) => gain.toFixed(4)).join(" ")}`);

// A square weight and a gain of one axis: which axis is meant, nobody can see. A rule says it.
const square = new Map([
  ["q.weight_g", device.tensor([1, 2])],
  ["q.weight_v", device.tensor([3, 4, 6, 8], [2, 2])],
]);
try {
  foldWeightNorm(square);
} catch (error) {
  if (!(error instanceof TensorweftError)) throw error;
  console.log(`\n${renderDiagnostics(error.diagnostics, new Map())}`);
}
const byRule = foldWeightNorm(square, { rules: [{ names: "q.*", dim: 0 }] }).get("q.weight");
console.log([...((await byRule?.read()) ?? [])].map((x) => x.toFixed(2)).join(" "));
device.dispose();

// The kernel of one layer, for a built-in profile: no device is asked, so the text is the same everywhere.
const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const merge = (v: TracedTensor, g: TracedTensor): TracedTensor => weightNorm.merge({ g, v });
const { graph } = trace(merge, [f32(512, 512, 3), f32(512, 1, 1)]);
console.log(`\n${renderStage(compileGraph(graph, { profile }), "wgsl")}`);

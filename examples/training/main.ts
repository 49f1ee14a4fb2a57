/**
 * Trains a small network on the device: two layers with weight norm, fitted to a function of two variables by stochastic
 * gradient descent. One compiled function is a whole step: forward, gradients of all parameters, update.
 *
 * A linear layer is sum(x * w) over a broadcast: right, and not fast. Matrix products are no business of this compiler.
 *
 *     npm run examples -- training
 *     node examples/training/main.ts loss.svg         also writes the curve of losses
 */
import { writeFile } from "node:fs/promises";
import {
  compileGraph,
  f32,
  findProfile,
  jit,
  mean,
  openDevice,
  sum,
  tanh,
  trace,
  weightNorm,
} from "tensorweft";
import type { Tensor, TracedTensor } from "tensorweft";
import { drawLosses } from "./draw-losses.ts";
import { descend } from "./sgd.ts";

type T = TracedTensor;

type Name = "v1" | "g1" | "b1" | "v2" | "g2" | "b2";
type Network = Readonly<Record<Name, T>>;

const [SAMPLES, INPUTS, HIDDEN, STEPS] = [128, 2, 24, 240];
const SHAPES = {
  v1: [HIDDEN, INPUTS],
  g1: [HIDDEN, 1],
  b1: [HIDDEN],
  v2: [1, HIDDEN],
  g2: [1, 1],
  b2: [1],
} as const satisfies Readonly<Record<Name, readonly number[]>>;

/** `x` of [n, inputs] times the transpose of a weight of [outputs, inputs]. */
const linear = (x: T, v: T, g: T, bias: T): T =>
  sum(x.expandDims(1).mul(weightNorm(v, g).expandDims(0)), { axis: 2 }).add(bias);

const predict = ({ v1, g1, b1, v2, g2, b2 }: Network, x: T): T =>
  linear(tanh(linear(x, v1, g1, b1)), v2, g2, b2);

const loss = (network: Network, x: T, y: T): T => mean(predict(network, x).sub(y).pow(2));

/** Numbers in [-1, 1) that are the same everywhere. */
function draw(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const device = await openDevice();
const x = device.tensor(draw(SAMPLES * INPUTS, 1), [SAMPLES, INPUTS]);
const targets = Float32Array.from({ length: SAMPLES }, (_, i) => {
  const [a = 0, b = 0] = draw(SAMPLES * INPUTS, 1).subarray(2 * i, 2 * i + 2);
  return Math.sin(3 * a) * b;
});
const y = device.tensor(targets, [SAMPLES, 1]);

const count = (shape: readonly number[]): number => shape.reduce((n, length) => n * length, 1);
const fill = (make: (n: number, seed: number) => Float32Array): Record<Name, Tensor> => {
  const tensorOf = (name: Name, seed: number): Tensor =>
    device.tensor(make(count(SHAPES[name]), seed), SHAPES[name]);
  return {
    v1: tensorOf("v1", 2),
    g1: tensorOf("g1", 3),
    b1: tensorOf("b1", 4),
    v2: tensorOf("v2", 5),
    g2: tensorOf("g2", 6),
    b2: tensorOf("b2", 7),
  };
};

// The tensors of a step are given to the next one, which may write its results in their place.
const update = descend(loss, { lr: 0.3, momentum: 0.9 });
const step = jit(update, { donate: [0, 1], name: "step" });
let params: Readonly<Record<Name, Tensor>> = fill(draw);
let velocity: Readonly<Record<Name, Tensor>> = fill((n) => new Float32Array(n));
const losses: Tensor[] = [];
for (let i = 0; i < STEPS; i++) {
  const done = step(params, velocity, x, y);
  losses.push(done.loss);
  ({ params, velocity } = done);
}
// Nothing was waited for until here: all steps are on their way.
const curve = await Promise.all(losses.map(async (each) => (await each.read())[0] ?? NaN));
for (let i = 0; i < STEPS; i += 20)
  console.log(`step ${String(i).padStart(3)}: loss ${curve[i]?.toFixed(4) ?? ""}`);
const [first = NaN, last = NaN] = [curve[0], curve.at(-1)];
console.log(`step ${String(STEPS - 1)}: loss ${last.toFixed(4)}`);
if (!(last < first / 50)) throw new Error(`the loss went from ${String(first)} to ${String(last)} only`);
console.log(`${String(step.counters.traces)} trace for ${String(step.counters.calls)} calls`);
device.dispose();

const svg = drawLosses(curve);
const line = svg.match(/ d="M[^"]*"/g)?.at(-1) ?? "";
console.log(`the curve is an SVG with ${String(line.match(/[ML]/g)?.length ?? 0)} points`);
const [path] = process.argv.slice(2);
if (path !== undefined) await writeFile(path, svg);

// What a step takes, for a built-in profile.
const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const types = {
  v1: f32(...SHAPES.v1),
  g1: f32(...SHAPES.g1),
  b1: f32(...SHAPES.b1),
  v2: f32(...SHAPES.v2),
  g2: f32(...SHAPES.g2),
  b2: f32(...SHAPES.b2),
};
const { graph } = trace(update, [types, types, f32(SAMPLES, INPUTS), f32(SAMPLES, 1)]);
console.log(`${String(compileGraph(graph, { profile }).kernels.length)} kernels a step`);

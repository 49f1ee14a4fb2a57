/** Numbers that change from call to call: a `scalar(...)` argument runs the same kernels, a plain number compiles new ones. */
import {
  clip,
  compileGraph,
  f32,
  findProfile,
  jit,
  openDevice,
  renderStage,
  scalar,
  softmax,
  trace,
} from "tensorweft";
import type { TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";

const logits = Float32Array.from([2, 1, 0, -1]);

/** The plain computation. */
function expectedAt(temperature: number): readonly number[] {
  const powers = [...logits].map((x) => Math.exp(x / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

async function check(what: string, temperature: number, actual: Promise<Iterable<number>>): Promise<void> {
  const values = [...(await actual)];
  const worst = Math.max(...expectedAt(temperature).map((y, i) => Math.abs((values[i] ?? NaN) - y)));
  if (!(worst < 1e-5)) throw new Error(`${what} is off by ${worst}`);
  console.log(`${what} at ${temperature.toFixed(1)}: ${values.map((y) => y.toFixed(4)).join(" ")}`);
}

const soften = (x: TracedTensor, temperature: TracedTensor): TracedTensor => softmax(x.div(temperature));
const device = await openDevice();
const x = device.tensor(logits);

// A scalar parameter: one trace, whatever the number.
const byScalar = jit(soften);
for (const temperature of [0.5, 1, 2])
  await check("jit", temperature, byScalar(x, scalar(temperature)).read());
console.log(`scalar(...): ${byScalar.counters.calls} calls, ${byScalar.counters.traces} trace\n`);

// A plain number is part of the program: the function sees its value, and every value is a program of its own.
const byNumber = jit((x: TracedTensor, limit: number) => clip(x, { max: limit }));
for (const limit of [0, 1, 1]) byNumber(x, limit);
console.log(`plain number: ${byNumber.counters.calls} calls, ${byNumber.counters.traces} traces\n`);

// In text, a parameter with a dtype and no shape is a scalar. It may have a default.
const kernels = loadText("kernel soften(x: f32[N], t: f32 = 1) -> (y: f32[N]) = softmax(x / t)");
const soften_ = kernels["soften"];
if (soften_ === undefined) throw new Error("there is no kernel soften");
for (const y of soften_([x])) await check("text", 1, y.read());
for (const y of soften_([x], { t: 2 })) await check("text", 2, y.read());
console.log(`text: ${soften_.counters.calls} calls, ${soften_.counters.traces} trace`);
device.dispose();

// The scalar is a field of the uniform block.
const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(soften, [f32(64), scalar(1)]);
console.log(`\n${renderStage(compileGraph(graph, { profile }), "wgsl")}`);

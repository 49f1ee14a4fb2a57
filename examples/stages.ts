/** Every stage of a compilation as text: the passes that changed something, then each artefact. */
import { compileGraph, f32, findProfile, jit, openDevice, renderStage, sum, trace } from "tensorweft";
import type { TracedTensor } from "tensorweft";

/** Rows to the unit sphere. The factor 1 and the second x * x are there to be removed. */
function toSphere(x: TracedTensor): TracedTensor {
  const length = sum(x.mul(x).mul(1), { axis: -1, keepdims: true }).sqrt();
  const squares = sum(x.mul(x), { axis: -1, keepdims: true });
  return x.div(length).mul(squares.gt(0).cast("f32"));
}

const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(toSphere, [f32(128, 64)]);
const changed: string[] = [];
const compiled = compileGraph(graph, {
  profile,
  check: true, // verify every artefact after every pass
  dump: (stage, text) => changed.push(`${stage} (${text.split("\n").length} lines)`),
});
console.log(`dumps: ${changed.join(", ")}\n`);
for (const stage of ["graph", "index", "groups", "kernel", "wgsl"] as const)
  console.log(`==== ${stage}\n${renderStage(compiled, stage)}`);

// The plan is JSON, WGSL included; here are its steps and buffers.
const { buffers, steps } = compiled.plan;
console.log(`==== plan\nbuffers ${JSON.stringify(buffers)}\nsteps ${JSON.stringify(steps)}\n`);

const x = Float32Array.from([3, 4, 0, -5, 12, 0]);
const device = await openDevice();
const values = [...(await jit(toSphere)(device.tensor(x, [2, 3])).read())];
device.dispose();
const expected = [3 / 5, 4 / 5, 0, -5 / 13, 12 / 13, 0];
const worst = Math.max(...expected.map((want, i) => Math.abs((values[i] ?? NaN) - want)));
if (!(worst < 1e-5)) throw new Error(`off by ${worst}`);
console.log(`==== run\n${values.map((value) => value.toFixed(4)).join(" ")}`);

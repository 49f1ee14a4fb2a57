/** The training loop of examples/training, step by step on a device, gives PyTorch's curves of losses. */
import { expect, test } from "vitest";
import { jit, openDevice, sum, weightNorm } from "tensorweft";
import type { Device, Tensor, TracedTensor } from "tensorweft";
import { descend } from "../../examples/training/sgd.ts";
import { describeGpu } from "../support/gpu.ts";
import { compareGolden } from "./compare-golden.ts";
import { readGoldenGroup } from "./golden-data.ts";
import type { GoldenCase } from "./golden-data.ts";

const cases = readGoldenGroup("weight_norm_second").filter(({ op }) => op === "weight_norm_sgd");

/** Greatest relative deviation of a loss. */
const MOST = 1e-4;

function readNumber({ id, attributes }: GoldenCase, name: string): number {
  const value = attributes.get(name);
  if (typeof value !== "number") throw new Error(`${id} has no number ${name}`);
  return value;
}

async function train(device: Device, golden: GoldenCase): Promise<void> {
  const tensorOf = (name: string): Tensor => {
    const input = golden.inputs.get(name);
    if (input === undefined || input === null) throw new Error(`${golden.id} has no ${name}`);
    return device.tensor(Float32Array.from(input.values()), input.shape);
  };
  const dim = golden.attributes.get("dim") === null ? null : readNumber(golden, "dim");
  type Weights = Readonly<Record<"v" | "g", TracedTensor>>;
  const loss = ({ v, g }: Weights, target: TracedTensor): TracedTensor =>
    sum(weightNorm(v, g, { dim }).sub(target).pow(2)).mul(0.5);
  const options = { lr: readNumber(golden, "lr"), momentum: readNumber(golden, "momentum") };
  const step = jit(descend(loss, options), { name: "step" });

  const target = tensorOf("target");
  let params: Readonly<Record<"v" | "g", Tensor>> = { v: tensorOf("v0"), g: tensorOf("g0") };
  const zeros = ({ shape }: Tensor): Tensor =>
    device.tensor(new Float32Array(shape.reduce((n, length) => n * length, 1)), shape);
  let velocity: Readonly<Record<"v" | "g", Tensor>> = { v: zeros(params.v), g: zeros(params.g) };
  const losses: number[] = [];
  const complaints: string[] = [];
  for (let k = 1; k <= readNumber(golden, "steps"); k++) {
    const done = step(params, velocity, target);
    losses.push((await done.loss.read())[0] ?? Number.NaN);
    ({ params, velocity } = done);
    for (const [name, tensor] of [
      ["v", params.v],
      ["g", params.g],
    ] as const) {
      const recorded = golden.outputs.find((output) => output.name === `${name}${k}`);
      if (recorded === undefined) continue;
      const values = await tensor.read();
      complaints.push(
        ...compareGolden(recorded, { shape: tensor.shape, values: Float64Array.from(values, Number) }),
      );
    }
  }
  expect(complaints).toEqual([]);
  const curve = golden.outputs.find(({ name }) => name === "losses")?.truth ?? [];
  expect(losses).toHaveLength(curve.length);
  for (const [k, want] of curve.entries())
    expect(Math.abs((losses[k] ?? Number.NaN) - want)).toBeLessThanOrEqual(MOST * want);
  expect(step.counters.traces).toBe(1);
}

test.each(cases)("$id on the CPU", async (golden) => {
  const device = await openDevice({ backend: "cpu" });
  await train(device, golden);
  device.dispose();
});

describeGpu("on WebGPU", () => {
  test.each(cases)("$id", async (golden) => {
    const device = await openDevice({ backend: "webgpu" });
    await train(device, golden);
    device.dispose();
  });
});

test("there are three curves", () => {
  expect(cases).toHaveLength(3);
});

/**
 * State dicts beside PyTorch's modules and MLX's layers: what becomes of names, parameters and layouts. docs/weight-norm.md lists
 * what is the same and what is not, and names these tests.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  foldWeightNorm,
  jit,
  openDevice,
  unfoldWeightNorm,
  weightNorm,
  type Device,
  type Tensor,
  type TracedTensor,
} from "../../src/index.ts";
import { foldExactly, makeLayer, type Layer } from "./checkpoint.ts";

let device: Device;
beforeAll(async () => {
  device = await openDevice({ backend: "cpu" });
});
afterAll(() => {
  device.dispose();
});

const numbers = async (tensor: Tensor | undefined): Promise<number[]> =>
  [...((await tensor?.read()) ?? [])].map(Number);

function expectNear(got: readonly number[], want: ArrayLike<number>): void {
  expect(got).toHaveLength(want.length);
  got.forEach((x, i) => {
    expect(Math.abs(x - (want[i] ?? Number.NaN))).toBeLessThanOrEqual(4e-7 * Math.abs(want[i] ?? Number.NaN));
  });
}

/** The halves of a layer under PyTorch's older names. */
const halvesOf = (name: string, { v, g, shape, dim }: Layer): readonly (readonly [string, Tensor])[] => [
  [
    `${name}_g`,
    device.tensor(
      [...g],
      shape.map((n, d) => (d === dim ? n : 1)),
    ),
  ],
  [`${name}_v`, device.tensor([...v], shape)],
];

test("any parameter by its name: a bias, every weight of an RNN by itself", async () => {
  const layers = new Map([
    ["rnn.weight_ih_l0", makeLayer([12, 3], 0, { seed: 1 })],
    ["rnn.weight_hh_l0", makeLayer([12, 4], 0, { seed: 2 })],
    ["rnn.weight_ih_l1_reverse", makeLayer([12, 8], 1, { seed: 3 })],
    ["lin.bias", makeLayer([5], 0, { seed: 4 })],
    ["attention.in_proj_weight", makeLayer([6, 2], 0, { seed: 5 })],
  ]);
  const plain: readonly (readonly [string, Tensor])[] = [["rnn.bias_ih_l0", device.tensor([1, 2])]];
  const folded = foldWeightNorm(
    new Map([...[...layers].flatMap(([name, l]) => halvesOf(name, l)), ...plain]),
  );
  expect([...folded.keys()]).toEqual([...layers.keys(), "rnn.bias_ih_l0"]);
  for (const [name, layer] of layers) expectNear(await numbers(folded.get(name)), foldExactly(layer));
  // One number has one norm: what is left of a bias is its sign.
  const bias = layers.get("lin.bias");
  expect(await numbers(folded.get("lin.bias"))).toEqual(
    [...(bias?.g ?? [])].map((g, i) => Math.fround(g) * Math.sign(bias?.v[i] ?? 0)),
  );
});

test("split starts from the weight itself and its norm; what it is assigned later is split again", async () => {
  const loss = jit((v: TracedTensor, g: TracedTensor) => weightNorm(v, g).sum());
  for (const weights of [
    [3, 4, 6, 8],
    [5, 12, -8, 15],
  ]) {
    const w = device.tensor(weights, [2, 2]);
    const { g, v } = weightNorm.split(w);
    expect(v).toBe(w);
    expect(await numbers(g)).toEqual([0, 2].map((i) => Math.hypot(weights[i] ?? 0, weights[i + 1] ?? 0)));
    // Nothing is kept from an earlier call: the weight is never older than its halves.
    expectNear(await numbers(loss(v, g)), [weights.reduce((a, b) => a + b, 0)]);
    expectNear(await numbers(weightNorm.merge({ g, v })), weights);
  }
});

test("halves may be kept with an epsilon at the start and none afterwards", async () => {
  const w = device.tensor([3, 4, 0, 0], [2, 2]);
  const { g, v } = weightNorm.split(w, 0, { eps: 1 });
  expect(await numbers(g)).toEqual([6, 1]);
  expectNear(await numbers(weightNorm.merge({ g, v }, { eps: 1 })), [3, 4, 0, 0]);
  const [first, second, ...zeros] = await numbers(weightNorm.merge({ g, v }));
  expectNear([first ?? NaN, second ?? NaN], [3.6, 4.8]);
  expect(zeros).toEqual([NaN, NaN]);
});

test("halves of one naming become those of the other", async () => {
  const layer = makeLayer([4, 3, 2], 1);
  const older = new Map(halvesOf("a.weight", layer));
  const newer = unfoldWeightNorm(foldWeightNorm(older), {
    names: ["a.weight"],
    dim: 1,
    form: "parametrization",
  });
  expect([...newer.keys()]).toEqual([
    "a.parametrizations.weight.original0",
    "a.parametrizations.weight.original1",
  ]);
  expectNear(await numbers(foldWeightNorm(newer).get("a.weight")), foldExactly(layer));
});

test("nothing to fold is no error: every tensor is the same object", () => {
  const tensors = new Map([
    ["weight", device.tensor([1])],
    ["pos_bias_v", device.tensor([2])],
  ]);
  expect([...foldWeightNorm(tensors)]).toEqual([...tensors]);
});

test("the channels of MLX's convolutions are where the gain says", async () => {
  // Conv1d keeps [out, k, in], ConvTranspose1d of PyTorch's dim 0 (in) then keeps the last axis.
  for (const [shape, dim] of [
    [[6, 3, 4], 0],
    [[6, 3, 4], 2],
    [[6, 6, 6], 2],
    [[4, 3, 3, 4], 3],
  ] as const) {
    const layer = makeLayer(shape, dim, { seed: 7 });
    const folded = foldWeightNorm(new Map(halvesOf("conv.weight", layer)));
    expectNear(await numbers(folded.get("conv.weight")), foldExactly(layer));
  }
});

test("MLX's epsilon is a rule, and a gain with all axes of length 1 is one norm over everything", async () => {
  const rows = makeLayer([6, 3, 4], 0, { size: 1e-6 });
  const whole = makeLayer([6, 3, 4], null, { size: 1e-6, seed: 2 });
  const one = device.tensor([...whole.g], [1, 1, 1]);
  const tensors = new Map([...halvesOf("rows.weight", rows), ["all.weight_g", one] as const]);
  tensors.set("all.weight_v", device.tensor([...whole.v], whole.shape));
  const folded = foldWeightNorm(tensors, { rules: [{ names: "*", eps: 1e-7 }] });
  expectNear(await numbers(folded.get("rows.weight")), foldExactly(rows, 1e-7));
  expectNear(await numbers(folded.get("all.weight")), foldExactly(whole, 1e-7));
});

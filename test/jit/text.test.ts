import { describe, expect, test } from "vitest";
import { TensorweftError, type Device, type Tensor } from "tensorweft";
import { callable, loadText, weft } from "tensorweft/text";
import { describeGpu } from "../support/gpu.ts";
import { failureOf, openForTest } from "../runtime/support.ts";

const SOURCE = `
kernel scale(x: f32[n], by: f32) -> f32[n] = x * by
kernel share(x: f32[m, n]) -> f32[m, n] = x / sum(x, axis=1, keepdims=true)
`;

const numbers = async (tensor: Tensor | undefined): Promise<readonly number[]> =>
  [...((await tensor?.read()) ?? [])].map(Number);

/** What holds on every backend. */
function describeTextCalls(backend: "cpu" | "webgpu"): void {
  const open = (): Promise<Device> => openForTest({ backend });

  test("kernels of a text compile once for each set of shapes", async () => {
    const device = await open();
    const { share } = loadText(SOURCE);
    if (share === undefined) throw new Error("no kernel share");
    const x = device.tensor([1, 3, 2, 2], [2, 2]);
    expect(await numbers(share([x])[0])).toEqual([0.25, 0.75, 0.5, 0.5]);
    const { pipelines, shaderModules } = device.counters;
    expect(await numbers(share([x])[0])).toEqual([0.25, 0.75, 0.5, 0.5]);
    expect(share.counters).toEqual({ traces: 1, calls: 2 });
    expect(device.counters).toMatchObject({ pipelines, shaderModules });
    share([device.tensor([1, 1], [1, 2])]);
    expect(share.counters).toEqual({ traces: 2, calls: 3 });
  });

  test("scalars change from call to call", async () => {
    const device = await open();
    const { scale } = loadText(SOURCE);
    const x = device.tensor([1, 2]);
    for (const by of [2, 3]) expect(await numbers(scale?.([x], { by })[0])).toEqual([by, 2 * by]);
    expect(scale?.counters.traces).toBe(1);
  });

  test("a template runs on tensors", async () => {
    const device = await open();
    const half = callable(weft`(x) => x / sum(x)`);
    const results = half([device.tensor([1, 3])]);
    expect(await numbers(results[0])).toEqual([0.25, 0.75]);
  });
}

describe("text callables on cpu", () => {
  describeTextCalls("cpu");
});
describeGpu("text callables on webgpu", () => {
  describeTextCalls("webgpu");
});

test("mistakes that need no shapes are reported all together when the text is loaded", () => {
  const text = "kernel k(x: f32[n]) = softmx(x) + norm()\nkernel l(x: f32[n]) = y";
  try {
    loadText(text);
    expect.unreachable("the text is loaded");
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    expect(error.diagnostics.map(({ code }) => code)).toEqual([
      "unknown-name",
      "wrong-arity",
      "unknown-name",
    ]);
  }
});

test("tensors of two devices, none at all, and shapes that the text does not take", async () => {
  const [one, other] = [await openForTest({ backend: "cpu" }), await openForTest({ backend: "cpu" })];
  const { share } = loadText(SOURCE);
  const sum = callable(weft`(x, y) => x + y`);
  const [x, y] = [one.tensor([1]), other.tensor([1])];
  expect(await failureOf(() => sum([x, y]))).toMatchObject({
    code: "wrong-device",
    file: expect.stringMatching(/text\.test\.ts$/) as string,
  });
  expect((await failureOf(() => sum([]))).code).toBe("wrong-argument");
  expect((await failureOf(() => share?.([x]))).message).toContain("x");
});

/** One GPUDevice with other libraries: results pass between them without a copy through the host. */
import { expect, test } from "vitest";
import { describeBrowser } from "./describe-browser.ts";

interface HandOver {
  readonly values: readonly number[];
  readonly expected: readonly number[];
  readonly moved: Readonly<Record<string, number>>;
  readonly readsAreCounted: number;
}

interface OnnxHandOver {
  readonly handOvers: readonly Readonly<Record<string, number>>[];
}

function expectClose({ values, expected }: HandOver): void {
  expect(values).toHaveLength(expected.length);
  values.forEach((value, i) => expect(Math.abs(value - (expected[i] ?? NaN))).toBeLessThan(1e-4));
}

describeBrowser("sharing a GPUDevice in Chromium", (browser) => {
  test("with onnxruntime-web: its output is normalised and fed back", async () => {
    // Its WebAssembly needs a policy of its own; ours needs none.
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    const site = await browser().serve({ policy, packages: { "/ort/": "onnxruntime-web/dist" } });
    const result = await (await site.open("page")).call<HandOver & OnnxHandOver>("onnxruntime", "handOver");
    expectClose(result);
    const nothing = { mapAsync: 0, mappedAtCreation: 0, writeBuffer: 0 };
    expect(result.handOvers).toEqual([nothing, nothing, nothing]);
    // In the model's own runs there are writes of its kernels' parameters, none of them of more than 256 bytes.
    expect(result.moved).toMatchObject({ mapAsync: 0, mappedAtCreation: 0, large: 0 });
    expect(result.readsAreCounted).toBe(1);
  });

  test("with TensorFlow.js: tensors go there and back", async () => {
    const site = await browser().serve();
    const result = await (await site.open("page")).call<HandOver>("tensorflow", "handOver");
    expectClose(result);
    expect(result.moved).toEqual({ mapAsync: 0, mappedAtCreation: 0, writeBuffer: 0 });
    expect(result.readsAreCounted).toBe(1);
  });
});

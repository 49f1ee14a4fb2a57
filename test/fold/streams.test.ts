/** Weight norms folded in parts: within 1 ulp of the exact weight whatever the form, the parts, the dtypes, the magnitudes. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { boxSize, cutWeight, viewWeight } from "../../src/fold-boxes.ts";
import {
  foldWeightNorm,
  type TensorSource,
  type TensorStream,
  unfoldWeightNorm,
} from "../../src/fold-weight-norm.ts";
import { gainShape } from "../../src/library/weight-norm-dim.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";
import {
  collect,
  type FloatDType,
  foldExactly,
  largestUlp,
  type Layer,
  makeLayer,
  sourceOf,
  toBytes,
} from "./checkpoint.ts";

const sourcesOf = (
  { v, g, shape, dim }: Layer,
  vType: FloatDType,
  gType: FloatDType,
  reads: number[] = [],
): Map<string, TensorSource> =>
  new Map([
    ["w_g", sourceOf(gType, gainShape(shape, dim), toBytes(gType, g))],
    ["w_v", sourceOf(vType, shape, toBytes(vType, v), reads)],
  ]);

const weightOf = (streams: ReadonlyMap<string, TensorStream>, name = "w"): TensorStream => {
  const stream = streams.get(name);
  if (stream === undefined) throw new Error(`no ${name} among ${[...streams.keys()].join(" ")}`);
  return stream;
};

const quiet = { warn: (message: string) => expect.fail(message) };

test("boxes cover a weight once, in order, none larger than asked for", () => {
  for (const shape of [[3, 4, 5], [1, 1, 60], [60, 1, 1], [7, 11], [5], [2, 3, 2, 5], [0, 4], [4, 0]])
    for (const dim of [null, ...shape.keys()])
      for (const most of [1, 2, 7, 20, 1000]) {
        const weight = viewWeight(shape, dim);
        let at = 0;
        for (const box of cutWeight(weight, most)) {
          expect(box.start).toBe(at);
          expect(boxSize(box)).toBeLessThanOrEqual(most);
          // The first element's position along the kept axis, by the strides of the whole.
          expect(box.first).toBe(Math.floor(at / weight.inner) % weight.kept);
          at += boxSize(box);
        }
        expect(at).toBe(boxSize(weight));
      }
});

function testFolding(open: () => Device): void {
  const fold = async (
    layer: Layer,
    {
      v = "f32",
      g = "f32",
      to,
      chunkBytes,
      eps = 0,
    }: {
      readonly v?: FloatDType;
      readonly g?: FloatDType;
      readonly to?: FloatDType;
      readonly chunkBytes?: number | undefined;
      readonly eps?: number;
    } = {},
  ): Promise<number> => {
    const sources = sourcesOf(layer, v, g);
    // The shape of g may fit another dim of the same meaning; rules are tested elsewhere.
    const rules = [{ names: "w", dim: layer.dim, eps }];
    const stream = weightOf(
      foldWeightNorm(sources, { device: open(), rules, dtype: to, chunkBytes, ...quiet }),
    );
    expect(stream.dtype).toBe(to ?? v);
    const bytes = await collect(stream.chunks());
    expect(bytes.byteLength).toBe(stream.byteLength);
    return largestUlp(to ?? v, bytes, foldExactly(layer, eps));
  };

  test("every dim, whole and in parts of any size", async () => {
    for (const dim of [0, 1, null])
      for (const chunkBytes of [4, 12])
        expect(await fold(makeLayer([2, 3], dim), { chunkBytes })).toBeLessThanOrEqual(1);
    for (const shape of [
      [4, 5, 7],
      [2, 3, 2, 5],
    ])
      for (const dim of [null, ...shape.keys()])
        expect(await fold(makeLayer(shape, dim), { chunkBytes: 200 })).toBeLessThanOrEqual(1);
    for (const dim of [null, 0, 1]) expect(await fold(makeLayer([13, 96], dim))).toBeLessThanOrEqual(1);
  });

  test("every pair of dtypes, odd numbers of elements, every dtype of the result", async () => {
    const dtypes = ["f32", "f16", "bf16"] as const;
    for (const v of dtypes)
      for (const g of dtypes)
        for (const to of dtypes) {
          const layer = makeLayer([3, 5, 7], 0, { v, g });
          // Whole where no rounding is left to the store, in parts of one row where there is one.
          const chunkBytes = to === v ? undefined : 90;
          expect(await fold(layer, { v, g, to, chunkBytes })).toBeLessThanOrEqual(1);
        }
  });

  test("rows of any length", async () => {
    for (const n of [1, 2, 63, 64, 65, 127, 129, 1000, 1025, 4097])
      expect(await fold(makeLayer([9, n], 0, { seed: n }))).toBeLessThanOrEqual(1);
    expect(await fold(makeLayer([4097, 3], 1))).toBeLessThanOrEqual(1);
    expect(await fold(makeLayer([1, 1], 0))).toBeLessThanOrEqual(1);
    expect(await fold(makeLayer([5], 0))).toBeLessThanOrEqual(1);
  });

  test("weights whose squares leave the range of f32", async () => {
    for (const size of [1e-25, 1e-15, 1e15, 1e25, 1e35])
      expect(await fold(makeLayer([3, 40], 0, { size }))).toBeLessThanOrEqual(1);
    expect(await fold(makeLayer([3, 40], 1, { size: 1e25 }), { chunkBytes: 100 })).toBeLessThanOrEqual(1);
  });

  test("an epsilon is added to the norm", async () => {
    const layer = makeLayer([4, 6], 0);
    expect(await fold(layer, { eps: 0.5 })).toBeLessThanOrEqual(1);
    expect(largestUlp("f32", toBytes("f32", foldExactly(layer)), foldExactly(layer, 0.5))).toBeGreaterThan(
      1000,
    );
  });

  test("rows of zeros, infinities and nan give what PyTorch gives, and a warning", async () => {
    const v = Float64Array.of(0, 0, 1, Infinity, NaN, 1, 3, 4);
    const layer = { v, g: Float64Array.of(1, 1, 1, 10), shape: [4, 2], dim: 0 };
    const warnings: string[] = [];
    const warn = (message: string): void => void warnings.push(message);
    const streams = foldWeightNorm(sourcesOf(layer, "f32", "f32"), { device: open(), warn });
    const bytes = await collect(weightOf(streams).chunks());
    expect([...new Float32Array(bytes.buffer)]).toEqual([NaN, NaN, 0, NaN, NaN, NaN, 6, 8]);
    expect(warnings).toEqual([
      "w: 1 of 4 norms are 0, which makes those weights nan",
      "w: 2 of 4 norms are no finite numbers",
    ]);
  });

  test("empty weights", async () => {
    for (const shape of [
      [0, 4],
      [4, 0],
    ])
      expect(await fold(makeLayer(shape, 0))).toBe(0);
  });

  test("what is split and folded again is the same weight", async () => {
    for (const dtype of ["f32", "f16", "bf16"] as const)
      for (const [dim, form] of [
        [0, "suffix"],
        [1, "parametrization"],
        [null, "suffix"],
      ] as const) {
        const { v: weight } = makeLayer([6, 5, 7], dim, { v: dtype });
        const bytes = toBytes(dtype, weight);
        const given = new Map([
          ["conv.bias", sourceOf("i64", [1], new Uint8Array(8).fill(7))],
          ["conv.weight", sourceOf(dtype, [6, 5, 7], bytes)],
        ]);
        const choice = { names: ["*.weight"], dim, form, eps: 1e-3 };
        const split = unfoldWeightNorm(given, choice, { device: open(), chunkBytes: 100, ...quiet });
        expect(split.size).toBe(3);
        const halves = new Map<string, TensorSource>();
        for (const [name, { dtype: type, shape, chunks }] of split)
          halves.set(name, sourceOf(type, shape, await collect(chunks())));
        const rules = [{ names: "*", eps: 1e-3 }];
        const again = foldWeightNorm(halves, { device: open(), rules, ...quiet });
        expect([...again.keys()]).toEqual(["conv.bias", "conv.weight"]);
        expect(await collect(weightOf(again, "conv.bias").chunks())).toEqual(new Uint8Array(8).fill(7));
        // g is stored in the weight's dtype: half a place of it, on top of what folding errs by.
        const got = await collect(weightOf(again, "conv.weight").chunks());
        expect(largestUlp(dtype, got, weight)).toBeLessThanOrEqual(2);
      }
  });
}

describe("on the CPU", () => {
  const device = openDevice({ backend: "cpu" });
  let opened: Device;
  beforeAll(async () => {
    opened = await device;
  });
  testFolding(() => opened);
});

describeGpu("on WebGPU", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());
  const device = (): Device => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    return opened;
  };
  testFolding(device);

  test("no more than a few chunks are held, one compilation serves all weights of a shape", async () => {
    const reads: number[] = [];
    const chunkBytes = 4000;
    const sources = new Map<string, TensorSource>();
    for (let i = 0; i < 3; i++)
      for (const [name, source] of sourcesOf(makeLayer([64, 250], 0, { seed: i }), "f32", "f32", reads))
        sources.set(`${i}.${name}`, source);
    const before = device().memory();
    const streams = foldWeightNorm(sources, { device: device(), chunkBytes, ...quiet });
    expect([...streams.keys()]).toEqual(["0.w", "1.w", "2.w"]);
    expect(reads).toEqual([]); // nothing is read before it is asked for
    const pipelines = device().counters.pipelines;
    let most = 0;
    for (const { chunks } of streams.values())
      for await (const chunk of chunks()) {
        expect(chunk.byteLength).toBeLessThanOrEqual(chunkBytes);
        most = Math.max(most, device().memory().bytes - before.bytes);
      }
    expect(device().counters.pipelines - pipelines).toBe(2); // squares and scale
    expect(Math.max(...reads)).toBe(chunkBytes);
    expect(reads.length).toBe((3 * 64 * 250 * 4) / chunkBytes); // v was read once
    expect(most).toBeLessThanOrEqual(4 * chunkBytes);
    expect(device().memory().bytes).toBe(before.bytes);
  });
});

/** `weightNorm.split` and `.merge`, `foldWeightNorm` and its inverse on tensors with data; PyTorch's modules where they are at hand. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import {
  f32,
  foldWeightNorm,
  interpretGraph,
  openDevice,
  trace,
  unfoldWeightNorm,
  weightNorm,
  type Device,
  type Tensor,
  type TensorType,
  type TracedTensor,
} from "../../src/index.ts";
import { describeGpu } from "../support/gpu.ts";
import { makeLayer } from "./checkpoint.ts";

const SHAPE = [4, 3, 5];

describe("on traced tensors", () => {
  test("merge after split is the weight, for every dim", () => {
    const { v } = makeLayer(SHAPE, 0);
    for (const dim of [0, 1, 2, -2, null, -1]) {
      const again = (w: TracedTensor): TracedTensor => weightNorm.merge(weightNorm.split(w, dim), { dim });
      const { graph } = trace(again, [f32(...SHAPE)], { parameterNames: ["w"] });
      const [result] = interpretGraph(graph, new Map([["w", v]]), { bounds: true }).values();
      v.forEach((w, i) =>
        expect(Math.abs((result?.values[i] ?? NaN) - w)).toBeLessThanOrEqual(result?.bounds?.[i] ?? 0),
      );
    }
  });

  test("the gain has the shape that PyTorch stores, and the dtype of the weight", () => {
    const gainOf = (dim: number | null): string => {
      const { graph } = trace(
        (w: TracedTensor) => weightNorm.split(w, dim).g.cast("f32"),
        [{ dtype: "bf16", shape: SHAPE }],
      );
      const cast = graph.nodes[graph.results[0]?.node ?? -1];
      const gain = cast?.op === "cast" ? graph.nodes[cast.arg] : undefined;
      return `${gain?.type.dtype ?? ""}[${gain?.type.shape.join(",") ?? ""}]`;
    };
    expect([0, 1, 2, null].map(gainOf)).toEqual(["bf16[4,1,1]", "bf16[1,3,1]", "bf16[1,1,5]", "bf16[]"]);
  });

  test("merge reads the dim off the gain, and refuses to guess", () => {
    const merge = (g: readonly number[], v: readonly number[]): string => {
      try {
        trace((v: TracedTensor, g: TracedTensor) => weightNorm.merge({ g, v }), [f32(...v), f32(...g)]);
        return "accepted";
      } catch (error) {
        if (!(error instanceof TensorweftError)) throw error;
        const [diagnostic] = error.diagnostics;
        expect(diagnostic?.span?.file).toContain("split-merge.test.ts");
        return `${diagnostic?.code ?? ""}: ${diagnostic?.message ?? ""}; ${diagnostic?.help ?? ""}`;
      }
    };
    for (const g of [[4, 1, 1], [1, 3, 1], [1, 1, 5], [], [1, 1, 1], [4], [1]])
      expect(merge(g, SHAPE)).toBe("accepted");
    expect(merge([4], [4, 4])).toBe(
      "ambiguous-dim: the gain f32[4] may belong to axis 0 or 1 of f32[4,4]; " +
        "say which with dim, or reshape g so that the other axes are 1",
    );
    expect(merge([2, 1, 1], SHAPE)).toBe(
      "shape-mismatch: weightNorm.merge of f32[4,3,5] cannot take the gain f32[2,1,1]; " +
        "g has one number for each position of one axis of v, or one for all",
    );
  });
});

interface ModuleCase {
  readonly id: string;
  readonly dim: number | null;
  readonly tensor: (name: string) => {
    readonly shape: readonly number[];
    readonly values: Float32Array | Float64Array;
  };
  readonly tolerance: (output: string) => number;
}

interface GoldenModule {
  readonly id: string;
  readonly attrs: { readonly dim: number | null };
  readonly in: Readonly<Record<string, string>>;
  readonly out: Readonly<
    Record<string, { readonly truth: string; readonly tol: { readonly max: number } } | undefined>
  >;
}

/** The modules with torch.nn.utils.weight_norm among the golden vectors; none where they are not at hand. */
function readModules(): readonly ModuleCase[] {
  const folder = "../shared/golden/weight_norm_module";
  let manifest: { readonly cases: readonly GoldenModule[] };
  let file: Buffer;
  try {
    manifest = JSON.parse(readFileSync(`${folder}/manifest.json`, "utf8")) as typeof manifest;
    file = readFileSync(`${folder}/data.safetensors`);
  } catch {
    return [];
  }
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, start).toString()) as Record<
    string,
    { readonly dtype: string; readonly shape: number[]; readonly data_offsets: [number, number] } | undefined
  >;
  return manifest.cases.map(({ id, attrs, in: given, out }) => ({
    id,
    dim: attrs.dim,
    tolerance: (output) => out[output]?.tol.max ?? 0,
    tensor: (name) => {
      const entry = header[out[name]?.truth ?? given[name] ?? ""];
      if (entry === undefined) throw new Error(`${id} has no ${name}`);
      const [begin, end] = entry.data_offsets;
      const bytes = Uint8Array.from(file.subarray(start + begin, start + end)).buffer;
      const values = entry.dtype === "F64" ? new Float64Array(bytes) : new Float32Array(bytes);
      return { shape: entry.shape, values };
    },
  }));
}

const deviation = (got: ArrayLike<number>, want: ArrayLike<number>): number =>
  Array.from(want).reduce((worst, x, i) => Math.max(worst, Math.abs((got[i] ?? NaN) - x)), 0);

/** The largest part of what a correct f32 evaluation of the function may err by, at these inputs. */
function boundUsed(
  got: ArrayLike<number>,
  fn: (x: TracedTensor, y: TracedTensor) => TracedTensor,
  [x, y]: readonly [Float64Array, Float64Array],
  [xType, yType]: readonly [TensorType, TensorType],
): number {
  const { graph } = trace(fn, [xType, yType], { parameterNames: ["x", "y"] });
  const [oracle] = interpretGraph(
    graph,
    new Map([
      ["x", x],
      ["y", y],
    ]),
    { bounds: true },
  ).values();
  if (got.length !== oracle?.values.length) return Number.POSITIVE_INFINITY;
  return oracle.values.reduce(
    (worst, want, i) => Math.max(worst, Math.abs((got[i] ?? NaN) - want) / (oracle.bounds?.[i] ?? 0)),
    0,
  );
}

function testTensors(open: () => Device): void {
  test("split keeps the weight itself as v, and merge gives it back", async () => {
    const { v: data } = makeLayer(SHAPE, 0);
    using weight = open().tensor([...data], SHAPE);
    const { g, v } = weightNorm.split(weight, 1);
    expect(v).toBe(weight);
    expect(g.shape).toEqual([1, 3, 1]);
    using merged = weightNorm.merge({ g, v });
    expect(merged.shape).toEqual(SHAPE);
    const again = (w: TracedTensor, _: TracedTensor): TracedTensor =>
      weightNorm.merge(weightNorm.split(w, 1));
    const used = boundUsed(await merged.read(), again, [data, data], [f32(...SHAPE), f32(...SHAPE)]);
    expect(used).toBeLessThanOrEqual(1);
    g.dispose();
  });

  test("a state dict is folded: other tensors are the same objects, a shape is compiled once", async () => {
    const device = open();
    const tensors = new Map<string, Tensor>();
    const layers = [0, 1, 2].map((seed) => makeLayer(SHAPE, 0, { seed, g: "bf16" }));
    for (const [i, { v, g }] of layers.entries()) {
      tensors.set(`${i}.weight_g`, device.tensor([...g], [4, 1, 1], { dtype: "bf16" }));
      tensors.set(`${i}.weight_v`, device.tensor([...v], SHAPE));
      tensors.set(`${i}.bias`, device.tensor([i]));
    }
    const before = device.counters.pipelines;
    const folded = foldWeightNorm(tensors);
    expect([...folded.keys()]).toEqual(["0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias"]);
    for (const [i, { v, g }] of layers.entries()) {
      expect(folded.get(`${i}.bias`)).toBe(tensors.get(`${i}.bias`));
      const weight = folded.get(`${i}.weight`);
      expect(weight?.dtype).toBe("f32");
      const formula = (v: TracedTensor, g: TracedTensor): TracedTensor => weightNorm(v, g);
      const used = boundUsed((await weight?.read()) ?? [], formula, [v, g], [f32(...SHAPE), f32(4, 1, 1)]);
      expect(used).toBeLessThanOrEqual(1);
    }
    if (device.backend === "webgpu") expect(device.counters.pipelines - before).toBe(1);
    const halves = foldWeightNorm(tensors, { dtype: "f16" });
    expect(halves.get("1.weight")?.dtype).toBe("f16");
    const split = unfoldWeightNorm(folded, { names: ["*.weight"], form: "parametrization" });
    expect([...split.keys()].slice(0, 3)).toEqual([
      "0.parametrizations.weight.original0",
      "0.parametrizations.weight.original1",
      "0.bias",
    ]);
    expect(split.get("0.parametrizations.weight.original1")).toBe(folded.get("0.weight"));
  });

  const modules = readModules();
  test.skipIf(modules.length === 0)(
    `modules of PyTorch, both ways${modules.length === 0 ? " (the golden vectors of modules are not at hand)" : ""}`,
    async () => {
      const device = open();
      const upload = ({ shape, values }: ReturnType<ModuleCase["tensor"]>): Tensor =>
        device.tensor(Float32Array.from(values), shape);
      for (const { id, dim, tensor, tolerance } of modules) {
        const halves = new Map([
          ["weight_g", upload(tensor("weight_g"))],
          ["weight_v", upload(tensor("weight_v"))],
        ]);
        const weight = await foldWeightNorm(halves).get("weight")?.read();
        expect(deviation(weight ?? [], tensor("weight").values), id).toBeLessThanOrEqual(tolerance("weight"));
        const { g } = weightNorm.split(upload(tensor("initial_weight")), dim);
        expect(g.shape, id).toEqual(tensor("weight_g").shape);
        expect(deviation(await g.read(), tensor("initial_weight_g").values), id).toBeLessThanOrEqual(
          tolerance("initial_weight_g"),
        );
      }
      expect(modules.length).toBe(11);
    },
  );
}

describe("on the CPU", () => {
  let opened: Device;
  beforeAll(async () => {
    opened = await openDevice({ backend: "cpu" });
  });
  testTensors(() => opened);
});

describeGpu("on WebGPU", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());
  testTensors(() => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    return opened;
  });
});

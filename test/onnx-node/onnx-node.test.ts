/**
 * ONNX's published cases of single operators: on the oracle, on the device, and written out as graphs of simpler operators,
 * which may take no more kernels than the operator itself.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import type { Device, Tensor } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkGenerated } from "../docs/read-doc.ts";
import { describeGpu } from "../support/gpu.ts";
import { toNumbers, toTensorData } from "../support/host-values.ts";
import { buildOnnxGraph } from "./from-onnx-node.ts";
import { EXPANDED_GROUP, MISSING, PLAIN_GROUPS, readOnnxGroup, readOnnxOperators } from "./onnx-data.ts";
import type { OnnxCase, OnnxTensor } from "./onnx-data.ts";

const GROUPS = [...PLAIN_GROUPS, EXPANDED_GROUP];

/** What the format allows, of the greatest element; whole numbers and truth values are exact. */
const TOLERANCE: Readonly<Record<DType, number>> = {
  f32: 1e-5,
  f16: 1e-3,
  bf16: 4e-3,
  i32: 0,
  u32: 0,
  bool: 0,
};

interface Built {
  readonly test: OnnxCase;
  readonly graph: Graph;
}

const buildGroup = (group: string): readonly Built[] =>
  readOnnxGroup(group).map((onnx) => {
    const graph = buildOnnxGraph(onnx);
    expect(verifyGraph(graph), onnx.id).toEqual([]);
    return { test: onnx, graph };
  });

const present = (tensors: readonly (OnnxTensor | null)[]): readonly OnnxTensor[] =>
  tensors.filter((tensor) => tensor !== null);

/** What is wrong with a result, one line at most for each output. */
function compare(
  id: string,
  want: OnnxTensor,
  shape: readonly number[],
  values: ArrayLike<number>,
): readonly string[] {
  const label = `${id}, ${want.name}`;
  if (shape.join() !== want.shape.join())
    return [`${label}: shape [${shape.join(",")}], ONNX has [${want.shape.join(",")}]`];
  const greatest = want.values.reduce(
    (peak, x) => (Number.isFinite(x) ? Math.max(peak, Math.abs(x)) : peak),
    0,
  );
  const isAnswer = (got: number, expected: number): boolean =>
    Object.is(got, expected) ||
    got === expected ||
    Math.abs(got - expected) <= TOLERANCE[want.dtype] * greatest;
  const wrong = want.values.findIndex((expected, i) => !isAnswer(values[i] ?? Number.NaN, expected));
  return wrong < 0
    ? []
    : [`${label}[${wrong}]: ${values[wrong] ?? "?"}, ONNX has ${want.values[wrong] ?? "?"}`];
}

describe("ONNX node cases", () => {
  beforeEach((context) => {
    if (MISSING !== null) context.skip(MISSING);
  });

  test.each(GROUPS)("%s on the oracle", (group) => {
    const complaints = buildGroup(group).flatMap(({ test: onnx, graph }) => {
      const inputs = new Map(present(onnx.inputs).map(({ name, values }) => [name, values]));
      const results = interpretGraph(graph, inputs);
      return present(onnx.outputs).flatMap((want) => {
        const got = results.get(want.name);
        return compare(onnx.id, want, got?.type.shape ?? [], got?.values ?? []);
      });
    });
    expect(complaints).toEqual([]);
  });

  test("what is written out takes no more kernels than the operator", { timeout: 300_000 }, () => {
    const plain = new Map(PLAIN_GROUPS.flatMap(buildGroup).map(({ test: onnx, graph }) => [onnx.id, graph]));
    const expanded = buildGroup(EXPANDED_GROUP);
    for (const name of PROFILE_NAMES) {
      const profile = findProfile(name);
      if (profile === undefined) throw new Error(`no profile ${name}`);
      const count = (graph: Graph): number => compileGraph(graph, { profile }).kernels.length;
      for (const { test: onnx, graph } of expanded) {
        const twin = plain.get(onnx.of ?? "");
        if (twin === undefined) throw new Error(`${onnx.id} is written out from nothing`);
        expect(count(graph), `${onnx.id}, ${name}`).toBeLessThanOrEqual(count(twin));
      }
    }
  });

  test("every operator of the index is run, as often as docs/conformance.md says", () => {
    const ran = new Map<string, number>();
    for (const { nodes } of PLAIN_GROUPS.flatMap(readOnnxGroup))
      for (const { op } of nodes) ran.set(op, (ran.get(op) ?? 0) + 1);
    const written = new Map<string, number>();
    const opOf = new Map(
      PLAIN_GROUPS.flatMap(readOnnxGroup).map(({ id, nodes }) => [id, nodes[0]?.op ?? ""]),
    );
    for (const { of: twin = "" } of readOnnxGroup(EXPANDED_GROUP)) {
      const op = opOf.get(twin) ?? "";
      written.set(op, (written.get(op) ?? 0) + 1);
    }
    expect(Object.fromEntries(ran)).toEqual(readOnnxOperators());
    const rows = [...ran].sort().map(([op, count]) => `| ${op} | ${count} | ${written.get(op) ?? 0} |`);
    const sum = (counts: ReadonlyMap<string, number>): number =>
      [...counts.values()].reduce((n, k) => n + k, 0);
    checkGenerated(
      "docs/conformance.md",
      "onnx",
      [
        "| operator | cases | written out as graphs |",
        "| --- | --- | --- |",
        ...rows,
        `| all | ${sum(ran)} | ${sum(written)} |`,
      ].join("\n"),
    );
  });

  describeGpu("on the device", () => {
    let device: Device | undefined;
    beforeAll(async () => {
      device = await openDevice({ backend: "webgpu" }).catch(() => undefined);
    });
    afterAll(() => device?.dispose());

    test.each(GROUPS)("%s", { timeout: 300_000 }, async (group) => {
      if (device === undefined) throw new Error("there is an adapter, but openDevice failed");
      expect(await runGroup(device, group)).toEqual([]);
    });
  });
});

/** Runs all cases of a group in one batch. */
async function runGroup(device: Device, group: string): Promise<readonly string[]> {
  const loaded = buildGroup(group).map(({ test: onnx, graph }) => {
    const { plan } = compileGraph(graph, { profile: device.profile });
    const values = new Map(present(onnx.inputs).map((input) => [input.name, input.values]));
    const inputs = plan.inputs.map(({ name, dtype, shape }) =>
      device.tensor(toTensorData(dtype, values.get(name) ?? []), shape, { dtype }),
    );
    return { onnx, inputs, program: device.load({ plan }) };
  });
  const results: readonly (readonly Tensor[])[] = device.batch(() =>
    loaded.map(({ program, inputs }) => program.run(inputs)),
  );
  const complaints = await Promise.all(
    loaded.map(async ({ onnx }, i) => {
      const outputs = present(onnx.outputs);
      const read = await Promise.all((results[i] ?? []).map(async (y) => toNumbers(y.dtype, await y.read())));
      return outputs.flatMap((want, k) =>
        compare(onnx.id, want, results[i]?.[k]?.shape ?? [], read[k] ?? []),
      );
    }),
  );
  for (const tensor of [...results.flat(), ...loaded.flatMap(({ inputs }) => inputs)]) tensor.dispose();
  return complaints.flat();
}

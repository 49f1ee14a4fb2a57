/**
 * `safe` norms: right to 1e-6 where squares and powers leave f32, in one kernel, on the device and in the oracle; and
 * nothing else about them differs from the plain norm.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import type { Compiled } from "../../src/compile.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { createGraphBuilder } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";
import { norm, normalize } from "../../src/library/norm.ts";
import { weightNorm } from "../../src/library/weight-norm.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";
import { evaluate, expectClose } from "./evaluate.ts";

const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
const LENGTH = 6;
const F32_MAX = 3.4028234663852886e38;

/** Rows of one size each: the signs and sixths keep the elements apart. */
const rowOf = (size: number): readonly number[] =>
  Array.from({ length: LENGTH }, (_, j) => Math.fround(size * (1 - j / 12) * (j % 2 === 0 ? 1 : -1)));

const SIZES = [1, 1e-22, 1e20, 1e30, 1e-30, 1e37, 1e-37, 2 ** 45, 2 ** -50, 3e13, 1e-15];
/** Rows that mix sizes, so that sums of several kinds enter the result. */
const MIXED = [
  [1e30, 1, 1e-30, 0, 0, 0],
  [2 ** 45, 2 ** 45 * 1.000001, 2 ** 44, 1, 0, 0],
  [2 ** -50, 2 ** -50 * 0.999999, 2 ** -49, 0, 0, 1e-30],
  [1, 1e-20, 1e-20, 0, 0, 0],
  [0, 0, 0, 0, 0, 0],
].map((row) => row.map(Math.fround));
const ROWS = [...SIZES.map(rowOf), ...MIXED];
const ORDERS = [2, 3, 0.5, 1.5, -1, 4];

const graphOf = (ord: number, shape: readonly number[], axis?: number): Graph => {
  const b = createGraphBuilder("safe");
  const x = b.param("x", { dtype: "f32", shape });
  return b.finish([{ name: "y", value: norm(b, x, { ord, axis, safe: true }) }]);
};

/** In float64 nothing here overflows; elements are scaled for orders whose powers would. */
function expected(row: readonly number[], ord: number): number {
  const scale = Math.max(...row.map(Math.abs));
  if (scale === 0) return 0;
  return scale * row.reduce((sum, x) => sum + (Math.abs(x) / scale) ** ord, 0) ** (1 / ord);
}

function expectRelative(actual: ArrayLike<number>, wanted: readonly number[], what: string): void {
  wanted.forEach((want, i) => {
    const got = actual[i] ?? nan;
    if (want > F32_MAX) return;
    expect(Math.abs(got - want), `${what}, row ${i}: ${got}, wanted ${want}`).toBeLessThanOrEqual(
      1e-6 * want,
    );
  });
}

describe("in the oracle", () => {
  test.each(ORDERS)("order %d", (ord) => {
    const y = interpretGraph(graphOf(ord, [ROWS.length, LENGTH], 1), new Map([["x", ROWS.flat()]])).get("y");
    expectRelative(
      y?.values ?? [],
      ROWS.map((row) => expected(row, ord)),
      `order ${ord}`,
    );
  });
});

describe("kernels", () => {
  test.each(PROFILE_NAMES)("one for rows, and one sweep over a whole tensor: %s", (name) => {
    const profile = findProfile(name);
    if (profile === undefined) throw new Error(`no profile ${name}`);
    const compile = (graph: Graph): Compiled => compileGraph(graph, { profile, check: true });
    const count = (graph: Graph): number => compile(graph).kernels.length;
    for (const ord of ORDERS) expect(count(graphOf(ord, [4096, 512], 1)), `order ${ord}`).toBe(1);
    const { buffers, steps } = compile(graphOf(2, [1 << 20])).plan;
    const reads = steps.filter(
      (step) => step.kind === "dispatch" && step.buffers.some((b) => buffers[b]?.kind === "input"),
    );
    expect(reads).toHaveLength(1);
  });
});

test("special values are those of the plain norm", () => {
  const rows = [
    [inf, 1, 2],
    [nan, 1, 2],
    [-inf, nan, 1],
    [0, 0, 0],
    [3, 4, 0],
  ];
  for (const ord of [2, 3, -2])
    expectClose(
      evaluate([rows], (b, x) => norm(b, x, { ord, axis: 1, safe: true })),
      evaluate([rows], (b, x) => norm(b, x, { ord, axis: 1 })),
    );
});

test("normalize and weightNorm keep the direction of huge and tiny rows", () => {
  const rows = [
    [3e30, 4e30],
    [3e-30, 4e-30],
  ];
  expectClose(
    evaluate([rows], (b, x) => normalize(b, x, { eps: 0, safe: true })),
    [0.6, 0.8, 0.6, 0.8],
  );
  expectClose(
    evaluate([rows, [[2], [2]]], (b, v, g) => weightNorm(b, v, g, { safe: true })),
    [1.2, 1.6, 1.2, 1.6],
  );
});

describeGpu("on the device", () => {
  let device: Device | undefined;
  beforeAll(async () => {
    device = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => device?.dispose());

  async function run(graph: Graph, values: readonly number[]): Promise<ArrayLike<number>> {
    if (device === undefined) throw new Error("no device");
    const { plan } = compileGraph(graph, { profile: device.profile, check: true });
    using x = device.tensor(Float32Array.from(values), plan.inputs[0]?.shape);
    const [y] = device.load({ plan }).run([x]);
    return (await y?.read()) ?? [];
  }

  test.each(ORDERS)("order %d", async (ord) => {
    const y = await run(graphOf(ord, [ROWS.length, LENGTH], 1), ROWS.flat());
    expectRelative(
      y,
      ROWS.map((row) => expected(row, ord)),
      `order ${ord}`,
    );
  });

  test("long rows and whole tensors", async () => {
    for (const size of [1e-22, 1e20, 1e30]) {
      const values = Array.from({ length: 40_000 }, (_, i) => Math.fround(size * Math.sin(i)));
      expectRelative(await run(graphOf(2, [40_000]), values), [expected(values, 2)], `size ${size}`);
    }
  });
});

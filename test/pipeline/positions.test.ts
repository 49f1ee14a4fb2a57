/**
 * argmax and argmin against their definition written plainly, for every dtype and every way to run a reduction: ties, nan,
 * infinities and rows whose every element is what a walk starts from. What they cost in kernels and reads.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileGraph, type Compiled, type CompileOptions } from "../../src/compile.ts";
import { analyzeKernel } from "../../src/ir/analyze-kernel.ts";
import type { DType } from "../../src/ir/dtype.ts";
import { createGraphBuilder, type GraphBuilder, type Value } from "../../src/ir/graph-builder.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import type { DeviceProfile } from "../../src/ir/profile.ts";
import type { ReduceOp } from "../../src/ir/reduce-ops.ts";
import { roundTo } from "../../src/ir/round.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram, type ProgramCheckOptions } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { createRandom } from "../support/random-values.ts";

const POSITIONS: readonly ReduceOp[] = ["argmax", "argmin", "argmax_last", "argmin_last"];
const DTYPES: readonly DType[] = ["f32", "f16", "bf16", "i32", "u32", "bool"];

/** The definition: the first nan, or the first element that no other exceeds; `_last` for the last. */
function positionIn(fn: ReduceOp, row: readonly number[]): number {
  const isLast = fn.endsWith("_last");
  const search = (holds: (x: number) => boolean): number =>
    isLast ? row.findLastIndex(holds) : row.findIndex(holds);
  const nan = search(Number.isNaN);
  if (nan >= 0) return nan;
  const extreme = row.reduce((a, b) => (fn.startsWith("argmax") ? Math.max(a, b) : Math.min(a, b)));
  return search((x) => x === extreme);
}

const BASE = profileNamed("default");
const PLANS: Readonly<Record<string, Partial<CompileOptions> & { readonly profile: DeviceProfile }>> = {
  "default device": { profile: BASE },
  subgroups: { profile: profileNamed("nvidia") },
  "software device": { profile: profileNamed("swiftshader") },
  "rows read again": { profile: { ...BASE, onChipBytes: 16 } },
  "one lane per row": { profile: { ...BASE, software: true, subgroups: null, features: [] } },
  pieces: { profile: { ...BASE, onChipBytes: 16, usefulWorkgroups: 4096, launchUs: 1e-4 }, shortestPiece: 4 },
  "a guarded last piece": {
    profile: { ...BASE, onChipBytes: 16, usefulWorkgroups: 16, launchUs: 1e-4 },
    shortestPiece: 8,
  },
  "rows walked": { profile: { ...BASE, usefulWorkgroups: 1, launchUs: 1e-4 }, partialShare: 100 },
};
const SHAPES = [
  { shape: [5, 37], axes: [1] },
  { shape: [3, 64], axes: [1] },
  { shape: [37, 6], axes: [0] }, // columns
  { shape: [3, 11, 8], axes: [1] }, // a middle axis
  { shape: [4, 3, 10], axes: [0, 2] }, // around a kept axis
  { shape: [2, 67], axes: [0, 1] }, // everything
];

/** Few different values, so that most rows have ties; "flat" rows hold nothing but what a reduction starts from. */
function valuesOf(dtype: DType, kind: string, length: number): Float64Array {
  const random = createRandom(length + kind.length);
  const isFloat = dtype === "f32" || dtype === "f16" || dtype === "bf16";
  const least = isFloat ? -Infinity : dtype === "i32" ? -2147483648 : 0;
  const greatest = isFloat ? Infinity : dtype === "i32" ? 2147483647 : dtype === "u32" ? 4294967295 : 1;
  return Float64Array.from({ length }, (_, i) => {
    if (kind === "least") return least;
    if (kind === "greatest") return greatest;
    if (kind === "nan" && isFloat && random() < 0.05) return Number.NaN;
    if (kind === "extremes" && random() < 0.3) return i % 2 === 0 ? least : greatest;
    return dtype === "bool"
      ? Math.floor(2 * random())
      : roundTo(dtype, Math.floor(6 * random()) - (isFloat ? 3 : 0));
  });
}

interface Case {
  readonly shape: readonly number[];
  readonly axes: readonly number[];
}

/** All four positions of a tensor; with values beside the positions, as one program is likely to want them. */
function graphOf(dtype: DType, { shape, axes }: Case, beside: boolean): Graph {
  const b = createGraphBuilder("positions");
  const x = b.param("x", { dtype, shape });
  const results = POSITIONS.map((fn) => ({
    name: fn,
    value: b.reduce(fn, x, { axis: axes, keepdims: true }),
  }));
  if (beside) results.push({ name: "max", value: b.reduce("max", x, { axis: axes, keepdims: true }) });
  return b.finish(results);
}

/** Rows of the reduced dimensions, in the order of the results. */
function rowsOf({ shape, axes }: Case, values: Float64Array): number[][] {
  const kept = shape.map((n, d) => (axes.includes(d) ? 1 : n));
  const rows: number[][] = Array.from({ length: kept.reduce((n, d) => n * d, 1) }, () => []);
  values.forEach((value, i) => {
    let [rest, row, stride] = [i, 0, 1];
    for (let d = shape.length - 1; d >= 0; d--) {
      const n = shape[d] ?? 1;
      if (!axes.includes(d)) {
        row += stride * (rest % n);
        stride *= n;
      }
      rest = Math.floor(rest / n);
    }
    rows[row]?.push(value);
  });
  return rows;
}

async function checkPositions(dtype: DType, one: Case, options: ProgramCheckOptions): Promise<void> {
  const graph = graphOf(dtype, one, dtype !== "bf16" || options.device === undefined); // a device reads bf16 as bits
  for (const kind of ["ties", "nan", "extremes", "least", "greatest"]) {
    const values = valuesOf(
      dtype,
      kind,
      one.shape.reduce((n, d) => n * d, 1),
    );
    const { failures, excluded } = await checkProgram({ graph, inputs: new Map([["x", values]]) }, options);
    expect(failures, `${dtype}[${one.shape.join()}] ${kind}`).toEqual([]);
    expect(excluded, "positions of what lies in memory are certain").toBe(0);
  }
}

describe("the oracle is the definition", () => {
  test.each(DTYPES)("%s", (dtype) => {
    for (const one of SHAPES) {
      for (const kind of ["ties", "nan", "extremes", "least", "greatest"]) {
        const x = valuesOf(
          dtype,
          kind,
          one.shape.reduce((n, d) => n * d, 1),
        );
        const results = interpretGraph(graphOf(dtype, one, false), new Map([["x", x]]));
        for (const fn of POSITIONS)
          expect([...(results.get(fn)?.values ?? [])], `${fn} ${kind}`).toEqual(
            rowsOf(one, x).map((row) => positionIn(fn, row)),
          );
      }
    }
  });
});

for (const [plan, options] of Object.entries(PLANS)) {
  test(`kernels agree: ${plan}`, async () => {
    for (const one of SHAPES) await checkPositions("f32", one, options);
  });
}

test.each(DTYPES.slice(1))("kernels agree for %s", async (dtype) => {
  for (const plan of ["default device", "software device", "a guarded last piece"]) {
    for (const one of SHAPES.slice(1, 4)) await checkPositions(dtype, one, PLANS[plan] ?? { profile: BASE });
  }
});

describeGpu("on a device", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    // Tests of this suite skip where there is no adapter; opening must not fail before they can.
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());

  test.each(DTYPES)("%s", async (dtype) => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    const device = opened;
    const plans: readonly ProgramCheckOptions[] = [
      { profile: device.profile },
      { profile: { ...device.profile, software: false } }, // trees and barriers
      {
        profile: { ...device.profile, onChipBytes: 16, usefulWorkgroups: 16, launchUs: 1e-4 },
        shortestPiece: 8,
      },
    ];
    for (const [k, plan] of (dtype === "f32" ? plans : plans.slice(0, 1)).entries())
      for (const one of k === 0 && dtype === "f32" ? SHAPES : SHAPES.slice(1, 3))
        await checkPositions(dtype, one, { ...plan, device, interpretKernels: false });
  });
});

type Build = (b: GraphBuilder, x: Value) => readonly Value[];

function compile(shape: readonly number[], profile: string, build: Build): Compiled {
  const b = createGraphBuilder("positions");
  const x = b.param("x", { dtype: "f32", shape });
  const values = build(b, x).map((value, i) => ({ name: `y${String(i)}`, value }));
  return compileGraph(b.finish(values), { profile: profileNamed(profile), check: true });
}

describe.each(["default", "nvidia", "swiftshader"])("kernels for %s", (profile) => {
  test("rows take one kernel that reads the input once", () => {
    const compiled = compile([4096, 1024], profile, (b, x) => [b.reduce("argmax", x, { axis: 1 })]);
    expect(compiled.kernels).toHaveLength(1);
    expect(readsOfInput(compiled)).toBe(4096 * 1024 * 4);
  });

  test("sixteen million elements take two", () => {
    const compiled = compile([16 * 2 ** 20], profile, (b, x) => [b.reduce("argmin", x)]);
    expect(compiled.kernels).toHaveLength(2);
  });

  test("argmax, maximum and logsumexp of rows take one kernel that reads the input once", () => {
    const compiled = compile([4096, 1024], profile, (b, x) => {
      const options = { axis: 1, keepdims: true };
      const top = b.reduce("max", x, options);
      const shifted = b.map("exp", [b.map("sub", [x, top])]);
      const total = b.map("add", [top, b.map("log", [b.reduce("sum", shifted, options)])]);
      return [b.reduce("argmax", x, options), top, total];
    });
    expect(compiled.kernels).toHaveLength(1);
    expect(readsOfInput(compiled)).toBe(4096 * 1024 * 4);
  });

  test("softmax and its argmax take one kernel", () => {
    const compiled = compile([512, 1024], profile, (b, x) => {
      const options = { axis: 1, keepdims: true };
      const shifted = b.map("exp", [b.map("sub", [x, b.reduce("max", x, options)])]);
      const softmax = b.map("div", [shifted, b.reduce("sum", shifted, options)]);
      return [softmax, b.reduce("argmax", x, { axis: 1 })];
    });
    expect(compiled.kernels).toHaveLength(1);
  });
});

/** Bytes of the input that the kernels load. */
const readsOfInput = ({ kernels }: Compiled): number =>
  kernels
    .flatMap(({ kernel }) => analyzeKernel(kernel, BASE).perBinding)
    .reduce((sum, { name, bytesRead }) => (name === "x" ? sum + bytesRead : sum), 0);

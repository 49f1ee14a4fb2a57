/**
 * Programs that all sizes of a dimension share: random ones against the oracle at small sizes and odd ones, and what
 * `compileDynamic` refuses.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileStandIns, findStandIns, type SizeClass, type StandIns } from "../../src/compile-dynamic.ts";
import { type CompileOptions, optimizeGraph } from "../../src/compile.ts";
import type { Refusal } from "../../src/ir/compare-graphs.ts";
import { type DynamicPlan, planAt } from "../../src/ir/dynamic-plan.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { createGraphBuilder, type GraphBuilder, type Value } from "../../src/ir/graph-builder.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { readDynamicPlanValue } from "../../src/ir/read-dynamic-plan.ts";
import { printPlan } from "../../src/ir/read-plan.ts";
import { verifyDynamicPlan } from "../../src/ir/verify-dynamic-plan.ts";
import { verifyGraph } from "../../src/ir/verify-graph.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { judge, runPlanOnDevice } from "../support/check-program.ts";
import { driverMayFold, driverMayMergeConstants } from "../support/driver-may-fold.ts";
import { describeGpu } from "../support/gpu.ts";
import { randomGraph } from "../support/random-graph.ts";
import { randomInputs } from "../support/random-values.ts";
import { resizeGraph } from "../support/resize-graph.ts";

const SEED = Number(process.env["TENSORWEFT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const PROGRAMS = Number(process.env["TENSORWEFT_PROGRAMS"] ?? 120);
/** The outermost dimension of the programs that are drawn; no other length has it as a factor but by addition. */
const DRAWN = 11;
const SIZES = [1, 2, 7, 33];
const SMALL: SizeClass = { least: 1, most: 500, pairs: [[97, 101]] };

interface CompiledDynamic extends StandIns {
  readonly plan: DynamicPlan;
}

/** For all sizes of the class that the plan takes. */
function compileDynamic(
  graphAt: (size: number) => Graph,
  sizes: SizeClass,
  options: Pick<CompileOptions, "profile" | "check">,
): CompiledDynamic | Refusal {
  const standIns = findStandIns(graphAt, sizes, options.profile);
  if ("reason" in standIns) return standIns;
  const plan = compileStandIns(standIns, options);
  return "reason" in plan ? plan : { ...standIns, plan };
}

const isWhole = (graph: Graph): boolean => verifyGraph(graph).length === 0;

describeGpu("random programs with a dynamic dimension", () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ backend: "webgpu" });
  });
  afterAll(() => {
    device.dispose();
  });

  test("run at every size as the oracle says", async () => {
    let shared = 0;
    console.log(`${String(PROGRAMS)} random programs, TENSORWEFT_SEED=${String(SEED)}`);
    const options = { maxSteps: 8, maxElements: 600, leading: DRAWN };
    await fc.assert(
      fc.asyncProperty(randomGraph(options), fc.nat(), async (graph, seed) => {
        const graphAt = (size: number): Graph => resizeGraph(graph, DRAWN, size);
        if (![...SIZES, 97, 101].every((size) => isWhole(graphAt(size)))) return;
        const made = compileDynamic(graphAt, SMALL, { profile: device.profile, check: true });
        if ("reason" in made) return;
        if (made.plan.steps.some((step) => step !== null)) shared += 1;
        expect(verifyDynamicPlan(made.plan)).toEqual([]);
        expect(readDynamicPlanValue(JSON.parse(printPlan(made.plan)))).toEqual(made.plan);
        for (const size of SIZES) {
          const failures = await runAt(made, graphAt(size), size, seed);
          expect(failures, `size ${String(size)} of\n${printGraph(graph)}`).toEqual([]);
        }
      }),
      { numRuns: PROGRAMS, seed: SEED },
    );
    console.log(`${String(shared)} of them shared their kernels`);
    expect(shared).toBeGreaterThan(PROGRAMS / 5);
  }, 300_000);

  async function runAt(
    made: CompiledDynamic,
    graph: Graph,
    size: number,
    seed: number,
  ): Promise<readonly string[]> {
    const inputs = randomInputs(graph, seed);
    const oracle = interpretGraph(graph, inputs, { bounds: true });
    const tally = { failures: [] as string[], compared: 0, excluded: 0 };
    const plan = planAt(made.plan, size);
    const optimized = optimizeGraph(graph); // what kernels are made of: passes bring an op next to another
    judge("device", await runPlanOnDevice(device, plan, graph, inputs), oracle, tally, {
      excuseNonFinite: driverMayFold(optimized),
      excuseFinite: driverMayMergeConstants(optimized),
    });
    return tally.failures;
  }
});

describe("programs that sizes do not share", () => {
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("there is no profile");
  type Build = (b: GraphBuilder, x: Value, size: number) => Value;
  /** What is said of a function of x, whose shape starts with the size. */
  const reasonOf = (rest: readonly number[], build: Build): string | undefined => {
    const made = compileDynamic(
      (size) => {
        const b = createGraphBuilder("f");
        const x = b.param("x", { dtype: "f32", shape: [size, ...rest] });
        return b.finish([{ name: "y", value: build(b, x, size) }]);
      },
      { least: 1, most: 4095, pairs: [[1021, 1031]] },
      { profile, check: true },
    );
    return "reason" in made ? made.reason : undefined;
  };

  test("say why", () => {
    expect(reasonOf([4], (b, x) => b.reduce("sum", x, { axis: 0, keepdims: true }))).toBe(
      "sum reduces the dynamic dimension",
    );
    expect(reasonOf([4], (b, x) => b.transpose(x, [1, 0]))).toBe(
      'dimension 1 of result "y" is dynamic, but it is not the outermost',
    );
    expect(reasonOf([4], (b, x) => b.slice(x, [{ stop: 2 }]))).toBe(
      "slice takes a part of the dynamic dimension",
    );
    expect(reasonOf([4], (b, x, size) => b.slice(x, [{ start: 1, stop: size }]))).toBe(
      "slice gives a length that is no multiple of the dynamic size",
    );
    expect(reasonOf([4], (b, x) => b.pad(x, [1, 0], [0, 0]))).toBe(
      "pad gives a length that is no multiple of the dynamic size",
    );
    expect(reasonOf([4], (b, x) => b.concat([x, x], 0))).toMatch(/found by arithmetic with the size/);
    expect(reasonOf([4], (b, x, size) => b.map("mul", [x, b.constant(size)]))).toMatch(
      /depends on the dynamic size/,
    );
    // Transposed inside and back again is stored nowhere: it is shared.
    expect(
      reasonOf([4], (b, x) => b.transpose(b.map("exp", [b.transpose(x, [1, 0])]), [1, 0])),
    ).toBeUndefined();
  });
});

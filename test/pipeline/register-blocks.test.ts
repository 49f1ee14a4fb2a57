/**
 * Pointwise programs whose lanes turn blocks in registers: what software devices get, and every such schedule of the space, held
 * to the oracle; and sizes, strides and reads that have none, where elements are gathered as before.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileGraph, type CompileOptions } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { bf16, bool, f16, f32, i32, softmax, trace, where, type TracedTensor } from "../../src/index.ts";
import type { TensorType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import { randomProgram } from "../support/random-graph.ts";
import { randomInputs } from "../support/random-values.ts";

type Program = (x: TracedTensor, y: TracedTensor) => TracedTensor | readonly TracedTensor[];
/** The last two dimensions change places. */
const turn = (x: TracedTensor): TracedTensor =>
  x.transpose([...Array.from({ length: x.ndim - 2 }, (_, i) => i), x.ndim - 1, x.ndim - 2]);
const last = (x: TracedTensor): TracedTensor => x.slice([...Array.from({ length: x.ndim - 1 }, () => 0)]);

/** y has the shape of x, its last two dimensions in each other's place. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  "a turned read": (x, y) => x.add(turn(y)),
  "a turned result": (x, y) => turn(x.mul(2)).sub(y),
  "both ways": (x, y) => [x.mul(x), turn(x.add(1)), turn(y).mul(x)],
  "a choice": (x, y) => where(x.gt(0), turn(y), x.mul(0.5)),
  "values of one axis each": (x, y) => x.mul(last(x).exp()).add(turn(y.mul(last(y).exp()))),
  coordinates: (x, y) =>
    x
      .iotaLike(x.ndim - 1)
      .mul(turn(y))
      .add(x.iotaLike(x.ndim - 2)),
  "the same result for all of an axis": (x, y) => [x.add(turn(y)), last(x).exp(), last(y).exp()],
};
const WHOLE = [
  [4, 4],
  [8, 12],
  [6, 10],
  [64, 64],
  [3, 8, 12],
  [36, 20],
];
const ODD = [
  [5, 7],
  [4, 7],
  [3, 8],
];
const swiftshader = profileNamed("swiftshader");
const nvidia = profileNamed("nvidia");
const turned = (shape: readonly number[]): number[] => [...shape.slice(0, -2), ...shape.slice(-2).reverse()];
const isBlock = ({ tile }: KernelSchedule): boolean => tile?.memory === "registers";

function graphOf(program: Program, shape: readonly number[], dtype = f32): Graph {
  const types = [dtype(...shape), dtype(...turned(shape))] as const;
  return trace(program, types, { parameterNames: ["x", "y"], locate: false }).graph;
}

/** The schedules with blocks in registers of each kernel of a graph. */
function blocksOf(graph: Graph, profile = nvidia): readonly KernelSchedule[] {
  const found: KernelSchedule[] = [];
  compileGraph(graph, {
    profile,
    schedule: (chosen, _, space) => {
      found.push(...space.enumerate().filter(isBlock));
      return chosen;
    },
  });
  return found;
}

/** Each kernel that can takes a block, the one at this share of their list. */
const takeBlock =
  (share: number): CompileOptions["schedule"] =>
  (chosen, _, space) => {
    const blocks = space.enumerate().filter(isBlock);
    return blocks[Math.floor(share * blocks.length)] ?? chosen;
  };
const SHARES = Array.from({ length: 12 }, (_, i) => i / 12);

describe.each(Object.entries(PROGRAMS))("%s", (_, program) => {
  test("as software devices run it", async () => {
    for (const shape of [...WHOLE, ...ODD]) {
      const graph = graphOf(program, shape);
      const { failures } = await checkProgram(
        { graph, inputs: randomInputs(graph, 3) },
        { profile: swiftshader },
      );
      expect(failures, shape.join("x")).toEqual([]);
    }
  });

  test("under blocks of all kinds", async () => {
    for (const shape of WHOLE) {
      const graph = graphOf(program, shape);
      expect(blocksOf(graph).length, shape.join("x")).toBeGreaterThan(0);
      for (const share of SHARES) {
        const given = { graph, inputs: randomInputs(graph, 3) };
        const options = { profile: nvidia, interpretStages: false, schedule: takeBlock(share) };
        const { failures } = await checkProgram(given, options);
        expect(failures, `${shape.join("x")} at ${String(share)}`).toEqual([]);
      }
    }
  });

  test("sizes that are no multiples of a vector have none", () => {
    for (const shape of ODD) expect(blocksOf(graphOf(program, shape)), shape.join("x")).toEqual([]);
  });
});

test.each([
  ["f16", f16],
  ["bf16", bf16],
  ["i32", i32],
])("%s", async (_, dtype) => {
  const graph = graphOf((x, y) => [x.add(turn(y)), turn(x)], [8, 12], dtype);
  expect(blocksOf(graph).length).toBeGreaterThan(0);
  for (const share of SHARES) {
    const options = { profile: nvidia, interpretStages: false, schedule: takeBlock(share) };
    const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, 3) }, options);
    expect(failures).toEqual([]);
  }
});

test.each<[string, readonly TensorType[], (...args: TracedTensor[]) => readonly TracedTensor[]]>([
  [
    "masks, turned and not",
    [bool(8, 12), f32(12, 8), f32(8, 12)],
    (m, y, x) => [where(m, turn(y), x), where(turn(m), y, turn(x)), turn(m)],
  ],
  [
    "bounds along the points of a block",
    [f32(8, 8), f32(12, 8)],
    (x, y) => [turn(x.pad([0, 0], [4, 0])).add(turn(y).mul(2)), x.pad([4, 0], [0, 0]).add(y)],
  ],
  [
    "slices at whole vectors",
    [f32(16, 12), f32(12, 16)],
    (x, y) => [
      x.slice([{ start: 4, stop: 12 }, { start: 4 }]).add(turn(y).slice([{ start: 8 }, { stop: 8 }])),
    ],
  ],
  [
    "an axis beside those of the block",
    [f32(4, 8, 12), f32(12, 8, 4)],
    (x, y) => [x.add(y.transpose([2, 1, 0])), y.transpose([1, 2, 0])],
  ],
])("%s", async (_, types, f) => {
  const { graph } = trace(f, types, { locate: false });
  expect(blocksOf(graph).length).toBeGreaterThan(0);
  const given = { graph, inputs: randomInputs(graph, 3) };
  for (const share of SHARES) {
    const options = { profile: nvidia, interpretStages: false, schedule: takeBlock(share) };
    expect((await checkProgram(given, options)).failures).toEqual([]);
  }
});

test.each([
  [
    "a read that starts inside a vector",
    (x, y) => x.slice([{ stop: 8 }]).add(turn(y.slice([{}, { start: 1, stop: 9 }]))),
  ],
  ["a bound along the vectors", (x, y) => x.pad([0, 2], [0, 2]).add(turn(y.pad([2, 0], [2, 0])))],
  ["rows of one kernel", (x, y) => softmax(x.add(turn(y)))],
  ["nothing turned", (x) => x.mul(x)],
] as readonly (readonly [string, Program])[])("no block: %s", (_, program) => {
  expect(blocksOf(graphOf(program, [12, 12]))).toEqual([]);
});

test.each(["swiftshader", "lavapipe"])(
  "%s takes blocks where something is turned, and reads each element once",
  (name) => {
    const profile = profileNamed(name);
    for (const [label, program] of Object.entries(PROGRAMS))
      for (const shape of [
        [256, 384],
        [4, 64, 128],
        [1024, 8],
      ]) {
        const compiled = compileGraph(graphOf(program, shape), { profile, check: true });
        const at = `${label} ${shape.join("x")}`;
        const [kernel] = explainCompiled(compiled, profile).kernels;
        expect(kernel?.schedule.tile?.memory, at).toBe("registers");
        expect(
          compiled.kernels[0]?.kernel.bindings.filter((b) => b.elements > 1024).map((b) => b.width),
          at,
        ).not.toContain(1);
        expect(compiled.kernels[0]?.kernel.shared, at).toEqual([]);
      }
  },
);

test("what all points of a block share is computed once", () => {
  const graph = graphOf((x, y) => x.mul(last(x).exp()).add(turn(y)), [64, 64]);
  const [kernel] = compileGraph(graph, { profile: swiftshader, check: true }).kernels;
  expect(kernel?.schedule.tile?.memory).toBe("registers");
  expect(kernel?.emitted.wgsl.split("tw_exp_x4(").length).toBe(3); // declared, called once
});

test("random programs under blocks", async () => {
  let seen = 0;
  const kinds = [
    "binary",
    "unary",
    "transpose",
    "transpose",
    "broadcast",
    "slice",
    "compare",
    "cast",
  ] as const;
  // Blocks need two dimensions of whole vectors: among lengths of all kinds, one program in fifty has them.
  const programs = randomProgram({ kinds, maxSteps: 8, lengths: [4, 8, 12, 16, 20, 5], ranks: [2, 3] });
  await fc.assert(
    fc.asyncProperty(programs, fc.nat(), async (program, draw) => {
      const { failures } = await checkProgram(program, {
        profile: nvidia,
        interpretStages: false,
        schedule: (chosen, _, space) => {
          const blocks = space.enumerate().filter(isBlock);
          const block = blocks[draw % Math.max(1, blocks.length)];
          if (block !== undefined) seen++;
          return block ?? chosen;
        },
      });
      expect(failures).toEqual([]);
    }),
    { numRuns: 300 },
  );
  expect(seen).toBeGreaterThan(5);
}, 300_000);

describeGpu("on a device", () => {
  test("blocks agree with the oracle", async () => {
    using device = await openDevice({ backend: "webgpu" });
    for (const program of Object.values(PROGRAMS))
      for (const shape of [
        [8, 12],
        [3, 8, 20],
        [64, 36],
      ]) {
        const graph = graphOf(program, shape);
        expect(blocksOf(graph, device.profile).length).toBeGreaterThan(0);
        const given = { graph, inputs: randomInputs(graph, 5) };
        for (const share of [0, 0.5, 0.99]) {
          const options = {
            profile: device.profile,
            device,
            interpretKernels: false,
            interpretStages: false,
          };
          const { failures } = await checkProgram(given, { ...options, schedule: takeBlock(share) });
          expect(failures, shape.join("x")).toEqual([]);
        }
      }
  }, 300_000);
});

/** Which lanes keep a row on CPUs whose subgroups are wide (lavapipe's are of eight): one, a subgroup, or several. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { f32, layerNorm, softmax, trace, type TracedTensor } from "../../src/index.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { profileNamed } from "../support/pipeline-golden.ts";

type Program = (...tensors: TracedTensor[]) => TracedTensor;

/** The schedule of the only kernel: its lanes, and where rows wait. */
function scheduleOf(fn: Program, shapes: readonly (readonly number[])[]): string {
  const { graph } = trace(
    fn,
    shapes.map((shape) => f32(...shape)),
    { locate: false },
  );
  const schedules = compileGraph(graph, { profile: profileNamed("lavapipe"), check: true }).kernels.map(
    ({ schedule }) => printLanes(schedule),
  );
  expect(schedules.length).toBe(1);
  return schedules.join();
}

const printLanes = ({ lanes, residency }: KernelSchedule): string =>
  [...lanes.map((l) => `${l.axis}=${String(l.lanes)}`), residency].join(" ");

const lastAxis: Program = (x) => softmax(x, { axis: -1 });
const firstAxis: Program = (x) => softmax(x, { axis: 0 });

test.each<[string, Program, readonly number[], string]>([
  ["rows of a subgroup's registers have a subgroup each", lastAxis, [4096, 1024], "i=32 j=8 registers"],
  ["longer ones have several", lastAxis, [512, 4096], "i=4 j=16 registers"],
  ["as many as they need", lastAxis, [64, 50_257], "j=256 registers"],
  ["and are read again where a workgroup is too small", lastAxis, [8, 1_048_576], "i=2 j=16 reload"],
  [
    "columns have as many lanes as they need, and few beside them",
    firstAxis,
    [8192, 1024],
    "i=8 j=128 registers",
  ],
  ["shorter ones fewer", firstAxis, [2048, 1024], "i=8 j=32 registers"],
  ["kernels that end before their texts were compiled read again", lastAxis, [16, 4096], "i=4 j=2 reload"],
])("subgroups of eight keep what they can: %s", (_, fn, shape, expected) => {
  expect(scheduleOf(fn, [shape])).toBe(expected);
});

test("a lane for each row where all rows read weights, which lanes in step load together", () => {
  const affine: Program = (x, weight, bias) => layerNorm(x, { weight, bias });
  const lanesOf = (rows: number, row: number): string => scheduleOf(affine, [[rows, row], [row], [row]]);
  expect(lanesOf(32_768, 128)).toBe("i=64 registers");
  expect(lanesOf(4096, 1024)).toBe("i=64 registers");
  // Longer than a lane can keep, too few, or sooner done than compiled.
  expect(lanesOf(4096, 2048)).toBe("i=32 j=8 registers");
  expect(lanesOf(64, 65_536)).toBe("j=256 registers");
  expect(lanesOf(512, 1024)).toBe("i=32 j=8 registers");
});

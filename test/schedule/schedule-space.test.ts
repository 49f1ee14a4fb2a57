/** The space of schedules as data: goldens of what would be timed, and what holds for every list. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { f32, layerNorm, softmax, trace, type TracedTensor } from "../../src/index.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { MOST_CANDIDATES } from "../../src/schedule/schedule-space.ts";
import { testGoldens } from "../support/golden.ts";
import { graphOfGolden, profileNamed } from "../support/pipeline-golden.ts";

testGoldens("schedule-space", (golden) => {
  const graph = graphOfGolden(golden);
  return (["nvidia", "swiftshader"] as const)
    .map((name) => {
      const lines: string[] = [];
      compileGraph(graph, {
        profile: profileNamed(name),
        check: true,
        schedule: (chosen, group, { enumerate, candidates }) => {
          const all = enumerate().length;
          lines.push(
            `  ${group.name}: ${String(all)} legal`,
            ...candidates().map((s) => `    ${printSchedule(s)}`),
          );
          return chosen;
        },
      });
      return [`${name}:`, ...lines].join("\n");
    })
    .join("\n");
});

const printSchedule = (s: KernelSchedule): string =>
  [
    s.lanes.length === 0 ? "one lane" : s.lanes.map((l) => `${l.axis}=${String(l.lanes)}`).join(" "),
    ...(s.coarsening === 1 ? [] : [`${String(s.coarsening)} to an invocation`]),
    ...(s.unroll === 1 ? [] : [`${String(s.unroll)} a turn`]),
    s.vectorAxis === null ? "scalars" : `${s.vectorAxis}x${String(s.vectorWidth)}`,
    s.residency,
    s.pairing,
    s.reduction,
    ...(s.tile === null
      ? []
      : [`blocks of ${String(s.tile.steps)} along ${s.tile.axis} in ${s.tile.memory}`]),
    ...(s.helperAxes.length === 0 ? [] : [`helpers ${s.helperAxes.join(",")}`]),
  ].join(", ");

const PROGRAMS: Readonly<Record<string, readonly [(x: TracedTensor) => TracedTensor, readonly number[]]>> = {
  softmax: [(x) => softmax(x, { axis: -1 }), [64, 50257]],
  "layer norm": [(x) => layerNorm(x), [4096, 1024]],
  columns: [(x) => x.div(x.mul(x).sum({ axis: 0, keepdims: true }).sqrt()), [1024, 513]],
  total: [(x) => x.sum(), [1 << 22]],
  "a point": [(x) => x.sum(), [3]],
  points: [(x) => x.exp(), [1000, 7]],
};

for (const [name, [fn, shape]] of Object.entries(PROGRAMS))
  test(`${name}: the default first, at most ${String(MOST_CANDIDATES)}, no two equal, the same each time`, () => {
    const { graph } = trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false });
    for (const profile of PROFILE_NAMES.map(findProfile)) {
      if (profile === undefined) throw new Error("a profile is missing");
      compileGraph(graph, {
        profile,
        schedule: (chosen, _group, { candidates }) => {
          const list = candidates();
          expect(list[0]).toEqual(chosen);
          expect(list.length).toBeLessThanOrEqual(MOST_CANDIDATES);
          expect(new Set(list.map((s) => JSON.stringify(s))).size).toBe(list.length);
          expect(candidates()).toEqual(list);
          return chosen;
        },
      });
    }
  });

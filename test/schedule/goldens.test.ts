/** Schedules as data: one line per kernel and built-in profile. */
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { PROFILE_NAMES } from "../../src/ir/profile.ts";
import { compileGraph } from "../../src/compile.ts";
import { testGoldens } from "../support/golden.ts";
import { graphOfGolden, profileNamed } from "../support/pipeline-golden.ts";

testGoldens("schedule", (golden) => {
  const graph = graphOfGolden(golden);
  return PROFILE_NAMES.map((name) => {
    const { kernels } = compileGraph(graph, { profile: profileNamed(name), check: true });
    return [
      `${name}:`,
      ...kernels.map(({ group, schedule }) => `  ${group.name} ${printSchedule(schedule)}`),
    ].join("\n");
  }).join("\n");
});

const printSchedule = ({ lanes, stages, turns, ...rest }: KernelSchedule): string =>
  JSON.stringify({
    lanes: lanes.map((l) => `${l.axis}=${String(l.lanes)}`).join(" "),
    ...rest,
    ...(stages.length === 0 ? {} : { stages }),
    ...(stages.length === 0 && turns === null ? {} : { turns }),
  });

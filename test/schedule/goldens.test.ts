/** Schedules as data, one line per kernel and built-in profile, and the order of axes that they start from. */
import { viewGroup } from "../../src/ir/group-view.ts";
import { printIndex } from "../../src/ir/index-expr.ts";
import type { Statement } from "../../src/ir/index-notation.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { PROFILE_NAMES } from "../../src/ir/profile.ts";
import { compileGraph } from "../../src/compile.ts";
import { orderAxes } from "../../src/schedule/order-axes.ts";
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

/** The axes of each group in the order that memory asks for, under those of its statements, in whatever order these name them. */
testGoldens("schedule/order-axes", (golden) => {
  const { grouped } = compileGraph(graphOfGolden(golden), { profile: profileNamed("default"), check: true });
  return grouped.groups
    .map((group) => {
      const view = viewGroup(grouped, group);
      const { axes, contiguous, main } = orderAxes(view, profileNamed("default"));
      const by = main === undefined ? "nothing" : printIndex(main);
      const order = `slowest first ${[...axes].reverse().join(" ")}, contiguous ${contiguous ?? "none"}, by ${by}`;
      return [`${group.name} ${order}`, ...[...view.statements.values()].map(printAxes)].join("\n");
    })
    .join("\n");
});

const printAxes = ({ name, axes, reduce }: Statement): string =>
  `  ${name}[${axes.join()}]${reduce === undefined ? "" : ` = ${reduce.fn}(${reduce.axes.join()}) ...`}`;

const printSchedule = ({ lanes, stages, turns, ...rest }: KernelSchedule): string =>
  JSON.stringify({
    lanes: lanes.map((l) => `${l.axis}=${String(l.lanes)}`).join(" "),
    ...rest,
    ...(stages.length === 0 ? {} : { stages }),
    ...(stages.length === 0 && turns === null ? {} : { turns }),
  });

/** One bad schedule for each rule of legality, with the words that say what is wrong with it. */
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { f32, softmax, trace, type TracedTensor } from "../../src/index.ts";
import { viewGroup, type GroupView } from "../../src/ir/group-view.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { isolateGroups } from "../../src/passes/index/isolate-groups.ts";
import { verifySchedule } from "../../src/schedule/verify-schedule.ts";

function profileNamed(name: string): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}
const nvidia = profileNamed("nvidia");

/** The only kernel of a function of x, its view, and the schedule that it gets. */
function kernelOf(
  fn: (x: TracedTensor) => TracedTensor,
  shape: readonly number[],
): { readonly view: GroupView; readonly chosen: KernelSchedule } {
  const { graph } = trace(fn, [f32(...shape)], { parameterNames: ["x"], locate: false });
  const { grouped, kernels } = compileGraph(graph, { profile: nvidia, check: true });
  const [alone] = isolateGroups(grouped);
  const chosen = kernels[0]?.schedule;
  if (alone === undefined || chosen === undefined) throw new Error("there is no kernel");
  return { view: viewGroup({ program: alone.program, groups: [alone.group] }, alone.group), chosen };
}

const rows = kernelOf((x) => softmax(x, { axis: -1 }), [100, 1024]);
const odd = kernelOf((x) => softmax(x, { axis: -1 }), [100, 1023]);
const grid = rows.view.gridAxes[0] ?? "";
const row = rows.view.rowAxes[0] ?? "";

const BAD: readonly (readonly [string, Partial<KernelSchedule>, string])[] = [
  ["an axis of the row left out", { rowAxes: [] }, "rowAxes are []"],
  ["an axis twice", { gridAxes: [grid, grid] }, "gridAxes are"],
  ["a walk where there is none", { walkAxes: [row] }, "walkAxes are"],
  ["lanes along a stranger", { lanes: [{ axis: "nobody", lanes: 4 }] }, "no axis of the grid or the row"],
  [
    "lanes twice",
    {
      lanes: [
        { axis: row, lanes: 4 },
        { axis: row, lanes: 4 },
      ],
    },
    "has lanes twice",
  ],
  ["half a lane", { lanes: [{ axis: row, lanes: 2.5 }] }, "has 2.5 lanes"],
  ["no lane", { lanes: [{ axis: row, lanes: 0 }] }, "has 0 lanes"],
  ["more lanes than units", { lanes: [{ axis: row, lanes: 512 }] }, "has 512 lanes for 256 units"],
  [
    "more invocations than the device has",
    {
      lanes: [
        { axis: grid, lanes: 64 },
        { axis: row, lanes: 32 },
      ],
    },
    "has 2048 invocations, the device allows 1024",
  ],
  ["vectors of three", { vectorWidth: 3 as 4 }, "vectors have 3 elements"],
  ["vectors along nothing", { vectorAxis: null }, "vectors have no axis"],
  ["an axis for scalars", { vectorWidth: 1 }, "an axis is named for vectors of one element"],
  ["vectors across rows", { vectorAxis: grid }, `accesses along ${grid} are not all vectors of 4`],
  ["helpers that cannot", { helperAxes: [grid] }, "cannot help each other"],
  ["lanes of a row in one invocation", { coarsening: 2 }, "only where lanes share nothing"],
  ["lanes that cannot be dealt out", { coarsening: 3 }, "lanes cannot be dealt out 3 to an invocation"],
  ["turns of no whole step", { unroll: 0.5 }, "a turn cannot take 0.5 steps"],
  ["turns of more steps than text has room for", { unroll: 1024 }, "a turn cannot take 1024 steps"],
  ["turns along the row", { turns: { axis: row, count: 2 } }, `no workgroup takes 2 turns along ${row}`],
  ["turns along what is not shared", { turns: { axis: grid, count: 2 } }, `2 turns along ${grid}`],
  ["nothing combines", { reduction: "serial" }, "nothing combines what they find"],
  ["nothing to combine", { lanes: [], reduction: "tree" }, "one lane has a row, there is no tree reduction"],
  [
    "exchanges between lanes apart",
    {
      lanes: [
        { axis: row, lanes: 4 },
        { axis: grid, lanes: 8 },
      ],
      reduction: "subgroup",
    },
    "do not fill parts of subgroups",
  ],
  [
    "too long a row for registers",
    { lanes: [{ axis: grid, lanes: 32 }], reduction: "serial", residency: "registers" },
    "a lane keeps 1024 registers in 256 steps",
  ],
];

for (const [name, fields, words] of BAD)
  test(`not legal: ${name}`, () => {
    expect(verifySchedule(rows.view, rows.chosen, nvidia)).toEqual([]);
    const problems = verifySchedule(rows.view, { ...rows.chosen, ...fields }, nvidia);
    expect(problems.join("; ")).toContain(words);
  });

test("not legal: vectors of an odd row", () => {
  const schedule: KernelSchedule = { ...odd.chosen, vectorWidth: 4, vectorAxis: odd.view.rowAxes[0] ?? "" };
  expect(verifySchedule(odd.view, schedule, nvidia).join("; ")).toContain("units");
});

test("not legal: a shared walk without a pair", () => {
  const norm = kernelOf((x) => x.div(x.mul(x).sum({ axis: -1, keepdims: true })), [64, 256]);
  const schedule: KernelSchedule = { ...norm.chosen, pairing: "one-walk" };
  expect(verifySchedule(norm.view, schedule, nvidia)).toEqual([
    "no two reductions of the group can share a walk",
  ]);
});

test("not legal: registers for what is read once", () => {
  const total = kernelOf((x) => x.sum({ axis: -1 }), [64, 256]);
  const schedule: KernelSchedule = { ...total.chosen, residency: "registers" };
  expect(verifySchedule(total.view, schedule, nvidia)).toEqual(["no phase needs what another has read"]);
});

test("not legal: a tree larger than workgroup memory", () => {
  const limits = { ...nvidia.limits, maxComputeWorkgroupStorageSize: 128 };
  const schedule: KernelSchedule = { ...rows.chosen, reduction: "tree" };
  expect(verifySchedule(rows.view, schedule, { ...nvidia, limits }).join("; ")).toContain(
    "of workgroup memory, the device has 128",
  );
});

test("not legal: a tile of a group with rows", () => {
  const tile = { memory: "workgroup", axis: grid, steps: 1, through: [] } as const;
  expect(verifySchedule(rows.view, { ...rows.chosen, tile }, nvidia)).toEqual([
    "a group with rows has no tile",
  ]);
});

test("not legal: tiles that do not fit their block", () => {
  const turned = kernelOf((x) => x.add(x.transpose([1, 0])), [1024, 1024]);
  const { tile, lanes } = turned.chosen;
  if (tile === null) throw new Error("there is no tile");
  expect(verifySchedule(turned.view, turned.chosen, nvidia)).toEqual([]);
  const verify = (fields: Partial<KernelSchedule>): string =>
    verifySchedule(turned.view, { ...turned.chosen, ...fields }, nvidia).join("; ");
  expect(verify({ tile: { ...tile, steps: 3 } })).toContain("3 steps of a tile do not divide 32 lanes");
  expect(verify({ tile: { ...tile, steps: 0.5 } })).toContain("0.5 steps");
  expect(verify({ tile: { ...tile, through: ["y[i]"] } })).toContain("no access of the group");
  expect(verify({ lanes: lanes.slice(1) })).toContain("needs lanes there and along one faster axis");
  expect(verify({ lanes: [...lanes].reverse(), tile: { ...tile, steps: 1 } })).toContain("needs lanes there");
});

test("not legal: blocks in registers that do not fit the group", () => {
  const turned = kernelOf((x) => x.add(x.transpose([1, 0])), [1024, 1024]);
  const [i = "", j = ""] = turned.view.gridAxes;
  const through = turned.chosen.tile?.through ?? [];
  const tile = { memory: "registers", axis: i, steps: 4, through } as const;
  const block: KernelSchedule = {
    ...turned.chosen,
    lanes: [{ axis: j, lanes: 64 }],
    vectorAxis: j,
    vectorWidth: 4,
    tile,
  };
  const verify = (fields: Partial<KernelSchedule>, view = turned.view): string =>
    verifySchedule(view, { ...block, ...fields }, nvidia).join("; ");
  expect(verify({})).toBe("");
  expect(verify({ vectorWidth: 2 })).toContain("4 points for vectors of 2");
  expect(verify({ vectorAxis: null, vectorWidth: 1 })).toContain("4 points for vectors of 1");
  expect(verify({ tile: { ...tile, through: [] } })).toContain("no block of vectors");
  expect(verify({ vectorAxis: i, lanes: [], tile })).toContain(`no block of vectors along ${i} and ${i}`);
  expect(verify({ lanes: [{ axis: i, lanes: 512 }] })).toContain("more lanes than blocks");
  expect(verify({ lanes: [{ axis: j, lanes: 512 }] })).toContain("has 512 lanes for 256 units");
  const unaligned = kernelOf((x) => x.add(x.transpose([1, 0])), [1022, 1022]);
  expect(verify({}, unaligned.view)).not.toBe("");
});

test("not legal: stages that do not fit the group", () => {
  const staged = kernelOf(
    (x) => x.div(x.max({ axis: 1, keepdims: true }).sum({ axis: 0, keepdims: true })),
    [12, 40],
  );
  const [stage] = staged.chosen.stages;
  if (stage === undefined) throw new Error("there are no stages");
  expect(verifySchedule(staged.view, staged.chosen, nvidia)).toEqual([]);
  const verify = (fields: Partial<KernelSchedule>): string =>
    verifySchedule(staged.view, { ...staged.chosen, ...fields }, nvidia).join("; ");
  const rest = staged.chosen.stages.slice(1);
  expect(verify({ stages: [] })).toContain("0 stages, the group has");
  expect(verify({ stages: [{ ...stage, lanesPerPoint: 7 }, ...rest] })).toContain("7 lanes of a stage");
  expect(verify({ stages: [{ ...stage, lanesPerPoint: 1, reduction: "tree" }, ...rest] })).toContain(
    "1 lanes of a stage with a tree reduction",
  );
  expect(verify({ turns: { axis: "nobody", count: 2 } })).toContain(
    "no workgroup takes 2 turns along nobody",
  );
  expect(verify({ turns: { axis: staged.view.gridAxes[0] ?? "", count: 0.5 } })).toContain("0.5 turns");
  const limits = { ...nvidia.limits, maxComputeWorkgroupStorageSize: 16 };
  expect(verifySchedule(staged.view, staged.chosen, { ...nvidia, limits }).join("; ")).toContain(
    "bytes of workgroup memory",
  );
});

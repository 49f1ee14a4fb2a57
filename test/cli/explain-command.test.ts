/** `weft explain`: the JSON contract and the stages. What the report looks like is in test/golden/cli/explain. */
import { expect, test } from "vitest";
import { STAGES } from "../../src/cli/explain-stages.ts";
import { STAGE_NAMES, type Explanation } from "../../src/explain.ts";
import { PROFILE_NAMES } from "../../src/ir/profile.ts";
import { runWeft } from "./run-weft.ts";

const EXPLAIN = ["explain", "test/data/cli/norms.weft", "--kernel", "weight_norm", "--dim", "O=64,I=3,K=3"];

test("--json gives the contract, and every figure in it", async () => {
  const { status, out, err } = await runWeft(...EXPLAIN, "--json");
  expect([status, err]).toEqual([0, ""]);
  const explanation = JSON.parse(out) as Explanation;
  const names = explanation.statements.map(({ name }) => name);
  expect(names).toEqual([expect.any(String), expect.any(String), expect.any(String)]);
  expect(explanation).toEqual({
    kernels: [
      {
        name: expect.any(String) as string,
        gridAxes: [expect.any(String)],
        workgroups: [expect.any(Number), 1, 1],
        workgroupSize: expect.any(Number) as number,
        dispatches: 1,
        schedule: expect.objectContaining({ lanes: expect.any(Array) as unknown[] }) as object,
        origin: "chosen",
        bytesRead: 4 * (64 * 9 + 64),
        bytesWritten: 4 * 64 * 9,
        sectors: expect.any(Number) as number,
        occupancy: expect.any(Number) as number,
        stages: [],
        bytesReread: expect.any(Number) as number,
        statements: names,
        decisions: [
          { kind: "fused", statement: names[1], with: names[0], savedBytes: 2 * 4 * 64 },
          { kind: "fused", statement: names[2], with: names[1], savedBytes: 4 * (9 * 64 + 2 * 64) },
        ],
        reasons: [
          "fused: add (norms.weft:4) with sum over j (norms.weft:3), saves 512 B",
          "fused: div (norms.weft:4) with add (norms.weft:4), saves 2.75 KiB",
        ],
      },
    ],
    statements: [
      ["sum over j", 3],
      ["add", 4],
      ["div", 4],
    ].map(([operation, line], i) => ({
      name: names[i],
      operation,
      label: `${String(operation)} (norms.weft:${String(line)})`,
      span: {
        file: "test/data/cli/norms.weft",
        line,
        column: expect.any(Number) as number,
        length: expect.any(Number) as number,
      },
    })),
    dispatches: 1,
    bytes: { moved: 4 * (2 * 64 * 9 + 64), floor: 4 * (2 * 64 * 9 + 64) },
    inputs: [
      { name: "v", dtype: "f32", shape: [64, 3, 3] },
      { name: "g", dtype: "f32", shape: [64, 1, 1] },
    ],
    outputs: [{ name: "out", dtype: "f32", shape: [64, 3, 3] }],
    wgsl: [expect.stringContaining("@compute")],
  });
});

test("every stage prints, for every profile, and all of them together", async () => {
  expect(STAGES).toEqual([...STAGE_NAMES, "all"]);
  for (const profile of PROFILE_NAMES) {
    const all = await runWeft(...EXPLAIN, "--profile", profile, "--stage", "all");
    expect(all.status).toBe(0);
    for (const stage of STAGE_NAMES) {
      const { status, out } = await runWeft(...EXPLAIN, "--profile", profile, "--stage", stage);
      expect(status).toBe(0);
      expect(out.length).toBeGreaterThan(20);
      expect(all.out).toContain(out.trimEnd());
    }
  }
});

test("a stage as JSON is one string under its name", async () => {
  const { out } = await runWeft(...EXPLAIN, "--stage", "graph", "--json");
  expect(JSON.parse(out)).toEqual({ graph: expect.stringMatching(/^func @weight_norm/) as string });
});

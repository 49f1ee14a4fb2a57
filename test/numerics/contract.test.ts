/**
 * What comes out at the edges of f32, f16 and bf16, for every function of the library and every way to compute a row, on a device
 * (contract.ts says what is held to what). Short here: 16-bit tensors with one strategy each, by turns; all of it is run by
 *
 *     npm run numerics
 *
 * docs/numerics.md has the table of what comes out; this file writes it.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIBRARY } from "../../src/library/registry.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkGenerated } from "../docs/read-doc.ts";
import { describeGpu } from "../support/gpu.ts";
import { checkContract } from "./check-contract.ts";
import { printEdgeTable } from "./edge-table.ts";
import type { FloatDType } from "./edges.ts";
import { FUNCTIONS } from "./numeric-functions.ts";
import { STRATEGY_NAMES, type StrategyName } from "./strategies.ts";

test("every function of the library is called", () => {
  expect([...LIBRARY.keys()].filter((name) => !FUNCTIONS.some((fn) => fn.name === name))).toEqual([]);
});

test("docs/numerics.md says what comes out at the edges", () => {
  checkGenerated("docs/numerics.md", "edges", printEdgeTable());
});

/** All strategies for f32; each in turn for the others. */
function* chooseRuns(): Generator<readonly [FloatDType, StrategyName, number]> {
  for (const [i, fn] of FUNCTIONS.entries()) {
    const strategies = fn.isPointwise === true ? STRATEGY_NAMES.slice(0, 1) : STRATEGY_NAMES;
    for (const strategy of strategies) yield ["f32", strategy, i];
    for (const [k, dtype] of (["f16", "bf16"] as const).entries())
      yield [dtype, strategies[(i + k) % strategies.length] ?? "registers", i];
  }
}

describeGpu("on a device", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());

  test("every function, with every strategy", { timeout: 300_000 }, async () => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    const report = await checkContract(opened, chooseRuns());
    expect(report.complaints).toEqual([]);
    // The strategies are those that they are called.
    for (const [strategy, least] of [
      ["registers", 30],
      ["workgroup memory", 30],
      ["looped", 50],
      ["one walk", 12],
      ["pieces", 20],
    ] as const)
      expect(report.inForce.get(strategy) ?? 0, strategy).toBeGreaterThanOrEqual(least);
    // Excuses are for the edges that they are made for.
    expect(
      [...report.excused.keys()].filter(
        (key) => !/^(?:flushed: subnormal|merged: (?:1e30|greatest)|folded: )/.test(key),
      ),
    ).toEqual([]);
  });
});

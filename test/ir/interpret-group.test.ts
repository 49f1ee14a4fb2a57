/** The meaning of groups at some points: within the oracle's bounds of the whole program there. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { f32, interpretGraph, layerNorm, softmax, trace, type TracedTensor } from "../../src/index.ts";
import type { GroupedProgram } from "../../src/ir/index-notation.ts";
import { hasOwnPoints, interpretGroup, pointSize, type GridPoint } from "../../src/ir/interpret-group.ts";
import { interpretIndexProgram } from "../../src/ir/interpret-index.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import { isolateGroups } from "../../src/passes/index/isolate-groups.ts";
import { nameInputs } from "../../src/passes/index/name-inputs.ts";
import { randomProgram } from "../support/random-graph.ts";

function profileNamed(name: string): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}

const sizesOf = ({ program }: GroupedProgram): ReadonlyMap<string, number> =>
  new Map(program.axes.map((a) => [a.name, a.size]));

/** All points of a grid, or the first and the last few. */
function somePoints(axes: readonly string[], sizes: ReadonlyMap<string, number>): readonly GridPoint[] {
  const lengths = axes.map((axis) => sizes.get(axis) ?? 1);
  const total = lengths.reduce((n, length) => n * length, 1);
  const chosen = total <= 64 ? Array.from({ length: total }, (_, i) => i) : [0, 1, 5, total - 2, total - 1];
  return chosen.map((position) => {
    let rest = position;
    return [...lengths]
      .reverse()
      .map((length) => {
        const at = rest % length;
        rest = Math.floor(rest / length);
        return at;
      })
      .reverse();
  });
}

test("random groups at points are what the whole program is there", () => {
  let compared = 0;
  fc.assert(
    fc.property(
      randomProgram({ dtypes: ["f32", "f32", "i32", "bool"], maxSteps: 10 }),
      ({ graph, inputs }) => {
        const { graph: optimized, grouped } = compileGraph(graph, { profile: profileNamed("default") });
        const named = new Map(
          [...nameInputs(optimized)].flatMap(([id, name]) => {
            const node = optimized.nodes[id];
            const values = node?.op === "param" || node?.op === "scalar" ? inputs.get(node.name) : undefined;
            return values === undefined ? [] : [[name, values] as const];
          }),
        );
        const all = new Map([...interpretIndexProgram(grouped.program, named), ...named]);
        for (const { program, group } of isolateGroups(grouped)) {
          if (!hasOwnPoints(program, group)) continue;
          const stored = interpretGroup(program, group, somePoints(group.gridAxes, sizesOf(grouped)), {
            read: (tensor, position) => all.get(tensor)?.[position] ?? 0,
            scalar: (name) =>
              named.get(name)?.[0] ?? program.scalars.find((s) => s.name === name)?.default ?? 0,
          });
          for (const { tensor, positions, values, bounds } of stored)
            positions.forEach((position, i) => {
              const [want, got] = [all.get(tensor)?.[position] ?? Number.NaN, values[i] ?? Number.NaN];
              const bound = bounds[i] ?? 0;
              if (bound === Infinity) return;
              compared++;
              const isEqual = want === got || (Number.isNaN(want) && Number.isNaN(got));
              expect(isEqual || Math.abs(want - got) <= bound).toBe(true);
            });
        }
      },
    ),
    { numRuns: 200 },
  );
  // Programs are drawn anew each time: there is something to compare, how much differs.
  expect(compared).toBeGreaterThan(1000);
});

const FORMULAS: Readonly<Record<string, (x: TracedTensor) => TracedTensor>> = {
  softmax: (x) => softmax(x, { axis: -1 }),
  "layer norm": (x) => layerNorm(x),
  columns: (x) => x.div(x.mul(x).sum({ axis: 0, keepdims: true }).sqrt()),
};
for (const [name, fn] of Object.entries(FORMULAS))
  test(`${name}: the bounds are those of the oracle`, () => {
    const { graph } = trace(fn, [f32(6, 40)], { parameterNames: ["x"], locate: false });
    const x = Float64Array.from({ length: 240 }, (_, i) => Math.fround(Math.sin((i + 1) * 12.9898) * 3));
    const oracle = interpretGraph(graph, new Map([["x", x]]), { bounds: true });
    const [expected] = [...oracle.values()];
    const { grouped } = compileGraph(graph, { profile: profileNamed("default") });
    const [alone] = isolateGroups(grouped);
    if (alone === undefined || expected?.bounds === undefined)
      throw new Error("there is no group, or no bound");
    const { program, group } = alone;
    expect(pointSize(program, group)).toBe(name === "columns" ? 6 : 40);
    const [stored] = interpretGroup(program, group, somePoints(group.gridAxes, sizesOf(grouped)), {
      read: (_tensor, position) => x[position] ?? 0,
      scalar: () => 0,
    });
    if (stored === undefined) throw new Error("nothing is stored");
    expect(stored.positions.length).toBe(240);
    stored.positions.forEach((position, i) => {
      expect(stored.values[i]).toBeCloseTo(expected.values[position] ?? Number.NaN, 12);
      // Simplification may have taken a rounding away, never added one.
      const [bound, own] = [expected.bounds?.[position] ?? 0, stored.bounds[i] ?? Number.NaN];
      expect(own).toBeGreaterThan(0);
      expect(own).toBeLessThanOrEqual(bound * 1.01);
    });
  });

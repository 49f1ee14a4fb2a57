/** Elements of accesses, many points at a time, against the functions of single points. */
import { describe, expect, test } from "vitest";
import { collectSites, openIndexCompiler } from "../../src/ir/kernel-sites.ts";
import type { Point, Site } from "../../src/ir/kernel-sites.ts";
import type { Kernel } from "../../src/ir/kernel.ts";
import { parseKernel } from "../../src/ir/parse-kernel.ts";
import { visitElements } from "../../src/ir/site-points.ts";
import { verifyKernel } from "../../src/ir/verify-kernel.ts";
import { createRandom } from "../support/random-values.ts";

interface Sizes {
  readonly count: number;
  readonly size: number;
  readonly outer: number;
  readonly inner: number;
}

/** A load in two loops, at an index and under a condition given as text. */
function loadAt(index: string, guard: string, { count, size, outer, inner }: Sizes): Kernel {
  const kernel =
    parseKernel(`kernel @load size=${String(size)} count=${String(count)} grid=[${String(count)},1,1] {
    binding %x: f32[100000] width=1 read
    binding %y: f32[1] width=1 read_write
    let %q = ((workgroup * ${String(size)}) + lane)
    delinearize %a=${String(count)}, %b=${String(size)} from %q
    for %k in ${String(outer)} {
      let %p = ((%k * 7) + lane)
      for %j in ${String(inner)} {
        if ${guard} { load %v: f32 = %x[(${index} min 99999)] }
      }
    }
  }`);
  expect(verifyKernel(kernel)).toEqual([]);
  return kernel;
}

/** Elements by the functions of single points, sorted. */
function elementsByPoints(kernel: Kernel, workgroups: readonly number[]): readonly number[] {
  const { site, definitions } = onlySite(kernel);
  const compile = openIndexCompiler(definitions);
  const [index, ...conditions] = [site.index, ...site.conditions].map((expr) => compile(expr));
  const found = new Set<number>();
  const [outer, inner] = site.loops;
  for (const workgroup of workgroups)
    for (let lane = 0; lane < kernel.workgroupSize; lane++)
      for (let k = 0; k < (outer?.trips ?? 1); k++)
        for (let j = 0; j < (inner?.trips ?? 1); j++) {
          const counters = new Map([
            [outer?.counter ?? "", k],
            [inner?.counter ?? "", j],
          ]);
          const point: Point = { workgroup, lane, counters };
          if (conditions.every((condition) => condition?.(point) !== 0)) found.add(index?.(point) ?? -1);
        }
  return [...found].sort((a, b) => a - b);
}

function onlySite(kernel: Kernel): {
  site: Site;
  definitions: ReturnType<typeof collectSites>["definitions"];
} {
  const { sites, definitions } = collectSites(kernel);
  const [site] = sites;
  if (site === undefined) throw new Error("the kernel has no access");
  return { site, definitions };
}

function visitAll(kernel: Kernel, only?: number): { elements: readonly number[]; points: number } {
  const { site, definitions } = onlySite(kernel);
  const found = new Set<number>();
  const points = visitElements(kernel, definitions, site, only, (elements, count) => {
    for (const element of elements.subarray(0, count)) found.add(element);
  });
  return { elements: [...found].sort((a, b) => a - b), points };
}

type Random = () => number;
const pick = (random: Random, from: readonly string[]): string =>
  from[Math.floor(random() * from.length)] ?? "";

/** Names of all that an index may depend on, and numbers, joined by ops; differences wrap. */
function randomIndex(random: Random, depth: number): string {
  if (depth === 0) return pick(random, ["workgroup", "lane", "%q", "%a", "%b", "%k", "%j", "%p", "3"]);
  const [left, right] = [randomIndex(random, depth - 1), randomIndex(random, depth - 1)];
  const number = String(1 + Math.floor(random() * 9));
  return pick(random, [
    `(${left} + ${right})`,
    `(${left} - ${right})`,
    `(${left} * ${number})`,
    `(${left} / ${number})`,
    `(${left} mod ${number})`,
    `(${left} min ${right})`,
  ]);
}

function randomCondition(random: Random): string {
  const compare = (): string =>
    `${pick(random, ["lt", "le", "gt", "ge", "eq", "ne"])}(${randomIndex(random, 1)}, ${randomIndex(random, 1)})`;
  return pick(random, [compare(), `and(${compare()}, ${compare()})`, `or(${compare()}, ${compare()})`]);
}

describe("random indices and conditions", () => {
  test.each([
    { count: 3, size: 8, outer: 2, inner: 3 },
    { count: 5, size: 1, outer: 3, inner: 1 },
    { count: 2, size: 64, outer: 17, inner: 9 }, // several blocks
    { count: 1, size: 16, outer: 1, inner: 300 },
  ])("count $count size $size outer $outer inner $inner", (sizes) => {
    const random = createRandom(sizes.outer);
    for (let i = 0; i < 60; i++) {
      const [index, guard] = [randomIndex(random, 3), randomCondition(random)];
      const kernel = loadAt(index, guard, sizes);
      const all = Array.from({ length: sizes.count }, (_, workgroup) => workgroup);
      const last = sizes.count - 1;
      expect(visitAll(kernel).elements, `${index} if ${guard}`).toEqual(elementsByPoints(kernel, all));
      expect(visitAll(kernel, last).elements, `${index} if ${guard}`).toEqual(
        elementsByPoints(kernel, [last]),
      );
    }
  });
});

describe("points that are visited", () => {
  const sizes: Sizes = { count: 50, size: 32, outer: 6, inner: 100 };
  test.each([
    ["all of them", "((%q + %k) * %j)", "lt(lane, 30)", 50 * 32 * 6 * 100],
    ["not the turns of a loop that the index does not depend on", "((%q * 5) / 3)", "lt(%a, 40)", 50 * 32],
    ["not the workgroups, for a row that all of them share", "(%p * %j)", "lt(%j, 90)", 32 * 6 * 100],
    ["one, for one element", "5", "lt(3, 4)", 1],
  ])("%s", (_, index, guard, points) => {
    expect(visitAll(loadAt(index, guard, sizes)).points).toBe(points);
  });
});

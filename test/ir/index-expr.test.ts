import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  axisTerms,
  coefficientOf,
  countSteps,
  evaluateIndex,
  indexAdd,
  indexAxis,
  indexClamp,
  indexConst,
  indexDiv,
  indexMod,
  indexRange,
  indexScale,
  indexSubstitute,
  plainAxis,
  printIndex,
} from "../../src/ir/index-expr.ts";
import type { IndexExpr } from "../../src/ir/index-expr.ts";

const SIZES = new Map([
  ["i", 4],
  ["j", 3],
  ["k", 5],
]);
const [i, j, k] = [indexAxis("i"), indexAxis("j"), indexAxis("k")];
const sum = (...parts: readonly IndexExpr[]): IndexExpr => parts.reduce(indexAdd, indexConst(0));

describe("what simplifies", () => {
  test.each<readonly [string, IndexExpr, string]>([
    ["equal terms merge", sum(i, indexScale(i, 2), indexConst(7)), "3*i + 7"],
    ["opposite terms vanish", sum(i, j, indexScale(i, -1)), "j"],
    ["a quotient of what is in proportion", indexDiv(sum(indexScale(i, 6), j), 3, SIZES), "2*i"],
    ["its remainder", indexMod(sum(indexScale(i, 6), j), 3, SIZES), "j"],
    ["a quotient that is always zero", indexDiv(sum(j, indexConst(1)), 4, SIZES), "0"],
    ["one that is not", indexDiv(sum(j, indexConst(2)), 4, SIZES), "((j + 2) / 4)"],
    ["division by one", indexDiv(sum(i, j), 1, SIZES), "i + j"],
    ["a remainder of a quotient", indexMod(indexDiv(sum(i, k), 2, SIZES), 3, SIZES), "((i + k) / 2 mod 3)"],
    ["a remainder of a remainder", indexMod(indexMod(sum(i, k), 6, SIZES), 3, SIZES), "((i + k) mod 3)"],
    [
      "a remainder that does not divide",
      indexMod(indexMod(sum(i, k), 5, SIZES), 3, SIZES),
      "((((i + k) mod 5)) mod 3)",
    ],
    [
      "a split that is joined again",
      sum(indexScale(indexDiv(sum(i, k), 2, SIZES), 2), indexMod(sum(i, k), 2, SIZES)),
      "i + k",
    ],
  ])("%s", (_, expr, text) => {
    expect(printIndex(expr)).toBe(text);
  });
});

test("only a plain axis is one", () => {
  expect(plainAxis(i)).toBe("i");
  for (const other of [indexScale(i, 2), sum(i, indexConst(1)), sum(i, j), indexConst(0)])
    expect(plainAxis(other)).toBeUndefined();
});

/** A function of three coordinates, as an expression and as arithmetic. */
interface Pair {
  readonly expr: IndexExpr;
  readonly at: (point: ReadonlyMap<string, number>) => number;
}
const leaf: fc.Arbitrary<Pair> = fc.oneof(
  fc
    .constantFrom("i", "j", "k")
    .map((axis): Pair => ({ expr: indexAxis(axis), at: (p) => p.get(axis) ?? 0 })),
  fc.nat({ max: 9 }).map((n): Pair => ({ expr: indexConst(n), at: () => n })),
);
const { pair } = fc.letrec<{ pair: Pair }>((tie) => ({
  pair: fc.oneof(
    { depthSize: "medium" },
    leaf,
    fc
      .tuple(tie("pair"), tie("pair"))
      .map(([a, b]): Pair => ({ expr: indexAdd(a.expr, b.expr), at: (p) => a.at(p) + b.at(p) })),
    fc
      .tuple(tie("pair"), fc.nat({ max: 6 }))
      .map(([a, n]): Pair => ({ expr: indexScale(a.expr, n), at: (p) => a.at(p) * n })),
    fc
      .tuple(tie("pair"), fc.integer({ min: 1, max: 7 }))
      .map(([a, n]): Pair => ({ expr: indexDiv(a.expr, n, SIZES), at: (p) => Math.floor(a.at(p) / n) })),
    fc
      .tuple(tie("pair"), fc.integer({ min: 1, max: 7 }))
      .map(([a, n]): Pair => ({ expr: indexMod(a.expr, n, SIZES), at: (p) => a.at(p) % n })),
  ),
}));

function forEachPoint(visit: (point: ReadonlyMap<string, number>) => void): void {
  for (let a = 0; a < 4; a++)
    for (let b = 0; b < 3; b++)
      for (let c = 0; c < 5; c++)
        visit(
          new Map([
            ["i", a],
            ["j", b],
            ["k", c],
          ]),
        );
}

test("simplification keeps the value at every point, and ranges hold it", () => {
  fc.assert(
    fc.property(pair, ({ expr, at }) => {
      const [low, high] = indexRange(expr, SIZES);
      forEachPoint((point) => {
        const value = evaluateIndex(expr, point);
        expect(value).toBe(at(point));
        expect(value >= low && value <= high).toBe(true);
      });
    }),
    { numRuns: 2000 },
  );
});

test("substitution is evaluation at the substituted place", () => {
  fc.assert(
    fc.property(pair, ({ expr, at }) => {
      const by = new Map([
        ["i", sum(indexScale(j, 1), indexConst(1))],
        ["k", indexMod(sum(i, k), 5, SIZES)],
      ]);
      const moved = indexSubstitute(expr, by, SIZES);
      forEachPoint((point) => {
        const [a, b, c] = [point.get("i") ?? 0, point.get("j") ?? 0, point.get("k") ?? 0];
        expect(evaluateIndex(moved, point)).toBe(
          at(
            new Map([
              ["i", b + 1],
              ["j", b],
              ["k", (a + c) % 5],
            ]),
          ),
        );
      });
    }),
    { numRuns: 1000 },
  );
});

describe("a clamped index", () => {
  const place = sum(indexScale(i, 3), j); // 0 to 11
  const clamped = indexScale(indexClamp(place, 9, SIZES), 5);

  test("stays at its end", () => {
    expect(printIndex(clamped)).toBe("5*min(3*i + j, 9)");
    expect(indexRange(clamped, SIZES)).toEqual([0, 45]);
    const at = (iAt: number, jAt: number): number =>
      evaluateIndex(
        clamped,
        new Map([
          ["i", iAt],
          ["j", jAt],
        ]),
      );
    expect([at(2, 1), at(3, 0), at(3, 2)]).toEqual([35, 45, 45]);
  });

  test("is plain where it cannot reach the end", () => {
    expect(printIndex(indexClamp(place, 11, SIZES))).toBe("3*i + j");
    expect(printIndex(indexSubstitute(clamped, new Map([["i", indexConst(1)]]), SIZES))).toBe("5*j + 15");
  });

  test("moves along its axes as what is clamped does", () => {
    expect(axisTerms(sum(clamped, k)).map((t) => `${String(t.coefficient)}${t.axis}`)).toEqual([
      "15i",
      "5j",
      "1k",
    ]);
    expect(coefficientOf(clamped, "i")).toBe(15);
  });

  test("takes each value up to the end", () => {
    expect(countSteps(indexClamp(place, 9, SIZES), SIZES)).toBe(10);
    expect(countSteps(sum(clamped, k), SIZES)).toBe(50);
    expect(countSteps(sum(clamped, j), SIZES)).toBeUndefined();
    expect(countSteps(indexClamp(sum(indexScale(i, 4), j), 9, SIZES), SIZES)).toBeUndefined();
  });
});

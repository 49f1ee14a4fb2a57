/** Tables, sizes and norms as the commands print them. */
import { expect, test } from "vitest";
import { printBytes } from "../../src/ir/print-bytes.ts";
import { printTable } from "../../src/cli/print-table.ts";
import { normOf } from "../../src/cli/tensor-values.ts";

test("columns are as wide as their widest cell, numbers stand right, lines end in text", () => {
  expect(
    printTable(
      [{ title: "name" }, { title: "n", align: "right" }, { title: "why" }],
      [
        ["k0", "12", ""],
        ["longer", "3", "x"],
      ],
    ),
  ).toEqual(["name     n  why", "k0      12", "longer   3  x"]);
});

test("sizes have three digits", () => {
  expect([0, 1023, 1024, 10_000, 300_000, 2 ** 21, 5 * 2 ** 30, 2 ** 42].map(printBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KiB",
    "9.77 KiB",
    "293 KiB",
    "2.00 MiB",
    "5.00 GiB",
    "4096 GiB",
  ]);
});

test("norms neither overflow nor vanish, and nan and infinity show", () => {
  expect(normOf(Float64Array.of(3e200, -4e200))).toBeCloseTo(5e200, -190);
  expect(normOf(Float64Array.of(3e-200, 4e-200)) / 5e-200).toBeCloseTo(1);
  expect(normOf(Float64Array.of())).toBe(0);
  expect(normOf(Float64Array.of(1, Number.NEGATIVE_INFINITY))).toBe(Number.POSITIVE_INFINITY);
  expect(normOf(Float64Array.of(Number.POSITIVE_INFINITY, Number.NaN))).toBeNaN();
});

import { expect, test } from "vitest";
import { didYouMean, suggestName } from "../../src/diagnostics/suggest.ts";

test.each([
  ["wieght", "weight"], // neighbours swapped
  ["keepdim", "keepdims"], // a letter short
  ["kepdims", "keepdims"],
  ["sqr", "sqrt"],
  ["MEAN", "mean"], // another case is the smallest slip
  ["n", "N"],
])("%s is a slip of %s", (typed, meant) => {
  expect(suggestName(typed, ["weight", "keepdims", "sqrt", "mean", "N", "x"])).toBe(meant);
});

test.each(["foo", "y", "softmax", ""])("%s is a slip of nothing", (typed) => {
  expect(suggestName(typed, ["weight", "keepdims", "x", "N"])).toBeUndefined();
});

test("the nearest candidate wins, the earliest on a tie", () => {
  expect(suggestName("means", ["moans", "mean"])).toBe("moans");
  expect(suggestName("meen", ["seen", "mean"])).toBe("seen");
  expect(suggestName("meam", ["xeap", "mean"])).toBe("mean");
});

test("a name that is a candidate already is not suggested to itself", () => {
  expect(suggestName("mean", ["mean"])).toBeUndefined();
});

test("a long name costs no table of distances", () => {
  expect(suggestName("x".repeat(1_000_000), ["y".repeat(1_000_000)])).toBeUndefined();
});

test("the help line is a question", () => {
  expect(didYouMean("wieght", ["weight"])).toBe("did you mean weight?");
  expect(didYouMean("foo", ["weight"])).toBeUndefined();
});

/** Which tensors of a state dict are weight norms: a line per tensor in, a line per tensor or pair out, or the refusals. */
import { expect, test } from "vitest";
import { TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";
import { fitsDim, gainShape, inferDim } from "../../src/library/weight-norm-dim.ts";
import { matchesPattern, readHalf, spellHalf } from "../../src/library/weight-norm-names.ts";
import {
  planFold,
  type TensorInfo,
  type WeightNormPair,
  type WeightNormRule,
} from "../../src/library/weight-norm-pairs.ts";
import { planUnfold, type UnfoldChoice } from "../../src/library/weight-norm-unfold.ts";
import { type Golden, testGoldens } from "../support/golden.ts";

const parseInfo = (line: string): readonly [string, TensorInfo] => {
  const [, name = "", dtype = "", lengths = ""] = /^(\S+) (\w+)\[([\d,]*)\]$/.exec(line) ?? [];
  if (name === "") throw new Error(`no tensor: ${line}`);
  return [name, { dtype, shape: lengths === "" ? [] : lengths.split(",").map(Number) }];
};

const tensorsOf = ({ input }: Golden): Map<string, TensorInfo> => new Map(input.split("\n").map(parseInfo));

const printPair = ({ name, form, g, v, dim, eps }: WeightNormPair): string =>
  `${name} (${form}, dim ${dim ?? "all"}${eps === 0 ? "" : `, eps ${eps}`}): ${g}, ${v}`;

function printOutcome(plan: () => readonly string[]): string {
  try {
    return plan().join("\n");
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    for (const { help } of error.diagnostics) expect(help).toBeDefined();
    return renderDiagnostics(error.diagnostics, new Map());
  }
}

testGoldens("library/fold", (golden) => {
  const rules = (golden.header.get("rule") ?? []).map((json) => JSON.parse(json) as WeightNormRule);
  return printOutcome(() =>
    planFold(tensorsOf(golden), rules).map((step) =>
      step.kind === "keep" ? `keep ${step.name}` : `fold ${printPair(step.pair)}`,
    ),
  );
});

testGoldens("library/unfold", (golden) => {
  const [json = ""] = golden.header.get("choice") ?? [];
  return printOutcome(() =>
    planUnfold(tensorsOf(golden), JSON.parse(json) as UnfoldChoice).map((step) =>
      step.kind === "keep" ? `keep ${step.name}` : `split ${printPair(step.pair)}`,
    ),
  );
});

test("names of halves are spelt as they are read", () => {
  for (const weight of ["weight", "a.b.weight", "lstm.weight_ih_l0", "a_b.c_g"])
    for (const form of ["suffix", "parametrization"] as const)
      for (const half of ["g", "v"] as const)
        expect(readHalf(spellHalf(weight, form, half))).toEqual({ weight, form, half });
});

test("patterns match whole names", () => {
  const matches = (pattern: string, ...names: readonly string[]) =>
    names.map((name) => matchesPattern(name, pattern));
  expect(matches("a.*.weight", "a.b.weight", "a.b.c.weight", "a.weight", "xa.b.weight")).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(matches("*", "", "a")).toEqual([true, true]);
  expect(matches("a*a", "a", "aa", "aba", "abab")).toEqual([false, true, true, false]);
  expect(matches("*b*b*", "b", "bb", "abcb")).toEqual([false, true, true]);
  expect(matches("a.weight", "a.weight", "a_weight")).toEqual([true, false]);
});

test("a gain made for a dim is read as that dim, or as one that means the same", () => {
  const shapes = [[4], [4, 3], [1, 4], [4, 1, 3], [2, 2, 2], [1, 1], [3, 3], [5, 1, 1]];
  for (const v of shapes)
    for (const dim of [null, ...v.keys()]) {
      const g = gainShape(v, dim);
      const inferred = inferDim(v, g);
      if (inferred.kind !== "known")
        throw new Error(`[${g.join(",")}] of [${v.join(",")}] is ${inferred.kind}`);
      // Norms of equal meaning: over everything, whether a kept axis has length 1 or none is kept.
      const norms = (d: number | null): number => (d === null ? 1 : (v[d] ?? 0));
      if (inferred.dim !== dim) expect([norms(inferred.dim), norms(dim)]).toEqual([1, 1]);
      expect(fitsDim(v, g, dim)).toBe(true);
    }
});

test("inference never claims a dim that the gain does not fit", () => {
  const lengths = [0, 1, 2, 3];
  for (const a of lengths)
    for (const b of lengths)
      for (const g of [
        [],
        ...lengths.map((n) => [n]),
        ...lengths.flatMap((n) => lengths.map((m) => [n, m])),
      ]) {
        const inferred = inferDim([a, b], g);
        if (inferred.kind === "known") expect(fitsDim([a, b], g, inferred.dim)).toBe(true);
      }
});

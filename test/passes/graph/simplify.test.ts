import { expect, test } from "vitest";
import { isAllowed, RULES } from "../../../src/passes/graph/simplify-rules.ts";
import { listGoldens } from "../../support/golden.ts";
import { runGolden } from "./run-golden.ts";

test("rules have names of their own", () => {
  const names = RULES.map((rule) => rule.name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

test("every rule fires in some golden", () => {
  const fired = new Set<string>();
  for (const golden of listGoldens("passes/simplify"))
    runGolden(golden, { onRule: (name) => fired.add(name) });
  expect(RULES.map((rule) => rule.name).filter((name) => !fired.has(name))).toEqual([]);
});

test("without consent only rules that change no result run", () => {
  const sound = RULES.filter((rule) => isAllowed(rule, [])).map((rule) => rule.sound);
  expect(new Set(sound)).toEqual(new Set(["exact", "as-accurate"]));
});

test("a rule needs consent to all that it may change", () => {
  const rule = RULES.find(({ name }) => name === "x * 0 -> 0");
  expect(rule?.sound).toEqual(["no-nan-inf", "signed-zero"]);
  if (rule === undefined) return;
  expect(isAllowed(rule, ["no-nan-inf"])).toBe(false);
  expect(isAllowed(rule, ["signed-zero", "no-nan-inf"])).toBe(true);
});

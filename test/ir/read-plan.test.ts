import fc from "fast-check";
import { expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import type { Plan } from "../../src/ir/plan.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";
import { printPlan, readPlan } from "../../src/ir/read-plan.ts";
import { compareInterfaces, interfaceOf, verifyPlan } from "../../src/ir/verify-plan.ts";
import { randomGraph } from "../support/random-graph.ts";

const SOURCE = `func @f(%x: f32[4,64], scalar %eps: f32 = 0.5, scalar %n: i32) -> (y: f32[4,64], m: f32[4,1]) {
  %0 = reduce.max %x axes=[1] : f32[4,1]
  %1 = broadcast %0 : f32[4,64]
  %2 = sub %x, %1 : f32[4,64]
  %3 = broadcast %eps : f32[4,64]
  %4 = add %2, %3 : f32[4,64]
  return %4, %0
}
`;

function profileOf(name: string) {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return profile;
}

const planOf = (source: string, profile = "default"): Plan =>
  compileGraph(parseGraph(source), { profile: profileOf(profile) }).plan;

/** The plan with scalars and values that JSON has no numbers for. */
function withSpecials(plan: Plan): Plan {
  const specials = [Number.NaN, Infinity, -Infinity, -0, 0, 1e-45, 0.1];
  return {
    ...plan,
    scalars: specials.map((value, i) => ({ name: `s${i}`, dtype: "f32", default: value })),
    steps: plan.steps.map((step) => (step.kind === "dispatch" ? { ...step, values: specials } : step)),
  };
}

test("a plan reads back as it was printed", () => {
  const plan = planOf(SOURCE);
  expect(readPlan(printPlan(plan))).toEqual(plan);
});

test("nan, infinities and -0 survive as defaults and as values of steps", () => {
  const plan = withSpecials(planOf(SOURCE));
  const read = readPlan(printPlan(plan));
  expect(read).toStrictEqual({ ...plan, inputs: read?.inputs, outputs: read?.outputs });
  const values = read?.scalars.map((scalar) => scalar.default);
  expect(values?.map((value) => Object.is(value, -0))).toEqual([
    false,
    false,
    false,
    true,
    false,
    false,
    false,
  ]);
});

test("plans of random graphs read back, make sense, and have the graph's interface", () => {
  fc.assert(
    fc.property(randomGraph(), fc.constantFrom(...PROFILE_NAMES), (graph, name) => {
      const { plan } = compileGraph(graph, { profile: profileOf(name) });
      expect(verifyPlan(plan)).toEqual([]);
      const read = readPlan(printPlan(plan));
      expect(read).toEqual(plan);
      expect(read === null ? ["none"] : compareInterfaces(read, interfaceOf(graph))).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

/** Every place in a JSON value, as a path. */
function placesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, part]) => placesOf(part, [...path, key]))];
}

function replaceAt(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((part: unknown, i) => (String(i) === key ? replaceAt(part, rest, by) : part));
  const record = value as Record<string, unknown>;
  return { ...record, [key]: replaceAt(record[key], rest, by) };
}

test("whatever stands in any place of a plan, reading and verifying throw nothing", () => {
  const value: unknown = JSON.parse(printPlan(withSpecials(planOf(SOURCE))));
  const intruders = [null, undefined, -1, 1.5, 2 ** 53, 1e308, "", "nan", "__proto__", [], {}, true, [[]]];
  let refused = 0;
  for (const place of placesOf(value))
    for (const intruder of intruders) {
      const read = readPlan(JSON.stringify(replaceAt(value, place, intruder)));
      if (read === null) refused += 1;
      else expect(() => verifyPlan(read)).not.toThrow();
    }
  expect(refused).toBeGreaterThan(100);
});

test("text that is no plan is none", () => {
  for (const text of ["", "null", "{", "[]", '{"version":2}', '"plan"', "{}", '{"version":1}'])
    expect(readPlan(text), text).toBeNull();
});

test("fields that a plan does not have go no further", () => {
  const text = printPlan(planOf(SOURCE)).replace(
    '{"version":1',
    '{"version":1,"__proto__":{"x":1},"more":[]',
  );
  const read = readPlan(text);
  expect(Object.keys(read ?? {})).toEqual(Object.keys(planOf(SOURCE)));
});

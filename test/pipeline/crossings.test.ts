/** What crosses between kernels is the cheapest cut: row statistics rather than rows, unless rows are cheaper. */
import { expect, test } from "vitest";
import { compileGraph, type Compiled } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { f32, layerNorm, softmax, trace, type TracedTensor } from "../../src/index.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { checkProgram } from "../support/check-program.ts";
import { createRandom } from "../support/random-values.ts";

type Program = (x: TracedTensor) => TracedTensor | readonly TracedTensor[];

const defaultProfile = findProfile("default");
if (defaultProfile === undefined) throw new Error("there is no profile default");
const profile = defaultProfile;

const graphOf = (program: Program, shape: readonly number[]): Compiled["graph"] =>
  trace(program, [f32(...shape)], { parameterNames: ["x"], locate: false }).graph;
const compiledAt = (program: Program, ...shape: number[]): Compiled =>
  compileGraph(graphOf(program, shape), { profile, check: true });
/** Temporaries, in elements. */
const temporaries = ({ grouped }: Compiled): readonly number[] =>
  grouped.program.tensors
    .filter((t) => t.role === "temporary")
    .map((t) => t.shape.reduce((n, d) => n * d, 1))
    .sort((a, b) => a - b);
const movedOver = (compiled: Compiled): number => {
  const { bytes } = explainCompiled(compiled, profile);
  return bytes.moved / bytes.floor;
};

const softmaxAndTranspose: Program = (x) => {
  const y = softmax(x);
  return y.add(y.transpose());
};
const columnsOfNorm: Program = (x) => {
  const y = layerNorm(x);
  return y.div(y.abs().sum({ axis: 0, keepdims: true }));
};

test("softmax and its transpose: the row statistics cross", () => {
  const compiled = compiledAt(softmaxAndTranspose, 1536, 1536);
  expect(compiled.kernels).toHaveLength(2);
  expect(temporaries(compiled)).toEqual([1536, 1536]);
  expect(movedOver(compiled)).toBeLessThan(1.51);
});

// In columns of 1024, x, mean and variance would not stay on the chip together: the norm does, which they give.
test.each([512, 1024])("columns of a layer norm, %i long: mean and variance cross", (rows) => {
  const compiled = compiledAt(columnsOfNorm, rows, 512);
  expect(compiled.kernels).toHaveLength(2);
  expect(temporaries(compiled)).toEqual([rows, rows]);
  expect(movedOver(compiled)).toBeLessThan(1.51);
});

test("a value that is a result anyway is read back", () => {
  const compiled = compiledAt(
    (x) => {
      const y = softmax(x);
      return [y, y.div(y.sum({ axis: 0, keepdims: true }))];
    },
    1024,
    512,
  );
  expect(Math.max(...temporaries(compiled))).toBeLessThan(1024 * 512);
});

test("arithmetic that costs more than the bytes it saves is not repeated", () => {
  const long: Program = (x) => {
    let y = softmax(x);
    for (let i = 0; i < 40; i++) y = y.mul(1.5).sin().add(i).exp().sqrt();
    return y.add(y.transpose());
  };
  const compiled = compiledAt(long, 1024, 1024);
  expect(Math.max(...temporaries(compiled))).toBe(1024 * 1024);
});

test.each([
  ["softmax and its transpose", softmaxAndTranspose],
  ["columns of a layer norm", columnsOfNorm],
] as const)("%s: the oracle's numbers", async (_, program) => {
  const random = createRandom(3);
  const x = Float64Array.from({ length: 24 * 24 }, () => Math.fround(4 * random() - 2));
  // Launches that cost nothing: rows and columns stay apart.
  const cheap = { ...profile, launchUs: 1e-4, usefulWorkgroups: 1 };
  const result = await checkProgram(
    { graph: graphOf(program, [24, 24]), inputs: new Map([["x", x]]) },
    { profile: cheap },
  );
  expect(result.failures).toEqual([]);
  expect(result.kernels).toBeGreaterThan(1);
});

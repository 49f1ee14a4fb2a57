/** Inputs may have any name, also one that a later pass gives to what it makes. */
import { expect, test } from "vitest";
import { compileGraph } from "../../../src/compile.ts";
import { f32, trace, type TracedTensor } from "../../../src/index.ts";
import { profileNamed } from "../../support/pipeline-golden.ts";

const centred = (x: TracedTensor): TracedTensor => x.sub(x.mean({ axis: 0, keepdims: true }));
const compileWith = (name: string): ReturnType<typeof compileGraph> =>
  compileGraph(trace(centred, [f32(9000, 40)], { parameterNames: [name], locate: false }).graph, {
    profile: profileNamed("nvidia"),
    check: true,
  });

test("no name that passes make is refused to an input", () => {
  const plain = compileWith("x").grouped.program;
  const made = [...plain.tensors, ...plain.statements, ...plain.axes].map((n) => n.name);
  expect(made.some((name) => name.endsWith("_part"))).toBe(true);
  for (const name of made) {
    const { program } = compileWith(name).grouped;
    expect(program.statements, name).toHaveLength(plain.statements.length);
  }
});

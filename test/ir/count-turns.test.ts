/** Turns of loops, counted by hand: the test that ends a loop is a turn. */
import { expect, test } from "vitest";
import { countTurns } from "../../src/ir/count-turns.ts";
import type { Kernel, Stmt } from "../../src/ir/kernel.ts";

const kernel = (body: readonly Stmt[], shared: Kernel["shared"] = []): Kernel => ({
  name: "k",
  workgroupSize: 16,
  workgroupCount: 1,
  workgroups: [1, 1, 1],
  bindings: [],
  scalars: [],
  shared,
  body,
});
const loop = (trips: number, body: readonly Stmt[] = [], unroll = false): Stmt => ({
  kind: "for",
  counter: "k",
  trips,
  unroll,
  body,
});

test("loops nested and one after another", () => {
  expect(countTurns(kernel([loop(100)]))).toBe(101);
  expect(countTurns(kernel([loop(10, [loop(20)])]))).toBe(10 * (20 + 1 + 1) + 1);
  expect(countTurns(kernel([loop(10), loop(20)]))).toBe(11 + 21);
});

test("a loop that is unrolled or has one trip is none", () => {
  expect(countTurns(kernel([loop(1)]))).toBe(0);
  expect(countTurns(kernel([loop(4, [loop(20)], true)]))).toBe(4 * 21);
});

test("conditions, clearing of workgroup memory, lanes that read each other's results", () => {
  const condition = { kind: "const", type: { scalar: "bool", width: 1 }, value: 1 } as const;
  expect(countTurns(kernel([{ kind: "if", condition, body: [loop(7)] }]))).toBe(8);
  const type = { scalar: "f32", width: 1 } as const;
  expect(countTurns(kernel([], [{ name: "s", type, length: 100 }]))).toBe(7 + 1);
  const parts = [{ value: { kind: "const", type, value: 1 }, result: "r" }] as const;
  const group: Stmt = {
    kind: "groupReduce",
    items: [{ fn: "sum", parts }],
    lanes: 16,
    order: "inner",
    method: "tree",
  };
  expect(countTurns(kernel([group]))).toBe(17);
});

/**
 * Reductions over views of views: axes of length 1 and 0, broadcasts, strided slices, pads and concats, one inside the other.
 * As few kernels as their data flow allows, and the oracle's numbers at every stage.
 */
import { expect, test } from "vitest";
import { argmax, concat, f32, layerNorm, norm, softmax, trace, type TracedTensor } from "../../src/index.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { checkProgram } from "../support/check-program.ts";

type Shape = readonly number[];
type Range = readonly [start: number, stop: number, step?: number];
const cut = (x: TracedTensor, ...ranges: readonly Range[]): TracedTensor =>
  x.slice(ranges.map(([start, stop, step = 1]) => ({ start, stop, step })));
const along = { axis: 1, keepdims: true };

interface Case {
  readonly kernels: number;
  readonly shapes: readonly Shape[];
  readonly fn: (x: TracedTensor, y: TracedTensor) => TracedTensor;
}
const one = (shape: Shape, fn: Case["fn"], kernels = 1): Case => ({ kernels, shapes: [shape], fn });
const two = (a: Shape, b: Shape, fn: Case["fn"], kernels = 1): Case => ({ kernels, shapes: [a, b], fn });

const CASES: Readonly<Record<string, Case>> = {
  "a broadcast of a slice of a concat of pads": two([4, 5], [3, 5], (x, y) => {
    const whole = concat([x.pad([1, 0], [0, 2], 3), y.pad([0, 1], [1, 1], -1)], { axis: 0 });
    const inner = cut(whole, [1, 6], [1, 5]);
    return inner
      .reshape([1, 5, 4])
      .broadcastTo([3, 5, 4])
      .sum({ axis: [0, 2] });
  }),
  "an axis of length 1": one([5, 1, 3], (x) => x.max({ axis: 1 })),
  "norms over axes of length 1": one([1, 6, 1], (x) => x.div(norm(x, { axis: [0, 2], keepdims: true }))),
  "no elements, added": two([5, 0], [5], (x, y) => x.prod({ axis: 1 }).add(y)),
  "no results": one([0, 4], (x) => x.sum({ axis: 1 }), 0),
  "a sum of a broadcast": one([6], (x) => x.reshape([6, 1]).broadcastTo([6, 10]).sum({ axis: 1 })),
  "a product of a broadcast": one([6], (x) => x.reshape([6, 1]).broadcastTo([6, 3]).prod({ axis: 1 })),
  "a position in a broadcast": one([4], (x) => argmax(x.reshape([4, 1]).broadcastTo([4, 6]), { axis: 1 })),
  "a maximum of maxima": one([4, 5, 6], (x) => x.max({ axis: 2 }).max({ axis: 0 })),
  "a mean of means": one([4, 5, 6], (x) => x.mean({ axis: 2 }).mean({ axis: 0 })),
  "a softmax of a pad": one([4, 9], (x) => softmax(x.pad([0, 2], [0, 3], -1e30))),
  "a softmax of a concat": two([4, 5], [4, 6], (x, y) => softmax(concat([x, y], { axis: 1 }))),
  "a concat of softmaxes": two([4, 5], [4, 6], (x, y) => concat([softmax(x), softmax(y)], { axis: 1 })),
  "two norms of a split": one([6, 10], (x) => {
    const scaled = (v: TracedTensor): TracedTensor => v.div(norm(v, along));
    return concat([scaled(cut(x, [0, 6], [0, 4])), scaled(cut(x, [0, 6], [4, 10]))], { axis: 1 });
  }),
  "a slice of a softmax": one([4, 9], (x) => cut(softmax(x), [0, 4], [2, 7])),
  "a norm of a strided slice": one([8, 9], (x) => {
    const slice = cut(x, [0, 8, 2], [1, 9, 3]);
    return slice.div(norm(slice, along));
  }),
  "a layer norm of differences": one([4, 9], (x) =>
    layerNorm(cut(x, [0, 4], [1, 9]).sub(cut(x, [0, 4], [0, 8]))),
  ),
  "a local response norm": one([2, 8, 3], (x) => {
    const squares = x.mul(x).pad([0, 2, 0], [0, 2, 0], 0);
    let sum = cut(squares, [0, 2], [0, 8], [0, 3]);
    for (let i = 1; i < 5; i++) sum = sum.add(cut(squares, [0, 2], [i, 8 + i], [0, 3]));
    return x.div(sum.mul(0.1).add(1).pow(0.75));
  }),
  "halves of a norm, turned": one([4, 8], (x) => {
    const y = x.div(x.mul(x).mean(along).add(1e-6).sqrt());
    return concat([cut(y, [0, 4], [4, 8]).neg(), cut(y, [0, 4], [0, 4])], { axis: 1 });
  }),
  "a concat of concats, summed": one([3, 4], (x) =>
    concat([concat([x, x.mul(2)], { axis: 0 }), concat([x.neg(), x.add(1)], { axis: 0 })], {
      axis: 1,
    }).sum({ axis: 1 }),
  ),
  "a pad cut off again": one([4, 4], (x) => cut(x.pad([3, 3], [3, 3], 7), [2, 8], [4, 7]).max({ axis: 0 })),
  "a position in a pad": one([4, 6], (x) => argmax(x.pad([0, 2], [0, 0], -5), { axis: 1 })),
  "a sum of a pad of sums": one([5, 6], (x) => x.sum({ axis: 1 }).pad([2], [3], 1).sum(), 2),
};

const profile = findProfile("default");
test.each(Object.entries(CASES))("%s", async (_, { kernels, shapes, fn }) => {
  if (profile === undefined) throw new Error("there is no profile default");
  const names = ["x", "y"].slice(0, shapes.length);
  const types = shapes.map((shape) => f32(...shape));
  const { graph } = trace(fn, types, {
    parameterNames: names,
    locate: false,
  });
  const inputs = new Map(
    shapes.map((shape, i) => [
      names[i] ?? "",
      Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (__, k) =>
        Math.fround(2 * Math.sin(1.7 * k + i)),
      ),
    ]),
  );
  const found = await checkProgram({ graph, inputs }, { profile });
  expect(found.failures).toEqual([]);
  expect(found.kernels).toBe(kernels);
});

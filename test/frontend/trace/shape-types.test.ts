/**
 * Shapes in types: literal ones are computed, mistakes in them do not compile, and unknown ones go everywhere. Checked by
 * `npm run typecheck`; what would throw is never called.
 */
import { expectTypeOf, test } from "vitest";
import {
  add,
  type Device,
  f32,
  jit,
  layerNorm,
  maximum,
  mean,
  reshape,
  scalar,
  softmax,
  sum,
  type Tensor,
  trace,
  type TracedTensor,
  transpose,
} from "tensorweft";

type T<S extends readonly number[]> = TracedTensor<S>;

/** Type-checked, not run. */
const compiles = (_body: (t: Tensors) => unknown): void => undefined;

interface Tensors {
  readonly x: T<readonly [8, 3]>;
  readonly row: T<readonly [3]>;
  readonly column: T<readonly [8, 1]>;
  readonly four: T<readonly [4]>;
  readonly batch: T<readonly [number, 3]>;
  readonly unknown: TracedTensor;
}

test("elementwise results broadcast", () => {
  compiles(({ x, row, column, batch, unknown }) => {
    expectTypeOf(x.neg().exp()).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(x.add(1).mul(true)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(row.add(x)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(column.sub(row)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(add(1, row)).toEqualTypeOf<T<readonly [3]>>();
    expectTypeOf(maximum(row, column)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(x.where(row.gt(0), 0)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(batch.add(row)).toEqualTypeOf<T<readonly [number, 3]>>();
    expectTypeOf(batch.add(x)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(x.add(unknown)).toEqualTypeOf<TracedTensor>();
    expectTypeOf(unknown.add(x)).toEqualTypeOf<TracedTensor>();
  });
  compiles(({ x, row, column, four, batch }) => [
    // @ts-expect-error lengths 3 and 4 do not meet
    x.add(four),
    // @ts-expect-error as a function
    add(row, four),
    // @ts-expect-error lengths 3 and 4 of the second op
    column.mul(four).mul(x),
    // @ts-expect-error known in the last dimension
    batch.add(four),
    // @ts-expect-error the condition
    x.where(four.gt(0), 0),
  ]);
});

test("reductions over literal axes drop or keep them", () => {
  compiles(({ x, unknown }) => {
    expectTypeOf(x.sum()).toEqualTypeOf<T<readonly []>>();
    expectTypeOf(x.sum({ axis: 1 })).toEqualTypeOf<T<readonly [8]>>();
    expectTypeOf(x.max({ axis: -2 })).toEqualTypeOf<T<readonly [3]>>();
    expectTypeOf(mean(x, { axis: -1, keepdims: true })).toEqualTypeOf<T<readonly [8, 1]>>();
    expectTypeOf(x.any({ axis: [0, -1] })).toEqualTypeOf<T<readonly []>>();
    expectTypeOf(sum(x, { keepdims: true })).toEqualTypeOf<T<readonly [1, 1]>>();
    expectTypeOf(x.argmax({ axis: 0, selectLast: true })).toEqualTypeOf<T<readonly [3]>>();
    expectTypeOf(unknown.sum()).toEqualTypeOf<T<readonly []>>();
    expectTypeOf(unknown.sum({ axis: 7 })).toEqualTypeOf<TracedTensor>();
    // What is not known at compile time.
    const axis = 1 as number;
    const either = 1 as 0 | 1;
    expectTypeOf(x.sum({ axis })).toEqualTypeOf<TracedTensor>();
    expectTypeOf(x.sum({ axis: either })).toEqualTypeOf<TracedTensor>();
    expectTypeOf(x.sum({ axis: [either] })).toEqualTypeOf<TracedTensor>();
    expectTypeOf(x.sum({ axis: 1, keepdims: axis > 0 })).toEqualTypeOf<TracedTensor>();
  });
  compiles(({ x, row }) => [
    // @ts-expect-error there are two axes
    x.sum({ axis: 2 }),
    // @ts-expect-error from the end
    row.max({ axis: -2 }),
    // @ts-expect-error one of several
    mean(x, { axis: [0, 3] }),
  ]);
});

test("views", () => {
  compiles(({ x, row, batch, unknown }) => {
    expectTypeOf(x.transpose()).toEqualTypeOf<T<readonly [3, 8]>>();
    expectTypeOf(transpose(x, [-1, 0])).toEqualTypeOf<T<readonly [3, 8]>>();
    expectTypeOf(x.reshape([2, 12])).toEqualTypeOf<T<readonly [2, 12]>>();
    expectTypeOf(x.reshape([24, 1])).toEqualTypeOf<T<readonly [24, 1]>>();
    expectTypeOf(x.reshape([-1, 6])).toEqualTypeOf<T<readonly [number, 6]>>();
    expectTypeOf(reshape(unknown, [2, 3])).toEqualTypeOf<T<readonly [2, 3]>>();
    expectTypeOf(batch.reshape([5, 3])).toEqualTypeOf<T<readonly [5, 3]>>();
    expectTypeOf(row.broadcastTo([8, 3])).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(x.reshape([...x.shape, 1])).toEqualTypeOf<T<readonly [...number[], 1]>>();
    expectTypeOf(x.cast("f16").iotaLike(0)).toEqualTypeOf<T<readonly [8, 3]>>();
  });
  compiles(({ x, row }) => [
    // @ts-expect-error 24 elements, not 25
    x.reshape([5, 5]),
    // @ts-expect-error a factor that is left
    reshape(x, [8, 4]),
    // @ts-expect-error there is no axis 2
    x.transpose([0, 2]),
    // @ts-expect-error an axis is missing
    x.transpose([1]),
    // @ts-expect-error 3 is not 4
    row.broadcastTo([2, 4]),
  ]);
  // Products that are too long to count are left to the trace.
  compiles((_) => (big: T<readonly [8192, 1024]>) => big.reshape([1024, 64, 128]));
});

test("the library keeps shapes", () => {
  compiles(({ x, unknown }) => {
    expectTypeOf(softmax(x, { axis: 0 })).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(layerNorm(x).add(1)).toEqualTypeOf<T<readonly [8, 3]>>();
    expectTypeOf(softmax(unknown)).toEqualTypeOf<TracedTensor>();
  });
});

test("unknown shapes go where known ones are asked for, and the other way round", () => {
  const known = (x: T<readonly [8, 3]>): TracedTensor => x;
  compiles(({ x, unknown }) => [known(unknown), known(x)]);
  // @ts-expect-error but not another known one
  compiles(({ row }) => known(row));
  // Functions of any shape.
  const twice = <S extends readonly number[]>(x: T<S>): T<S> => x.mul(2).neg();
  compiles(({ x }) => {
    expectTypeOf(twice(x)).toEqualTypeOf<T<readonly [8, 3]>>();
  });
});

test("trace and jit know what they are given", () => {
  const traced = trace((x, w) => x.mul(w), [f32(8, 3), f32(3)]);
  expectTypeOf(traced.graph.nodes.length).toBeNumber();
  // @ts-expect-error the function's line
  compiles(() => trace((x, w) => x.mul(w), [f32(8, 3), f32(4)]));
  const f = jit((x: T<readonly [8, 3]>, w: T<readonly [3]>) => ({ y: x.mul(w), total: x.sum({ axis: 1 }) }));
  expectTypeOf(f).returns.toEqualTypeOf<{
    readonly y: Tensor<readonly [8, 3]>;
    readonly total: Tensor<readonly [8]>;
  }>();
  type Results = Parameters<typeof f.bind>[1];
  expectTypeOf<{ y: Tensor<readonly [8, 3]>; total: Tensor }>().toExtend<Results>();
  expectTypeOf<{ y: Tensor<readonly [8, 3]>; total: Tensor<readonly [9]> }>().not.toExtend<Results>();
  const calls = (device: Device, given: readonly number[]): readonly (() => unknown)[] => [
    () => f(device.tensor([], [8, 3]), device.tensor([], [3])),
    () => f(device.tensor([], given), device.tensor([1, 2, 3])),
    // @ts-expect-error [4] for [3]
    () => f(device.tensor([], [8, 3]), device.tensor([], [4])),
    // @ts-expect-error a number has no dimensions
    () => f(device.tensor([], [8, 3]), scalar(1)),
    () => f.compile(f32(8, 3), f32(3)),
  ];
  expectTypeOf(calls).toBeFunction();
});

import { expectTypeOf, test } from "vitest";
import { type BoundCall, f32, jit, type ScalarArgument, type Tensor, type TracedTensor } from "tensorweft";

test("parameters, arity and results follow from the function", () => {
  const f = jit((v, g) => g.mul(v));
  expectTypeOf(f).parameters.toEqualTypeOf<[Tensor | ScalarArgument, Tensor | ScalarArgument]>();
  expectTypeOf(f).returns.toEqualTypeOf<Tensor>();
  const one = jit((x: TracedTensor) => [x, { y: x }] as const);
  expectTypeOf(one).parameters.toEqualTypeOf<[x: Tensor | ScalarArgument]>();
  expectTypeOf(one).returns.toEqualTypeOf<readonly [Tensor, { readonly y: Tensor }]>();
});

test("statics keep their types, structures are mapped", () => {
  const f = jit((x: TracedTensor, options: { readonly axis: number; readonly weight: TracedTensor }) =>
    x.sum({ axis: options.axis }).mul(options.weight),
  );
  expectTypeOf(f).parameter(1).toHaveProperty("axis").toEqualTypeOf<number>();
  expectTypeOf(f).parameter(1).toHaveProperty("weight").toEqualTypeOf<Tensor | ScalarArgument>();
});

test("mistakes do not compile", () => {
  const f = jit((v, g) => g.mul(v));
  const calls = (tensor: Tensor): readonly (() => unknown)[] => [
    // @ts-expect-error one argument is missing
    () => f(tensor),
    // @ts-expect-error one argument is too many
    () => f(tensor, tensor, tensor),
    // @ts-expect-error a number is not a tensor: scalar(2) is
    () => f(tensor, 2),
    // @ts-expect-error types are for compile()
    () => f(tensor, f32(2)),
    // @ts-expect-error the function returns one tensor, not two
    () => f.bind([tensor, tensor], [tensor, tensor]),
    // @ts-expect-error a traced function returns tensors
    () => jit((x: TracedTensor) => x.shape),
    () => f.compile(tensor, f32(2)),
  ];
  expectTypeOf(calls).toBeFunction();
  expectTypeOf(f).toHaveProperty("bind").returns.toEqualTypeOf<BoundCall>();
});

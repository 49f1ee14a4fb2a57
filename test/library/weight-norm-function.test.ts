/**
 * The function `weightNorm` beside PyTorch's and MLX's: arguments, shapes, kernels, dtypes. docs/weight-norm.md lists what is
 * the same and what is not, and names these tests.
 */
import { describe, expect, test } from "vitest";
import {
  bf16,
  compileGraph,
  f16,
  f32,
  findProfile,
  norm,
  normExceptDim,
  PROFILE_NAMES,
  vjp,
  weightNorm,
  type TracedTensor,
} from "../../src/index.ts";
import { explainCompiled } from "../../src/explain.ts";
import { roundTo } from "../../src/ir/round.ts";
import { gainShape } from "../../src/library/weight-norm-dim.ts";
import { loadText } from "../../src/text.ts";
import { foldExactly, makeLayer } from "../fold/checkpoint.ts";
import {
  codeOf,
  DIMS,
  draw,
  expectNear,
  graphOf,
  keptOf,
  run,
  SHAPE,
  typesOf,
  type Traced,
} from "./weight-norm-cases.ts";

type T = TracedTensor;

describe("arguments", () => {
  test("the formula has no epsilon; null and -1 are one norm over everything, -2 and below count from the end", () => {
    for (const dim of DIMS) {
      const layer = makeLayer(SHAPE, keptOf(dim), { seed: 3 });
      const [w] = run((v, g) => weightNorm(v, g, { dim }), typesOf(dim), [layer.v, layer.g]);
      expectNear(w, foldExactly(layer));
    }
    const layer = makeLayer(SHAPE, 0);
    expectNear(run((v, g) => weightNorm(v, g), typesOf(0), [layer.v, layer.g])[0], foldExactly(layer));
  });

  test("an epsilon is added to the norm, whatever the number of axes and whatever axis is kept", () => {
    for (const shape of [[4], [4, 3], [4, 3, 5], [2, 3, 2, 2], [2, 2, 3, 1, 2]])
      for (const dim of [0, shape.length - 1, null]) {
        const layer = makeLayer(shape, dim, { seed: 5 });
        const types = [f32(...shape), f32(...gainShape(shape, dim))];
        const [w] = run((v, g) => weightNorm(v, g, { dim, eps: 0.25 }), types, [layer.v, layer.g]);
        expectNear(w, foldExactly(layer, 0.25));
      }
  });

  test("a gain may keep all axes where one norm is taken over everything", () => {
    const layer = makeLayer(SHAPE, null);
    const [w] = run(
      (v, g) => weightNorm(v, g, { dim: -1 }),
      [f32(...SHAPE), f32(1, 1, 1)],
      [layer.v, layer.g],
    );
    expectNear(w, foldExactly(layer));
  });

  test("a dim that is out of range or a list, a missing tensor, integers and rank 0 are refused", () => {
    const withDim = (dim: unknown): string =>
      codeOf(() => graphOf((v, g) => weightNorm(v, g, { dim: dim as number }), typesOf(0)));
    for (const dim of [3, -4, 0.5, Number.NaN, [0], [0, 1], "0"]) expect(withDim(dim)).toBe("invalid-axis");
    const missing = (): unknown => graphOf((v) => weightNorm(v, undefined as unknown as T), [f32(...SHAPE)]);
    expect(codeOf(missing)).not.toBe("accepted");
    const text = (call: string) => codeOf(() => loadText(`kernel k(v: f32[4, 3], g: f32[4, 1]) = ${call}`));
    expect(text("weightNorm(v, g)")).toBe("accepted");
    expect(text("weightNorm(v)")).toBe("wrong-arity");
    for (const type of [
      { dtype: "i32", shape: SHAPE },
      { dtype: "bool", shape: SHAPE },
    ] as const)
      expect(codeOf(() => graphOf((v, g) => weightNorm(v, g), [type, f32(4, 1, 1)]))).toBe("dtype-mismatch");
    expect(codeOf(() => graphOf((v, g) => weightNorm(v, g), [f32(), f32()]))).toBe("invalid-shape");
  });

  test("normExceptDim takes any order, integer or not, and keeps the axes with length 1", () => {
    const data = draw(SHAPE);
    for (const pow of [1, 2, 3, 2.5, -1, 0, Infinity, -Infinity])
      for (const dim of DIMS) {
        const graph = graphOf((v) => normExceptDim(v, { pow, dim }), [f32(...SHAPE)]);
        const result = graph.nodes[graph.results[0]?.node ?? -1];
        expect(result?.type.shape).toEqual(gainShape(SHAPE, keptOf(dim)));
        const axis = keptOf(dim) === null ? undefined : [0, 1, 2].filter((d) => d !== keptOf(dim));
        const [got] = run((v) => normExceptDim(v, { pow, dim }), [f32(...SHAPE)], [data]);
        const [want] = run((v) => norm(v, { ord: pow, axis }), [f32(...SHAPE)], [data]);
        expect(got).toEqual(want);
      }
  });

  test("nothing: an empty weight stays empty, also where the kept axis has no elements, and the gain's gradient is 0", () => {
    for (const [shape, dim] of [
      [[0, 3], 0],
      [[0, 3], 1],
      [[3, 0], 0],
      [[3, 0], 1],
      [[2, 0, 3], 0],
      [[2, 0], null],
    ] as const) {
      const types = [f32(...shape), f32(...gainShape(shape, dim)), f32(...shape)];
      const gain = draw(gainShape(shape, dim));
      const pull = (v: T, g: T, c: T): readonly T[] =>
        vjp((a: T, b: T) => weightNorm(a, b, { dim }), v, g)[1](c);
      expect(run((v, g) => weightNorm(v, g, { dim }), types.slice(0, 2), [[], gain])).toEqual([[]]);
      expect(run(pull as Traced, types, [[], gain, []])).toEqual([[], gain.map(() => 0)]);
    }
  });
});

describe("kernels", () => {
  const WEIGHTS: readonly (readonly [shape: readonly number[], dim: number | null, most: number])[] = [
    [[512, 512, 3], 0, 1],
    [[512, 512, 3], 1, 1],
    [[256, 128, 3, 3], 0, 1],
    [[256, 128, 3, 3], 1, 1],
    [[1024, 1024], 0, 1],
    [[1024, 1024], 1, 1],
    [[64, 32, 3, 3, 3], 1, 1],
    // Few, long rows: one kernel reduces pieces of them.
    [[512, 512, 3], 2, 2],
    [[1024, 1024], null, 2],
  ];

  test.each(PROFILE_NAMES)(
    "as few for a middle dim or the whole tensor as for the first, both ways: %s",
    (name) => {
      const profile = findProfile(name);
      if (profile === undefined) throw new Error(`no profile ${name}`);
      for (const [shape, dim, most] of WEIGHTS) {
        const forward: Traced = (v, g) => weightNorm(v, g, { dim });
        const pull = ((v: T, g: T, c: T) => vjp(forward as (v: T, g: T) => T, v, g)[1](c)) as Traced;
        const types = [f32(...shape), f32(...gainShape(shape, dim)), f32(...shape)];
        for (const graph of [graphOf(forward, types.slice(0, 2)), graphOf(pull, types)]) {
          const compiled = compileGraph(graph, { profile });
          expect(compiled.kernels.length, `${shape.join("x")}, dim ${String(dim)}`).toBeLessThanOrEqual(most);
          if (name !== "default") continue;
          // Runs of 9 elements between those of other rows touch two sectors of 32 bytes, where one and a half are needed.
          // Gradients keep two tensors, with fewer runs of three side by side, rather than read them twice.
          const isPull = graph.nodes.filter((node) => node.op === "param").length > 2;
          const mostSectors = dim !== 1 ? 1.01 : shape.length > 3 ? 1.5 : isPull ? 1.35 : 1.01;
          for (const { sectors } of explainCompiled(compiled, profile).kernels)
            expect(sectors).toBeLessThanOrEqual(mostSectors);
        }
      }
    },
  );

  test("a weight that is used twice is normalised once", () => {
    const profile = findProfile("default");
    if (profile === undefined) throw new Error("no profile");
    const types = [f32(64, 48), f32(64, 1), f32(64, 48)];
    const uses: Traced = (v, g, x) => [weightNorm(v, g).mul(x), weightNorm(v, g).add(x), weightNorm(v, g)];
    const { kernels, graph } = compileGraph(graphOf(uses, types), { profile });
    expect(kernels).toHaveLength(1);
    expect(graph.nodes.filter(({ op }) => op === "reduce")).toHaveLength(1);
  });

  test("a transposed weight is no copy, and the result lies in the order of its axes", () => {
    const profile = findProfile("default");
    if (profile === undefined) throw new Error("no profile");
    const turned: Traced = (v, g) => weightNorm(v.transpose([1, 0]), g);
    const types = [f32(6, 4), f32(4, 1)];
    expect(compileGraph(graphOf(turned, types), { profile }).kernels).toHaveLength(1);
    const layer = makeLayer([6, 4], 1);
    const [got = []] = run(turned, types, [layer.v, layer.g]);
    const straight = foldExactly(layer);
    expectNear(
      got,
      got.map((_, i) => straight[(i % 6) * 4 + Math.floor(i / 6)] ?? Number.NaN),
    );
  });
});

describe("types", () => {
  const DTYPES = { f32, f16, bf16 } as const;

  test("halves of two dtypes meet in f32 for every dim, of one dtype in that", () => {
    for (const dim of DIMS)
      for (const [v, g, want] of [
        ["bf16", "f32", "f32"],
        ["f16", "f32", "f32"],
        ["f32", "bf16", "f32"],
        ["f16", "bf16", "f32"],
        ["bf16", "bf16", "bf16"],
        ["f16", "f16", "f16"],
      ] as const) {
        const types = [DTYPES[v](...SHAPE), DTYPES[g](...gainShape(SHAPE, keptOf(dim)))];
        const dtypeOf = (fn: Traced): string => {
          const graph = graphOf(fn, types);
          return graph.nodes[graph.results[0]?.node ?? -1]?.type.dtype ?? "";
        };
        expect(dtypeOf((a, b) => weightNorm(a, b, { dim }))).toBe(want);
        expect(dtypeOf((a, b) => weightNorm.merge({ v: a, g: b }, { dim }))).toBe(v);
      }
  });

  test("no kernel needs the feature shader-f16, also where the device has it", () => {
    for (const name of PROFILE_NAMES) {
      const profile = findProfile(name);
      if (profile === undefined) throw new Error(`no profile ${name}`);
      const { plan } = compileGraph(
        graphOf((v, g) => weightNorm(v, g), [f16(4, 3), bf16(4, 1)]),
        { profile },
      );
      for (const { wgsl, features } of plan.kernels) {
        expect(wgsl).not.toContain("f16;");
        expect(features).not.toContain("shader-f16");
      }
    }
  });

  test("nothing is rounded to 16 bits between the inputs and the results, backward neither", () => {
    for (const dtype of ["f16", "bf16"] as const) {
      const narrow = DTYPES[dtype];
      const { v, g } = makeLayer(SHAPE, 0, { v: dtype, g: dtype });
      const c = draw(SHAPE).map((x) => roundTo(dtype, x));
      const pull = ((v: T, g: T, c: T) => {
        const [w, pullback] = vjp((a: T, b: T) => weightNorm(a, b), v, g);
        return [w, ...pullback(c)];
      }) as Traced;
      const shapes = [SHAPE, [4, 1, 1], SHAPE];
      const own = run(
        pull,
        shapes.map((shape) => narrow(...shape)),
        [v, g, c],
        true,
      );
      const wide = run(
        pull,
        shapes.map((shape) => f32(...shape)),
        [v, g, c],
      );
      expect(own).toEqual(wide.map((values) => values.map((x) => roundTo(dtype, x) + 0)));
    }
  });
});

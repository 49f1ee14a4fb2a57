/**
 * Sums with weights, in the walk that finds the maximum or the mean which their terms need: gradients of softmax and of norms,
 * expectations, entropy. They agree with the oracle under every plan, whatever stands in the rows and in the weights, and move no
 * more than they have to.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { explainCompiled } from "../../src/explain.ts";
import { f32, logsumexp, softmax, trace, vjp, type TracedTensor } from "../../src/index.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile, type DeviceProfile } from "../../src/ir/profile.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { forcePlans } from "../support/force-plans.ts";
import { forceSchedules } from "../support/force-schedules.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";
import type { RandomProgram } from "../support/random-graph.ts";

const SEED = Number(process.env["TENSORWEFT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

type Binary = (x: TracedTensor, w: TracedTensor) => TracedTensor | readonly TracedTensor[];
const row = { axis: -1, keepdims: true };

const PROGRAMS: Readonly<Record<string, Binary>> = {
  "gradient of a softmax": (x, w) => vjp((a) => softmax(a, { axis: -1 }), x)[1](w),
  "softmax and its gradient": (x, w) => {
    const [y, pullback] = vjp((a) => softmax(a, { axis: -1 }), x);
    return [y, ...pullback(w)];
  },
  "an expectation": (x, w) => softmax(x, { axis: -1 }).mul(w).sum({ axis: -1 }),
  "the sum alone": (x, w) => {
    const e = x.sub(x.max(row)).exp();
    return [w.mul(e).neg().sum({ axis: -1 }), x.max({ axis: -1 })];
  },
  "divided by a statistic of the weights": (x, w) => {
    const e = x.sub(x.max(row)).exp();
    const largest = w.abs().max(row).add(1);
    return e.div(largest).mul(w).div(e.sum(row)).sum({ axis: -1 });
  },
  "an entropy": (x, w) => {
    const p = softmax(x, { axis: -1 });
    return logsumexp(x, { axis: -1 })
      .sub(p.mul(x).sum({ axis: -1 }))
      .add(w.sum({ axis: -1 }));
  },
  "gradient of a norm": (x, w) => {
    const norm = (a: TracedTensor): TracedTensor => {
      const centered = a.sub(a.mean(row));
      return centered.mul(centered.mul(centered).mean(row).add(1e-5).rsqrt());
    };
    return vjp(norm, x)[1](w);
  },
  "a correlation": (x, w) => {
    const centered = x.sub(x.mean(row));
    const deviation = centered.mul(centered).sum(row).add(1).sqrt();
    return [centered.div(deviation).mul(w).sum({ axis: -1 }), x.sum({ axis: -1 })];
  },
  "deviations of columns": (x, w) => x.mean({ axis: 0, keepdims: true }).sub(x).mul(w).sum({ axis: 0 }),
  columns: (x, w) => softmax(x, { axis: 0 }).mul(w).sum({ axis: 0 }),
};

type Fill = (i: number, random: () => number) => number;
const plain: Fill = (_, random) => 2 * random() - 1;
const ROWS: Readonly<Record<string, Fill>> = {
  plain,
  "an offset of 1e4": (i, random) => 1e4 + plain(i, random),
  rising: (i) => i / 8,
  "minus infinity": (i, random) => (i % 3 === 0 || i < 40 ? -Infinity : plain(i, random)),
  infinity: (i, random) => (i === 7 ? Infinity : plain(i, random)),
  nan: (i, random) => (i === 3 ? Number.NaN : plain(i, random)),
};
const WEIGHTS: Readonly<Record<string, Fill>> = {
  plain,
  zeros: () => 0,
  "few that are not 0": (i, random) => (i % 5 === 0 ? plain(i, random) : 0),
  "an offset of 1e4": (i, random) => 1e4 + plain(i, random),
  infinity: (i, random) => (i === 5 ? Infinity : plain(i, random)),
  "both infinities": (i, random) => (i === 5 ? Infinity : i === 6 ? -Infinity : plain(i, random)),
  nan: (i, random) => (i === 11 ? Number.NaN : plain(i, random)),
};
const SHAPES = [
  [5, 37],
  [3, 64],
  [4, 1],
];

const graphOf = (fn: Binary, shape: readonly number[]): Graph =>
  trace(fn, [f32(...shape), f32(...shape)], { parameterNames: ["x", "w"], locate: false }).graph;

function programOf(fn: Binary, shape: readonly number[], rows = "plain", weights = "plain"): RandomProgram {
  const random = createRandom(shape.length * 7 + rows.length + 31 * weights.length);
  const fill = (of: Fill = plain): Float64Array =>
    Float64Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.fround(of(i, random)));
  const inputs = new Map([
    ["x", fill(ROWS[rows])],
    ["w", fill(WEIGHTS[weights])],
  ]);
  return { graph: graphOf(fn, shape), inputs };
}

const profileOf = (name: string): DeviceProfile => {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`there is no profile ${name}`);
  return profile;
};
const { "rows in workgroup memory": _, ...PLANS } = forcePlans(profileOf("default"));
/** Each kind of row with plain weights, each kind of weights with plain rows, and what is worst together. */
const KINDS = [
  ...Object.keys(ROWS).map((rows) => [rows, "plain"] as const),
  ...Object.keys(WEIGHTS).map((weights) => ["plain", weights] as const),
  ...(["minus infinity", "infinity", "nan"] as const).flatMap((rows) =>
    ["zeros", "infinity"].map((weights) => [rows, weights] as const),
  ),
];

/** Deviations with an infinite weight are moved from mean to mean, either way: docs/numerics.md lets that pass as "merged". */
const DEVIATIONS = new Set(["gradient of a norm", "a correlation", "deviations of columns"]);
const MERGED = /is NaN, expected -?Infinity/;

describe.each(Object.entries(PROGRAMS))("%s", (name, fn) => {
  test.each(Object.entries(PLANS))("%s", async (_plan, options) => {
    for (const shape of SHAPES)
      for (const [rows, weights] of KINDS) {
        const program = programOf(fn, shape, rows, weights);
        const { failures, excluded, compared } = await checkProgram(program, options);
        const odd =
          weights === "infinity" && DEVIATIONS.has(name)
            ? failures.filter((text) => !MERGED.test(text))
            : failures;
        expect(odd, `${shape.join("x")}: ${rows}; ${weights}`).toEqual([]);
        if (rows === "plain" && weights === "plain") expect(excluded).toBeLessThan(compared / 2);
      }
  });

  test("any schedule", async () => {
    for (let draw = 0; draw < 12; draw++) {
      const program = programOf(fn, [4, 24]);
      const profile = profileOf(draw % 2 === 0 ? "nvidia" : "swiftshader");
      const { failures } = await checkProgram(program, {
        profile,
        schedule: forceSchedules(program.graph, draw),
        interpretStages: false,
      });
      expect(failures, `draw ${String(draw)}`).toEqual([]);
    }
  });
});

/** Dispatches, and bytes over the least that any plan moves. */
const LOGITS = [64, 50257];
test.each([
  ["gradient of a softmax", "default", 1, 5 / 3],
  ["gradient of a softmax", "nvidia", 2, 5 / 3],
  ["softmax and its gradient", "default", 1, 6 / 4],
  ["softmax and its gradient", "nvidia", 2, 6 / 4],
  ["an expectation", "default", 1, 1],
  ["an expectation", "nvidia", 2, 1],
  ["gradient of a norm", "default", 1, 5 / 3],
  ["gradient of a norm", "nvidia", 2, 5 / 3],
  ["a correlation", "default", 1, 1],
  ["a correlation", "nvidia", 2, 1],
] as const)("%s for %s: %i dispatches", (name, device, dispatches, bytes) => {
  const profile = profileOf(device);
  const fn = PROGRAMS[name];
  if (fn === undefined) throw new Error(`no program ${name}`);
  const explained = explainCompiled(compileGraph(graphOf(fn, LOGITS), { profile, check: true }), profile);
  expect(explained.dispatches).toBe(dispatches);
  expect(explained.bytes.moved / explained.bytes.floor).toBeLessThan(bytes + 5e-3);
});

test("weights that wait for the walk keep a walk of their own", () => {
  const profile = { ...profileOf("default"), onChipBytes: 16 };
  const walks = (fn: Binary): number => {
    const [kernel] = compileGraph(graphOf(fn, [100, 37]), { profile, check: true }).kernels;
    return kernel?.schedule.pairing === "one-walk" ? 1 : 2;
  };
  const weighted = (x: TracedTensor, of: (m: TracedTensor) => TracedTensor): TracedTensor => {
    const m = x.max(row);
    return of(m).mul(x.sub(m).exp()).sum({ axis: -1 });
  };
  expect(walks((x, w) => weighted(x, () => w))).toBe(1);
  expect(walks((x, w) => weighted(x, (m) => w.sub(m)))).toBe(2);
  expect(walks((x, w) => weighted(x, () => w.sub(w.sum(row))))).toBe(2);
  const deviations = (x: TracedTensor, weight: TracedTensor): TracedTensor =>
    x.sub(x.mean(row)).mul(weight).sum({ axis: -1 });
  expect(walks((x, w) => deviations(x, w))).toBe(1);
  expect(walks((x, w) => deviations(x, w.sub(w.mean(row))))).toBe(2);
});

/** A product with one factor that needs the maximum or the mean, in any order, with factors that wait for it and that do not. */
interface Recipe {
  readonly shape: readonly number[];
  readonly isExponential: boolean;
  readonly factors: readonly (readonly [keyof typeof FACTORS, isDivisor: boolean, isBefore: boolean])[];
  readonly withPlain: boolean;
  readonly draw: number;
}
type Parts = Readonly<Record<"x" | "w" | "first" | "plain", TracedTensor>>;
const FACTORS = {
  weights: ({ w }: Parts) => w,
  itself: ({ x }: Parts) => x,
  constant: ({ w }: Parts) => w.mul(0).add(2),
  statistic: ({ w }: Parts) => w.abs().max(row).add(1),
  waiting: ({ plain }: Parts) => plain.abs().add(1),
  "waiting row": ({ w, first }: Parts) => w.sub(first),
} as const satisfies Record<string, (parts: Parts) => TracedTensor>;

const recipes: fc.Arbitrary<Recipe> = fc.record({
  shape: fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 2, max: 70 })),
  isExponential: fc.boolean(),
  factors: fc.array(
    fc.tuple(
      fc.constantFrom(...(Object.keys(FACTORS) as (keyof typeof FACTORS)[])),
      fc.boolean(),
      fc.boolean(),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  withPlain: fc.boolean(),
  draw: fc.nat(),
});

const productOf =
  ({ isExponential, factors, withPlain }: Recipe): Binary =>
  (x, w) => {
    const first = isExponential ? x.max(row) : x.mean(row);
    const needing = isExponential ? x.sub(first).exp() : x.sub(first);
    const plain = (isExponential ? needing : needing.mul(needing)).sum(row);
    let product = needing;
    for (const [kind, isDivisor, isBefore] of factors) {
      const by = FACTORS[kind]({ x, w, first, plain });
      // Divisors that may be near 0 would exclude all of it.
      if (isDivisor) product = product.div(by.mul(by).add(1));
      else product = isBefore ? by.mul(product) : product.mul(by);
    }
    const total = product.sum(row);
    return withPlain ? [total, plain] : total;
  };

test("random products under any schedule, and in pieces", async () => {
  console.log(`random products, TENSORWEFT_SEED=${String(SEED)}`);
  let paired = 0;
  await fc.assert(
    fc.asyncProperty(recipes, async (recipe) => {
      const program = programOf(productOf(recipe), recipe.shape);
      const schedule = forceSchedules(program.graph, recipe.draw);
      const anyOf = { profile: profileOf(recipe.draw % 2 === 0 ? "nvidia" : "swiftshader"), schedule };
      const read = compileGraph(program.graph, PLANS["rows read again"] ?? anyOf);
      if (read.kernels.some((kernel) => kernel.schedule.pairing === "one-walk")) paired++;
      for (const options of [anyOf, PLANS["rows read again"], PLANS["pieces"], PLANS["few pieces"]]) {
        const { failures } = await checkProgram(program, options ?? anyOf);
        expect(failures).toEqual([]);
      }
    }),
    { numRuns: 60, seed: SEED },
  );
  expect(paired).toBeGreaterThan(15);
});

describeGpu("on a device", () => {
  test.each(Object.entries(PROGRAMS))("%s", async (_, fn) => {
    using device = await openDevice({ backend: "webgpu" });
    for (const software of [true, false])
      for (const plan of ["rows read again", "pieces"]) {
        const options = forcePlans({ ...device.profile, software })[plan];
        if (options === undefined) throw new Error(`no plan ${plan}`);
        for (const rows of ["plain", "an offset of 1e4", "rising"])
          for (const weights of ["plain", "few that are not 0"]) {
            const check = { ...options, device, interpretKernels: false, interpretStages: false };
            for (const shape of plan === "pieces"
              ? [[5, 37]]
              : [
                  [5, 37],
                  [2, 5000],
                ]) {
              const { failures } = await checkProgram(programOf(fn, shape, rows, weights), check);
              expect(failures, `${plan}: ${shape.join("x")}; ${rows}; ${weights}`).toEqual([]);
            }
          }
      }
  });
});

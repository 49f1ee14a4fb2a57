/**
 * f16 and bf16 as they lie in buffers, over all their 65,536 patterns: what is loaded, what a rounding store keeps of every value
 * and of what lies between neighbours, and that no lane writes into another lane's half of a word. src/ir/round.ts has the meaning.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import { jit, trace, weightNorm, type Device, type TracedTensor } from "../../src/index.ts";
import type { DType } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import type { DeviceProfile } from "../../src/ir/profile.ts";
import { fromBf16Bits, fromF16Bits, toBf16Bits, toF16Bits } from "../../src/ir/round.ts";
import type { KernelSchedule } from "../../src/ir/schedule.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { describeGpu } from "../support/gpu.ts";
import { createRandom } from "../support/random-values.ts";

const FORMATS = [
  { dtype: "f16", fromBits: fromF16Bits, toBits: toF16Bits },
  { dtype: "bf16", fromBits: fromBf16Bits, toBits: toBf16Bits },
] as const;
type Format = (typeof FORMATS)[number];

const PATTERNS = 65_536;
const SIGN = 0x8000;

/** All patterns; an odd count leaves out the last, whose word then has a half that nobody owns. */
const allPatterns = (count: number): Uint16Array => Uint16Array.from({ length: count }, (_, i) => i);

/** The words of a 16-bit result, which may come as Float16Array. */
const wordsOf = (data: ArrayBufferView): Uint16Array =>
  new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);

const isNan = ({ fromBits }: Format, bits: number): boolean => Number.isNaN(fromBits(bits));

/** Each number of the format, what lies half way to the next, and the f32 neighbours of that. Beyond the largest: overflow. */
function numbersAround({ fromBits }: Format): Float32Array {
  const numbers: number[] = [];
  const f32 = new Float32Array(1);
  const bits = new Uint32Array(f32.buffer);
  for (let pattern = 0; pattern < PATTERNS; pattern++) {
    const value = fromBits(pattern);
    numbers.push(value);
    if (!Number.isFinite(value)) continue;
    const next = fromBits(pattern + 1);
    const step = Number.isFinite(next) ? next - value : value - fromBits(pattern - 1);
    f32[0] = value + step / 2;
    const middle = bits[0] ?? 0;
    for (const by of [0, 1, -1]) {
      bits[0] = middle + by;
      numbers.push(f32[0]);
    }
  }
  return Float32Array.from(numbers);
}

/** Patterns where a store went wrong: every nan may become any nan. */
function wrongStores(format: Format, stored: Uint16Array, numbers: Float32Array): readonly string[] {
  const wrong: string[] = [];
  numbers.forEach((number, i) => {
    const [got, want] = [stored[i] ?? -1, format.toBits(number)];
    if (got !== want && !(isNan(format, got) && isNan(format, want)))
      wrong.push(`${number} is stored as ${got.toString(16)}, not ${want.toString(16)}`);
  });
  return wrong.slice(0, 8);
}

test("the format's own rounding: what lies half way goes to the even neighbour, overflow to infinity", () => {
  for (const format of FORMATS) {
    const { fromBits, toBits } = format;
    const wrong: string[] = [];
    const check = (value: number, want: number): void => {
      if (toBits(value) !== want)
        wrong.push(`${value} is ${toBits(value).toString(16)}, not ${want.toString(16)}`);
    };
    for (let bits = 0; bits < PATTERNS; bits++) {
      const value = fromBits(bits);
      if (Number.isNaN(value)) continue;
      check(value, bits);
      const next = fromBits(bits + 1);
      // Patterns count upwards from 0 and downwards from -0; the even one of two neighbours ends in 0.
      if (Number.isFinite(value) && Number.isFinite(next))
        check((value + next) / 2, bits % 2 === 0 ? bits : bits + 1);
    }
    expect(wrong).toEqual([]);
    expect(toBits(Number.NaN) & ~SIGN).toBeGreaterThan(toBits(Number.POSITIVE_INFINITY));
  }
});

function testFormat(format: Format, open: () => Device): void {
  const { dtype, fromBits } = format;

  test.each([PATTERNS, PATTERNS - 1])("every pattern is loaded: %i of them", async (count) => {
    const widen = jit((x: TracedTensor) => x.cast("f32"));
    using x = open().tensor(allPatterns(count), [count], { dtype });
    using y = widen(x);
    const wrong: string[] = [];
    for (const [i, got] of [...(await y.read())].entries()) {
      const want = fromBits(i);
      if (!Object.is(got, want) && !(Number.isNaN(got) && Number.isNaN(want)))
        wrong.push(`${i.toString(16)} is loaded as ${got}, not ${want}`);
    }
    expect(wrong.slice(0, 8)).toEqual([]);
  });

  test.each(["even", "odd"])("every rounding is stored: an %s number of elements", async (parity) => {
    const numbers = numbersAround(format);
    const given = numbers.subarray(0, numbers.length - ((numbers.length % 2) ^ (parity === "odd" ? 1 : 0)));
    expect(given.length % 2).toBe(parity === "odd" ? 1 : 0);
    const narrow = jit((x: TracedTensor) => x.cast(dtype));
    using x = open().tensor(given);
    using y = narrow(x);
    expect(wrongStores(format, wordsOf(await y.read()), given)).toEqual([]);
  });

  test("a cast in the middle of a kernel rounds as a store does", async () => {
    const numbers = numbersAround(format);
    const through = jit((x: TracedTensor) => x.cast(dtype).cast("f32"));
    using x = open().tensor(numbers);
    using y = through(x);
    const rounded = Uint16Array.from([...(await y.read())], format.toBits);
    expect(wrongStores(format, rounded, numbers)).toEqual([]);
  });

  test("parts that begin and end in the middle of a word", async () => {
    const cut = jit((x: TracedTensor, from: number, to: number) => [
      x.slice([{ start: from, stop: to }]),
      x
        .slice([{ start: from, stop: to }])
        .cast("f32")
        .cast(dtype),
      x.reshape([5, 7]).slice([
        { start: 1, stop: 4 },
        { start: from % 7, stop: 7 },
      ]),
    ]);
    using x = open().tensor(
      Uint16Array.from({ length: 35 }, (_, i) => 0x3c00 + i),
      [35],
      { dtype },
    );
    for (const [from, to] of [
      [1, 4],
      [0, 3],
      [3, 34],
      [1, 2],
      [6, 35],
    ] as const) {
      const [plain, again, rows] = cut(x, from, to);
      const want = Array.from({ length: to - from }, (_, i) => 0x3c00 + from + i);
      expect([...wordsOf((await plain?.read()) ?? new Uint16Array())]).toEqual(want);
      expect([...wordsOf((await again?.read()) ?? new Uint16Array())]).toEqual(want);
      const wantRows = [1, 2, 3].flatMap((row) =>
        Array.from({ length: 7 - (from % 7) }, (_, i) => 0x3c00 + row * 7 + (from % 7) + i),
      );
      expect([...wordsOf((await rows?.read()) ?? new Uint16Array())]).toEqual(wantRows);
    }
  });
}

const weightNormGraph = (v: DType, g: DType, shape: readonly number[], dim: number): Graph => {
  const gain = shape.map((n, d) => (d === dim ? n : 1));
  const fn = (x: TracedTensor, y: TracedTensor): TracedTensor => weightNorm(x, y, { dim }).cast(v);
  const types = [
    { dtype: v, shape },
    { dtype: g, shape: gain },
  ] as const;
  return trace(fn, types, { parameterNames: ["v", "g"], locate: false }).graph;
};

function inputsOf(graph: Graph): Map<string, Float64Array> {
  const random = createRandom(7);
  const inputs = new Map<string, Float64Array>();
  for (const node of graph.nodes)
    if (node.op === "param") {
      const count = node.type.shape.reduce((n, d) => n * d, 1);
      // Multiples of 1/64 below 2: exact in every format.
      inputs.set(
        node.name,
        Float64Array.from({ length: count }, () => Math.round((random() * 4 - 2) * 64) / 64),
      );
    }
  return inputs;
}

const MIXED = [
  ["bf16", "f32"],
  ["f16", "f32"],
  ["f32", "bf16"],
] as const;
const SHAPES = [
  { shape: [3, 3, 5], dim: 0 },
  { shape: [3, 3, 5], dim: 1 },
  { shape: [1, 9], dim: 0 },
  { shape: [4, 8], dim: 0 },
];

/** Schedules that a chooser would not take for such data: single elements, neighbours in different lanes, many workgroups. */
const FORCED: Readonly<Record<string, (chosen: KernelSchedule) => KernelSchedule>> = {
  "as chosen": (chosen) => chosen,
  "single elements": (chosen) => ({ ...chosen, vectorWidth: 1, vectorAxis: null }),
  "one lane per axis": (chosen) => ({
    ...chosen,
    vectorWidth: 1,
    vectorAxis: null,
    lanes: chosen.lanes.map(({ axis }) => ({ axis, lanes: 1 })),
    reduction: "serial",
  }),
  "grid reversed": (chosen) => ({ ...chosen, gridAxes: chosen.gridAxes.toReversed() }),
};

/**
 * How a kernel writes 16-bit elements: whole words of one lane, or halves through atomics. Anything else would let two lanes
 * write one word.
 */
function unsafeStores(wgsl: string): readonly string[] {
  const written = [...wgsl.matchAll(/var<storage, read_write> (b_\w+): array<(.+), \d+>;/g)];
  return written.flatMap(([, name = "", element = ""]) => {
    if (element === "atomic<u32>") {
      const plain = new RegExp(`(?<!&)${name}\\[`).exec(wgsl);
      return plain === null ? [] : [`${name} is atomic and written plainly`];
    }
    // A word of its own type that is assembled from halves read back would be a race.
    const assembled = new RegExp(`${name}\\[[^\\]]*\\] = [^;]*${name}\\[`).exec(wgsl);
    return assembled === null ? [] : [`${name} of ${element} is written from itself`];
  });
}

describeGpu("16-bit storage on a device", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());
  const device = (): Device => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    return opened;
  };
  for (const format of FORMATS)
    describe(format.dtype, () => {
      testFormat(format, device);
    });

  test.each(MIXED)("weight norm of v %s and g %s, odd shapes, forced schedules", async (v, g) => {
    for (const { shape, dim } of SHAPES)
      for (const [name, schedule] of Object.entries(FORCED)) {
        const graph = weightNormGraph(v, g, shape, dim);
        const profile: DeviceProfile = device().profile;
        const { kernels } = compileGraph(graph, { profile, schedule, check: true });
        for (const { emitted } of kernels) expect(unsafeStores(emitted.wgsl), name).toEqual([]);
        const { failures, compared, excluded } = await checkProgram(
          { graph, inputs: inputsOf(graph) },
          { profile, schedule, device: device(), interpretKernels: false },
        );
        expect(failures, `${name} [${shape.join(",")}] dim ${dim}`).toEqual([]);
        expect(excluded).toBeLessThan(compared / 2);
      }
  });

  test("neighbours that different lanes write all arrive, however often", async () => {
    // Each word has halves of two workgroups: lost updates would show as zeros or as bits of the neighbour.
    const copy = trace((x: TracedTensor) => x.mul(1).cast("bf16"), [{ dtype: "f32", shape: [4099] }], {
      parameterNames: ["x"],
    }).graph;
    const schedule = (chosen: KernelSchedule): KernelSchedule => ({
      ...chosen,
      vectorWidth: 1,
      vectorAxis: null,
      lanes: chosen.lanes.map(({ axis }, i) => ({ axis, lanes: i === 0 ? 3 : 1 })),
    });
    const { plan, kernels } = compileGraph(copy, { profile: device().profile, schedule, check: true });
    expect(kernels[0]?.emitted.wgsl).toContain("atomicOr");
    const words = Uint16Array.from({ length: 4099 }, (_, i) => (i * 40503) & 0x7eff);
    using x = device().tensor(Float32Array.from(words, fromBf16Bits));
    const program = device().load({ plan });
    for (let round = 0; round < 8; round++) {
      const [y] = program.run([x]);
      expect(wordsOf((await y?.read()) ?? new Uint16Array())).toEqual(words);
      y?.dispose();
    }
  });
});

test("the check of stores sees a race", () => {
  const binding = "@group(0) @binding(1) var<storage, read_write> b_out0: array<u32, 8>;";
  expect(unsafeStores(`${binding}\n  b_out0[i] = v;`)).toEqual([]);
  expect(unsafeStores(`${binding}\n  b_out0[i] = (b_out0[i] & 0xffffu) | v;`)).toHaveLength(1);
  const atomic = binding.replace("u32,", "atomic<u32>,");
  expect(unsafeStores(`${atomic}\n  atomicOr(&b_out0[i], v);`)).toEqual([]);
  expect(unsafeStores(`${atomic}\n  b_out0[i] = v;`)).toHaveLength(1);
});

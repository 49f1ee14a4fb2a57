/** What a careless caller does: wrong tensors in every kind of call, reads of freed tensors, a device that dies in mid-flight. */
import { describe, expect, test } from "vitest";
import { jit, type Device, type Tensor, type TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";
import { describeGpu } from "../support/gpu.ts";
import { scalePlan } from "./plans.ts";
import { failureOf, openForTest } from "./support.ts";

type Call = (x: Tensor) => unknown;

/** Every way to call x * 2 for f32[4], bound and loaded ones for exactly that type. */
function callsOn(device: Device): Readonly<Record<string, Call>> {
  const out = device.tensor([0, 0, 0, 0]);
  const program = device.load({ plan: scalePlan({ count: 4 }) });
  const double = jit((x: TracedTensor) => x.mul(2));
  const add = jit((x: TracedTensor, y: TracedTensor) => x.add(y));
  const text = loadText("kernel plus(x: f32[4], y: f32[4]) = x + y")["plus"];
  return {
    jit: (x) => add(out, x),
    "jit into a bound result": (x) => double.bind([out], x),
    text: (x) => text?.([out, x]),
    "a loaded program": (x) => program.run([x], { factor: 2 }),
    "a bound call": (x) => program.bind([x], [out], { factor: 2 }),
    "a bound result": (x) => program.bind([out], [x], { factor: 2 }),
    "a batch": (x) =>
      device.batch(() => [program.run([out], { factor: 2 }), program.run([x], { factor: 2 })]),
  };
}
const WAYS = [
  "jit",
  "jit into a bound result",
  "text",
  "a loaded program",
  "a bound call",
  "a bound result",
  "a batch",
];

describeGpu("refusals at the call", () => {
  describe.each(WAYS)("%s", (way) => {
    test("refuses tensors that are disposed, of another device, shape or dtype, and does nothing", async () => {
      const [device, other] = [await openForTest(), await openForTest()];
      const call = callsOn(device)[way];
      if (call === undefined) throw new Error(`no way ${way}`);
      const disposed = device.tensor([1, 2, 3, 4]);
      disposed.dispose();
      const { dispatches } = device.counters;
      const refused = async (x: Tensor): Promise<string> => (await failureOf(() => call(x))).code;
      expect(await refused(disposed)).toBe("disposed-tensor");
      expect(await refused(other.tensor([1, 2, 3, 4]))).toBe("wrong-device");
      expect(await refused(device.tensor([1, 2, 3]))).toMatch(/^(?:shape|dimension)-mismatch$/);
      const wrong = device.tensor(Int32Array.of(1, 2, 3, 4));
      // A traced function is compiled for any dtype that its ops take.
      if (way !== "jit") expect(await refused(wrong)).toBe("dtype-mismatch");
      if (way !== "a batch") expect(device.counters.dispatches).toBe(dispatches);
      // Afterwards all is as it was.
      expect(() => call(device.tensor([1, 2, 3, 4]))).not.toThrow();
      expect(await device.tensor([7]).read()).toEqual(Float32Array.of(7));
    });
  });
});

describeGpu("a device that goes away in mid-flight", () => {
  test.each(["destroy", "dispose"] as const)(
    "by %s(): every promise settles, with device-lost, and nothing is unhandled",
    async (how) => {
      const unhandled: unknown[] = [];
      const note = (reason: unknown): void => void unhandled.push(reason);
      process.on("unhandledRejection", note);
      try {
        const device = await openForTest();
        const ready = jit((x: TracedTensor) => x.mul(2));
        const x = device.tensor(new Float32Array(2 ** 20), [1024, 1024]);
        await ready.compile(x);
        const waiting = jit((a: TracedTensor) => a.exp().sum({ axis: 1 }));
        const pending: Promise<unknown>[] = [];
        for (let i = 0; i < 8; i++) {
          const y = (i % 2 === 0 ? ready : waiting)(x);
          pending.push(
            y.read(),
            y.gpuBuffer().then(() => y.read()),
            x.read(),
          );
          device.batch(() => ready(x)); // nobody reads it
        }
        pending.push(waiting.compile(x).then(() => x.read()));
        if (how === "dispose") device.dispose();
        else device.gpuDevice?.destroy();
        for (const one of pending) expect((await failureOf(() => one)).code).toBe("device-lost");
        expect((await device.lost).diagnostics[0]?.code).toBe("device-lost");
        for (const act of [
          () => x.read(),
          () => ready(x),
          () => device.batch(() => 1),
          () => x.takeGpuBuffer(),
        ])
          expect((await failureOf(act)).code).toBe("device-lost");
        x.dispose();
        device.trim();
        device.dispose();
        const next = await openForTest();
        expect(await ready(next.tensor([1])).read()).toEqual(Float32Array.of(2));
        await new Promise((resolve) => setTimeout(resolve, 20));
        expect(unhandled).toEqual([]);
      } finally {
        process.off("unhandledRejection", note);
      }
    },
  );
});

describeGpu("freed tensors", () => {
  test("a read or a call that was made before dispose() sees the elements; those after are refused", async () => {
    const device = await openForTest();
    const f = jit((x: TracedTensor) => x.mul(2));
    const x = device.tensor([1, 2]);
    const before = [x.read(), f(x).read()]; // f still has to compile
    x.dispose();
    x.dispose();
    device.tensor([9, 9]); // may get the buffer
    device.trim();
    expect(await Promise.all(before)).toEqual([Float32Array.of(1, 2), Float32Array.of(2, 4)]);
    for (const act of [() => x.read(), () => x.gpuBuffer(), () => x.takeGpuBuffer(), () => f(x)])
      expect((await failureOf(act)).code).toBe("disposed-tensor");
    expect(x.byteOffset).toBe(0);
  });
});

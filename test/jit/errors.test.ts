import { expect, test } from "vitest";
import { f32, jit, openDevice, scalar, type Tensor, TensorweftError, type TracedTensor } from "tensorweft";
import { parseStack } from "../../src/diagnostics/call-site.ts";

/** The line of the caller, from the engine itself. */
const lineHere = (): number => parseStack(new Error().stack ?? "")[1]?.line ?? -1;

const open = () => openDevice({ backend: "cpu" });

/** The diagnostic of what `act` throws; its place is in this file. */
function refusal(act: () => unknown): {
  code: string;
  message: string;
  help: string | undefined;
  line: number;
} {
  try {
    act();
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    const [diagnostic] = error.diagnostics;
    if (diagnostic === undefined) throw error;
    const { code, message, help, span } = diagnostic;
    expect(span?.file).toMatch(/errors\.test\.ts$/);
    return { code, message, help, line: span?.line ?? -1 };
  }
  throw new Error("nothing was thrown");
}

const mul = jit((v: TracedTensor, g: TracedTensor) => g.mul(v), { name: "scale" });

test("a shape error points at the line of the op in the user's function", async () => {
  const device = await open();
  let line = 0;
  const f = jit((x: TracedTensor, y: TracedTensor) => {
    line = lineHere() + 1;
    return x.mul(y);
  });
  const found = refusal(() => f(device.tensor([1, 2, 3]), device.tensor([1, 2])));
  expect(found).toMatchObject({ code: "shape-mismatch", message: "cannot broadcast f32[2] to f32[3]" });
  expect(found.line).toBe(line);
});

test("a failed trace is tried again, and leaves nothing behind", async () => {
  const device = await open();
  const f = jit((x: TracedTensor, y: TracedTensor) => x.mul(y));
  const [a, b] = [device.tensor([1, 2, 3]), device.tensor([1, 2])];
  refusal(() => f(a, b));
  refusal(() => f(a, b));
  expect([...(await f(b, b).read())]).toEqual([1, 4]);
});

test("tensors of two devices", async () => {
  const [one, other] = [await open(), await open()];
  const line = lineHere() + 1;
  const found = refusal(() => mul(one.tensor([1]), other.tensor([1])));
  expect(found).toEqual({
    code: "wrong-device",
    message: "scale is called with tensors of two devices: tensor f32[1] is on another one",
    help: "read() it and make a tensor of the data on this device",
    line,
  });
  // Also when the first call, with both on one device, is remembered.
  mul(one.tensor([1]), one.tensor([1]));
  expect(refusal(() => mul(one.tensor([1]), other.tensor([1]))).code).toBe("wrong-device");
});

test("a disposed tensor", async () => {
  const device = await open();
  const x = device.tensor([1]);
  mul(x, x);
  x.dispose();
  const line = lineHere() + 1;
  const found = refusal(() => mul(x, x));
  expect(found).toMatchObject({
    code: "disposed-tensor",
    message: "tensor f32[1] was used after dispose()",
    line,
  });
});

test("no tensor at all, and no device", () => {
  const line = lineHere() + 1;
  const found = refusal(() => mul(scalar(1), scalar(2)));
  expect(found).toMatchObject({ code: "wrong-argument", line });
  expect(found.message).toBe("scale is called without a tensor, so there is no device to run on");
  expect(found.help).toBe("pass a tensor, or name the device: jit(f, { device })");
});

test("a tensor of another trace, as an argument, as an operand, as a result", async () => {
  const device = await open();
  const x = device.tensor([1]);
  let leaked: TracedTensor | undefined;
  jit((a: TracedTensor) => (leaked = a).add(1))(x);
  const inner = leaked;
  if (inner === undefined) throw new Error("nothing leaked");
  const argument = refusal(() => mul(x, inner as unknown as Tensor));
  expect(argument.message).toBe("argument g of scale is a tensor of a trace, which has no elements");
  expect(refusal(() => jit((a: TracedTensor) => a.add(inner))(x)).message).toMatch(/two traces|has ended/);
  const result = (): unknown => jit((_: TracedTensor) => inner)(x);
  expect(result).toThrow("belongs to another trace");
  // A jitted function inside a traced one.
  const nested = jit(
    (a: TracedTensor) => mul(a as unknown as Tensor, a as unknown as Tensor) as unknown as TracedTensor,
  );
  expect(refusal(() => nested(x))).toMatchObject({
    code: "wrong-argument",
    help: expect.stringMatching(/without jit|name the device/) as string,
  });
});

test("types are for compile()", async () => {
  const device = await open();
  const found = refusal(() => mul(device.tensor([1]), f32(1) as unknown as Tensor));
  expect(found.message).toBe("argument g of scale is a type, which has no elements");
  expect(found.help).toBe("pass a tensor; types are for compile()");
});

test("arguments that cannot be", async () => {
  const device = await open();
  const f = jit((x: TracedTensor, _by: never) => x);
  expect(refusal(() => f(device.tensor([1]), new Map() as never)).message).toBe(
    "argument _by is an instance of Map",
  );
  expect(refusal(() => f(device.tensor([1]), (() => 1) as never)).message).toBe("argument _by is a function");
});

test("a scalar that its dtype does not hold", async () => {
  const device = await open();
  const f = jit((x: TracedTensor, n: TracedTensor) => x.add(n), { name: "f" });
  const x = device.tensor(Int32Array.of(1));
  const line = lineHere() + 1;
  const found = refusal(() => f(x, scalar(0.5, { dtype: "i32" })));
  expect(found).toMatchObject({
    code: "invalid-value",
    message: 'scalar "n" of @f is i32, which 0.5 is not',
    line,
  });
});

test("donate names an argument that there is not", async () => {
  const device = await open();
  const f = jit((x: TracedTensor) => x.add(1), { donate: [1], name: "f" });
  expect(refusal(() => f(device.tensor([1]))).message).toBe("f donates argument 1, but is called with 1");
});

test("bind() wants tensors where the function returns them, of their types, each once", async () => {
  const device = await open();
  const f = jit((x: TracedTensor) => ({ a: [x.add(1)], b: x.add(2) }), { name: "f" });
  const x = device.tensor([1]);
  const t = device.tensor([0]);
  expect(refusal(() => f.bind([x], { a: [], b: t })).message).toBe(
    "bind() was given no tensor for result a.0",
  );
  expect(refusal(() => f.bind([x], { a: [t], b: t })).message).toContain("bound to one tensor");
  expect(refusal(() => f.bind([x], { a: [t], b: device.tensor([1, 2]) }))).toMatchObject({
    code: "shape-mismatch",
    message: 'result "b" of @f is f32[1], but f32[2] was passed',
  });
  const call = f.bind([x], { a: [t], b: device.tensor([0]) });
  t.dispose();
  expect(refusal(() => { call.run(); }).code).toBe("disposed-tensor"); // prettier-ignore
  call.dispose();
  expect(refusal(() => { call.run(); }).message).toBe("a bound call of @f was used after dispose()"); // prettier-ignore
});

test("a batch is not async", async () => {
  const device = await open();
  expect(refusal(() => device.batch(() => Promise.resolve(1))).help).toContain("await reads after batch()");
  expect(device.batch(() => 3)).toBe(3);
});

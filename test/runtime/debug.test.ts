/** With `debug`, what WebGPU refuses is an error at the line of the user that the kernel computes. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { jit, type TracedTensor } from "tensorweft";
import { loadText } from "tensorweft/text";
import { type Diagnostic, TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";
import type { Plan } from "../../src/ir/plan.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { printPlan, readPlan } from "../../src/ir/read-plan.ts";
import { verifyPlan } from "../../src/ir/verify-plan.ts";
import { compileGraph } from "../../src/compile.ts";
import { f32, trace } from "../../src/frontend/trace/trace.ts";
import type { Device } from "../../src/runtime/device.ts";
import { describeGpu } from "../support/gpu.ts";
import { countApi } from "./count-api.ts";
import { rowSharePlan, scalePlan } from "./plans.ts";
import { openForTest } from "./support.ts";

const HERE = import.meta.filename;
const SOURCE = readFileSync(HERE, "utf8");

/** The line of this file that the place is in. */
const quote = ({ span }: Pick<Diagnostic, "span">): string =>
  span?.file === HERE
    ? (SOURCE.split("\n")[span.line - 1] ?? "").trim()
    : `elsewhere: ${span?.file ?? "nowhere"}`;

async function diagnosticOf(act: () => unknown): Promise<Diagnostic> {
  try {
    await act();
  } catch (error) {
    if (error instanceof TensorweftError && error.diagnostics[0] !== undefined) return error.diagnostics[0];
    throw error;
  }
  throw new Error("nothing was thrown");
}

function gpuDeviceOf({ gpuDevice }: Device): GPUDevice {
  if (gpuDevice === null) throw new Error("the device has no GPUDevice");
  return gpuDevice;
}

/** From now on the device gets other WGSL than our compiler wrote, where the text holds `mark`. */
function breakKernels(device: Device, edit: (wgsl: string) => string): void {
  const gpuDevice = gpuDeviceOf(device);
  const create = gpuDevice.createShaderModule.bind(gpuDevice);
  const value = (descriptor: GPUShaderModuleDescriptor): GPUShaderModule =>
    create({ ...descriptor, code: edit(descriptor.code) });
  Object.defineProperty(gpuDevice, "createShaderModule", { value });
}

/** Two kernels: the sums of rows are needed by columns. */
const sums = (x: TracedTensor): TracedTensor => {
  const rows = x.exp().sum({ axis: 1 }); // the first kernel
  return rows.sqrt().sum(); // the second
};

describeGpu("kernels that do not compile", () => {
  test("are located at the traced line, with WebGPU's words", async () => {
    const device = await openForTest({ cache: false });
    breakKernels(device, (wgsl) => (wgsl.includes("exp(") ? wgsl.replace("exp(", "exq(") : wgsl));
    const f = jit((x: TracedTensor) => x.mul(2).exp(), { name: "f", debug: true });
    const x = device.tensor([1, 2]);
    for (const act of [() => f.compile(x), () => f(x).read()]) {
      const found = await diagnosticOf(act);
      expect(found.code).toBe("gpu-error");
      expect(found.message).toMatch(
        /^kernel "[^"]+" does not compile: \d+:\d+: unresolved call target 'exq'/,
      );
      expect(quote(found)).toContain("x.mul(2).exp()");
      expect(found.notes[0]?.message).toMatch(/^the kernel computes \w+\[\w*\]: f32 = exp\(.*x\[/);
      expect(found.notes.at(-1)?.span?.file).toMatch(/\.wgsl$/);
    }
  });

  test("are located in text, and render with their line", async () => {
    const device = await openForTest({ cache: false });
    breakKernels(device, (wgsl) => wgsl.replace(/\b(?:inverseSqrt|sqrt)\(/, "sqr("));
    const source = "kernel norm(x: f32[N, M]) =\n  x / sqrt(sum(x * x, axis=1, keepdims=true))\n";
    const { norm } = loadText(source, { file: "norms.weft", debug: true });
    const found = await diagnosticOf(() => norm?.([device.tensor([3, 4], [1, 2])])[0]?.read());
    expect(found.span).toMatchObject({ file: "norms.weft", line: 2 });
    expect(renderDiagnostics([found], new Map([["norms.weft", source]]))).toMatch(
      /^norms\.weft:2:\d+: error\[gpu-error\]: kernel .* unresolved call target 'sqr'.*\n {2}2 \| {3}x \/ sqrt\(sum\(x \* x, axis=1, keepdims=true\)\)\n/,
    );
  });

  test("without debug are named without a place, as plans then carry none", async () => {
    const device = await openForTest({ cache: false });
    breakKernels(device, (wgsl) => wgsl.replace("exp(", "exq("));
    const found = await diagnosticOf(() => jit((x: TracedTensor) => x.exp())(device.tensor([1])).read());
    expect(found.message).toMatch(/does not compile/);
    expect(found.span).toBeUndefined();
  });
});

describeGpu("steps that WebGPU refuses", () => {
  /** The plan of `sums`, as jit makes it with debug. */
  function planOf(device: Device): Plan {
    const { graph } = trace(sums, [f32(300, 40)], { name: "sums" });
    const { plan } = compileGraph(graph, { profile: device.profile, sources: true });
    expect(plan.kernels.length).toBeGreaterThanOrEqual(2);
    return plan;
  }

  test("a kernel whose array is larger than its binding: the second line is named, not the first", async () => {
    const device = await openForTest();
    const plan = planOf(device);
    const last = plan.kernels.length - 1;
    const kernels = plan.kernels.map((kernel, position) =>
      position === last
        ? { ...kernel, wgsl: kernel.wgsl.replace(/(var<storage, read> \w+: array<.+, )\d+>;/, "$199999>;") }
        : kernel,
    );
    expect(kernels[last]?.wgsl).toContain("99999");
    const program = device.load({ plan: { ...plan, kernels }, debug: true });
    const x = device.tensor(new Float32Array(12_000), [300, 40]);
    const found = await diagnosticOf(() => program.run([x])[0]?.read());
    expect(found.code).toBe("gpu-error");
    expect(found.message).toMatch(
      new RegExp(
        `^running @sums failed in kernel "[^"]+", step ${String(plan.steps.length)} of ${String(plan.steps.length)}: .*inding`,
      ),
    );
    expect(quote(found)).toBe("return rows.sqrt().sum(); // the second");
    expect(found.notes.some(({ message }) => message.startsWith("the kernel computes"))).toBe(true);
    // The same in a batch, among calls that are sound.
    const sound = device.load({ plan, debug: true });
    const [before, broken, after] = device.batch(() => [sound, program, sound].map((one) => one.run([x])[0]));
    expect([...((await before?.read()) ?? [])][0]).toBeCloseTo(300 * Math.sqrt(40), 2);
    expect(quote(await diagnosticOf(() => broken?.read()))).toBe("return rows.sqrt().sum(); // the second");
    expect([...((await after?.read()) ?? [])][0]).toBeCloseTo(300 * Math.sqrt(40), 2);
  });

  test("a binding that does not fit the layout, at the kernel that it was made for", async () => {
    const device = await openForTest();
    const plan = rowSharePlan(4, 4);
    const program = device.load({ plan, debug: true });
    await program.ready;
    const gpuDevice = gpuDeviceOf(device);
    const create = gpuDevice.createBindGroup.bind(gpuDevice);
    const value = (descriptor: GPUBindGroupDescriptor): GPUBindGroup =>
      create(descriptor.label === "divide" ? { ...descriptor, entries: [] } : descriptor);
    Object.defineProperty(gpuDevice, "createBindGroup", { value });
    const x = device.tensor(new Float32Array(16).fill(1), [4, 4]);
    const { message, notes } = await diagnosticOf(() => program.run([x])[0]?.read());
    expect(message).toMatch(
      /^running @rowShare failed in kernel "divide", step 2 of 2: Number of entries \(0\) did not match/,
    );
    expect(notes.map((note) => note.message).join("\n")).toContain("CreateBindGroup");
  });

  test("equal layers that share a kernel: the result that the failing step computes is named", async () => {
    const device = await openForTest();
    const { kernels, outputs, steps, ...rest } = scalePlan({ count: 4 });
    const plan: Plan = {
      ...rest,
      kernels,
      outputs: ["first", "second"].flatMap((name) => outputs.map((tensor) => ({ ...tensor, name }))),
      buffers: [...rest.buffers, { kind: "output", index: 1 }],
      steps: [1, 2].flatMap((output) => steps.map((step) => ({ ...step, buffers: [0, output] }))),
    };
    expect(verifyPlan(plan)).toEqual([]);
    const program = device.load({ plan, debug: true });
    await program.ready;
    const gpuDevice = gpuDeviceOf(device);
    const create = gpuDevice.createBindGroup.bind(gpuDevice);
    let made = 0;
    const value = (descriptor: GPUBindGroupDescriptor): GPUBindGroup =>
      create(made++ === 1 ? { ...descriptor, entries: [] } : descriptor);
    Object.defineProperty(gpuDevice, "createBindGroup", { value });
    const { message } = await diagnosticOf(() =>
      program.run([device.tensor([1, 2, 3, 4])], { factor: 2 })[1]?.read(),
    );
    expect(message).toMatch(
      /^running @scale failed in kernel "scale" for "second", which 2 steps share, step 2 of 2: Number of entries/,
    );
  });

  test("calls that are sound give what they give without debug, in a submit for each step", async () => {
    const device = await openForTest();
    const f = jit(sums, { debug: true });
    const plain = jit(sums);
    const x = device.tensor(
      Float32Array.from({ length: 12_000 }, (_, i) => (i % 7) - 3),
      [300, 40],
    );
    const scaled = device.load({ plan: scalePlan({ count: 4 }), debug: true });
    await Promise.all([f.compile(x), plain.compile(x), scaled.ready]);
    const { plan } = compileGraph(trace(sums, [f32(300, 40)]).graph, { profile: device.profile });
    const api = countApi(gpuDeviceOf(device));
    const y = f(x);
    expect(api.counts()["submit"]).toBe(plan.steps.length);
    expect(await y.read()).toEqual(await plain(x).read());
    const four = device.tensor([1, 2, 3, 4]);
    const results = device.batch(() => [2, 3, 4].map((factor) => scaled.run([four], { factor })[0]));
    expect(await Promise.all(results.map(async (r) => await r?.read()))).toEqual(
      [2, 3, 4].map((factor) => Float32Array.of(factor, 2 * factor, 3 * factor, 4 * factor)),
    );
  });

  test("dynamic dimensions are located as well", async () => {
    const device = await openForTest({ cache: false });
    breakKernels(device, (wgsl) => wgsl.replace("exp(", "exq("));
    const f = jit((x: TracedTensor) => x.exp(), { dynamic: { x: [0] }, debug: true });
    const found = await diagnosticOf(() => f(device.tensor(new Float32Array(64), [16, 4])).read());
    expect(quote(found)).toContain("x.exp()");
  });
});

test("plans that carry their sources are read back with them, and are sound", () => {
  const { graph } = trace(sums, [f32(3, 4)], { name: "sums" });
  const profile = findProfile("default");
  if (profile === undefined) throw new Error("no default profile");
  const plain = compileGraph(graph, { profile }).plan;
  const { plan } = compileGraph(graph, { profile, sources: true });
  expect(verifyPlan(plan)).toEqual([]);
  expect(readPlan(printPlan(plan))).toEqual(plan);
  const sources = plan.steps.flatMap((step) => (step.kind === "dispatch" ? (step.sources ?? []) : []));
  expect(sources.map(({ span }) => quote({ span }))).toContain(
    "const rows = x.exp().sum({ axis: 1 }); // the first kernel",
  );
  expect(readPlan(printPlan(plan).replace('"line":', '"row":'))).toBeNull();
  // Nothing else differs.
  const without = { ...plan, steps: plan.steps.map((step) => ({ ...step, sources: undefined })) };
  expect(JSON.parse(JSON.stringify(without))).toEqual(JSON.parse(JSON.stringify(plain)));
});

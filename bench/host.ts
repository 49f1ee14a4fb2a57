/**
 * What a warm call costs the host, beside the same calls of WebGPU made by hand. Dawn's null backend runs nothing, so that
 * all that is left is the API, its validation, and us.
 *
 *     npm run bench -- host [--rounds N]
 *
 * The cases are interleaved: each round takes a short sample of every one, and the table shows medians of the rounds and of
 * each round's difference to the raw calls. Short samples, because on a busy machine long ones measure the scheduler.
 */
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { compileGraph, type Device, f32, jit, openDevice, scalar, type Tensor, trace } from "tensorweft";
import { median } from "../src/runtime/statistics.ts";
import { printTable } from "../src/cli/print-table.ts";
import { BUFFER_USAGE } from "../src/runtime/gpu-flags.ts";

const ROUNDS = 1500;
/** Not counted: the first rounds run before the engine has optimised anything. */
const WARM_ROUNDS = 200;
const SINGLE_CALLS = 16;
const BATCH = 64;
const ELEMENTS = 1024;
/** Microseconds that a single call may take beyond the raw calls, and that a call in a batch may take in all. */
const OVERHEAD_GOAL_US = 5;
const BATCHED_GOAL_US = 10;

interface Case {
  readonly name: string;
  readonly calls: number;
  /** Makes all `calls`. */
  readonly run: () => void;
  /** Position of the case that makes the same calls by hand. */
  readonly raw: number;
  readonly goal?: { readonly of: "overhead" | "total"; readonly us: number };
}

/** The kernel of x * 2 + 1, as the compiler makes it, called by hand. */
async function prepareRaw(device: Device, gpu: GPUDevice): Promise<(calls: number) => void> {
  const { graph } = trace((x) => x.mul(2).add(1), [f32(ELEMENTS)]);
  const { plan } = compileGraph(graph, { profile: device.profile });
  const [kernel, step] = [plan.kernels[0], plan.steps[0]];
  if (kernel === undefined || step?.kind !== "dispatch") throw new Error("the plan has no kernel");
  const pipeline = await gpu.createComputePipelineAsync({
    layout: "auto",
    compute: { module: gpu.createShaderModule({ code: kernel.wgsl }), entryPoint: kernel.entryPoint },
  });
  const { storage, copySrc, copyDst } = BUFFER_USAGE;
  const group = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: kernel.bindings.map(({ bytes }, binding) => ({
      binding,
      resource: { buffer: gpu.createBuffer({ size: bytes, usage: storage | copySrc | copyDst }) },
    })),
  });
  return (calls) => {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    for (let call = 0; call < calls; call++) {
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...step.workgroups);
    }
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  };
}

const repeat = (calls: number, act: (call: number) => void): void => {
  for (let call = 0; call < calls; call++) act(call);
};

async function prepareCases(device: Device, gpu: GPUDevice): Promise<readonly Case[]> {
  const raw = await prepareRaw(device, gpu);
  const fixed = jit((x) => x.mul(2).add(1), { name: "fixed" });
  const scaled = jit((x, by) => x.mul(by).add(1), { name: "scaled" });
  const x = device.tensor(new Float32Array(ELEMENTS));
  await Promise.all([fixed.compile(x), scaled.compile(x, scalar(1))]);
  const bound = fixed.bind([x], device.tensor(new Float32Array(ELEMENTS)));
  const batched = (call: (position: number) => Tensor): void => {
    const results: Tensor[] = [];
    device.batch(() => {
      repeat(BATCH, (position) => results.push(call(position)));
    });
    for (const result of results) result.dispose();
  };
  const overhead = { of: "overhead", us: OVERHEAD_GOAL_US } as const;
  const total = { of: "total", us: BATCHED_GOAL_US } as const;
  const single = (name: string, act: (call: number) => void): Case => ({
    name,
    calls: SINGLE_CALLS,
    run: () => repeat(SINGLE_CALLS, act),
    raw: 0,
    goal: overhead,
  });
  const batch = (name: string, run: () => void): Case => ({ name, calls: BATCH, run, raw: 1, goal: total });
  return [
    { name: "raw calls", calls: SINGLE_CALLS, run: () => repeat(SINGLE_CALLS, () => raw(1)), raw: 0 },
    { name: `${BATCH} raw calls in a pass`, calls: BATCH, run: () => raw(BATCH), raw: 1 },
    single("f(x)", () => fixed(x).dispose()),
    single("f(x, scalar(a)), a as before", () => scaled(x, scalar(1)).dispose()),
    single("f(x, scalar(a)), a new", (call) => scaled(x, scalar(call)).dispose()),
    single("bound call", () => bound.run()),
    batch(`${BATCH} f(x) in a batch`, () => batched(() => fixed(x))),
    batch(`${BATCH} f(x, scalar(a)), a new`, () => batched((call) => scaled(x, scalar(call)))),
    batch(`${BATCH} bound calls`, () => device.batch(() => repeat(BATCH, () => bound.run()))),
  ];
}

/** Microseconds per call of each case, by round. */
async function sampleCases(
  cases: readonly Case[],
  rounds: number,
  gpu: GPUDevice,
): Promise<readonly (readonly number[])[]> {
  const times = cases.map((): number[] => []);
  for (let round = -WARM_ROUNDS; round < rounds; round++) {
    for (const [index, { calls, run }] of cases.entries()) {
      const start = performance.now();
      run();
      const us = ((performance.now() - start) * 1000) / calls;
      if (round >= 0) times[index]?.push(us);
    }
    // Lets Dawn forget the submits that are done.
    if (round % 50 === 0) await gpu.queue.onSubmittedWorkDone();
  }
  return times;
}

/** Runs the benchmark; the exit status is 1 where a goal was missed. */
export async function runHostBenchmark(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: { rounds: { type: "string", default: String(ROUNDS) } },
  });
  using device = await openDevice({ backend: "webgpu", dawnOptions: ["backend=null"] });
  const { gpuDevice } = device;
  if (gpuDevice === null) throw new Error("the null backend gave no GPUDevice");
  const cases = await prepareCases(device, gpuDevice);
  const times = await sampleCases(cases, Math.max(1, Number(values.rounds)), gpuDevice);
  const results = cases.map(({ name, raw, goal }, index) => {
    const own = times[index] ?? [];
    const total = median(own);
    const overhead = median(own.map((us, round) => us - (times[raw]?.[round] ?? Number.NaN)));
    const isMet = goal === undefined || (goal.of === "total" ? total : overhead) <= goal.us;
    const aim = goal === undefined ? "" : `${goal.of} <= ${goal.us} us`;
    return {
      isMet,
      row: [name, total.toFixed(2), overhead.toFixed(2), aim, isMet ? "" : "MISSED"],
    };
  });
  const lines = printTable(
    [
      { title: "case" },
      { title: "us per call", align: "right" },
      { title: "over raw", align: "right" },
      { title: "goal" },
      { title: "" },
    ],
    results.map(({ row }) => row),
  );
  console.log(lines.join("\n"));
  return results.every(({ isMet }) => isMet) ? 0 : 1;
}

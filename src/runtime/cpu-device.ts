/**
 * The CPU device: the same programs, evaluated by the interpreter that defines what graphs mean. Slow and right. Calls
 * are done when they return, and results are rounded to their dtype as they are when stored on a GPU.
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { CompilerBug, errorAt, fail, TensorweftError } from "../diagnostics/diagnostic.ts";
import { type DType, printType } from "../ir/dtype.ts";
import type { Graph, ParamNode, ScalarNode } from "../ir/graph.ts";
import { type InputData, interpretGraph } from "../ir/interpret-graph.ts";
import type { PlanTensor } from "../ir/plan.ts";
import { type DeviceProfile, findProfile } from "../ir/profile.ts";
import { bindScalars, checkInputs, checkOutputs, refusePromise, type Signature } from "./call-arguments.ts";
import { newCounters } from "./counters.ts";
import type {
  BoundCall,
  Device,
  DeviceCounters,
  LoadedProgram,
  MemoryInfo,
  Program,
  RunOptions,
  Tensor,
  TensorData,
  TensorOptions,
  TypedArray,
} from "./device.ts";
import { deviceDisposed, disposedCall, disposedTensor } from "./runtime-errors.ts";
import { decodeNumbers, encodeData, encodeNumbers, type HostTensor, presentData } from "./tensor-data.ts";
import { TuningTable } from "./tuning-table.ts";

/** Memory that tensors hold, shared by the device and the registry of collected tensors. */
interface Usage {
  tensors: number;
  bytes: number;
}

/** The elements, apart from the tensor so that the tensor can be collected. */
interface Holding {
  readonly usage: Usage;
  readonly bytes: number;
  data: HostTensor["data"] | null;
}

function letGo(holding: Holding): void {
  if (holding.data === null) return;
  holding.data = null;
  holding.usage.tensors -= 1;
  holding.usage.bytes -= holding.bytes;
}

class CpuTensor implements Tensor {
  readonly device: Device;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly label: string;
  readonly #owner: CpuDevice;
  readonly #holding: Holding;

  constructor(owner: CpuDevice, host: HostTensor, label: string, holding: Holding) {
    this.device = owner;
    this.#owner = owner;
    this.dtype = host.dtype;
    this.shape = host.shape;
    this.label = label;
    this.#holding = holding;
  }

  get disposed(): boolean {
    return this.#holding.data === null;
  }

  get host(): HostTensor {
    const { data } = this.#holding;
    if (data === null) throw disposedTensor(this.label);
    return { dtype: this.dtype, shape: this.shape, data };
  }

  // Async so that mistakes reject, as they do on a GPU.
  async read(): Promise<TypedArray> {
    const { host } = this;
    this.#owner.throwIfDisposed();
    return await Promise.resolve(presentData(this.dtype, host.data.slice()));
  }

  /** Takes over the elements of a result of its type. */
  fill(data: HostTensor["data"]): void {
    this.#holding.data = data;
  }

  readonly byteOffset = 0;

  gpuBuffer(): Promise<GPUBuffer> {
    return Promise.reject(noGpu("tensors of the CPU device have no GPU buffer"));
  }

  takeGpuBuffer(): Promise<GPUBuffer> {
    return this.gpuBuffer();
  }

  dispose(): void {
    letGo(this.#holding);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

class CpuProgram implements LoadedProgram {
  readonly device: Device;
  readonly ready: Promise<void> = Promise.resolve();
  readonly #owner: CpuDevice;
  readonly #graph: Graph;
  readonly #signature: Signature;

  constructor(owner: CpuDevice, graph: Graph) {
    this.device = owner;
    this.#owner = owner;
    this.#graph = graph;
    this.#signature = signatureOf(graph);
  }

  run(
    inputs: readonly Tensor[],
    scalars: Readonly<Record<string, number>> = {},
    { donate = [] }: RunOptions = {},
  ): Tensor[] {
    const { name } = this.#signature;
    const results = this.#evaluate(inputs, scalars);
    for (const position of donate) inputs[position]?.dispose();
    return results.map(({ name: result, host }) =>
      this.#owner.adopt(host, `result "${result}" of @${name}, ${printType(host)}`),
    );
  }

  bind(
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    scalars: Readonly<Record<string, number>> = {},
  ): BoundCall {
    const signature = { name: this.#signature.name, outputs: this.#outputs };
    checkInputs(this.#signature, this.device, inputs);
    checkOutputs(signature, this.device, outputs);
    if (new Set(outputs).size < outputs.length)
      fail("wrong-argument", `two results of @${signature.name} are bound to one tensor`, {
        span: captureCallSite(),
        help: "bind each result to a tensor of its own",
      });
    let values = scalars;
    bindScalars(this.#signature, values);
    return new BoundCpuCall(signature.name, (given) => {
      checkOutputs(signature, this.device, outputs);
      values = { ...values, ...given };
      for (const [index, { host }] of this.#evaluate(inputs, values).entries()) {
        const output = outputs[index];
        if (output instanceof CpuTensor) output.fill(host.data);
      }
    });
  }

  /** There is nothing that programs share. */
  release(): void {
    return;
  }

  #evaluate(
    inputs: readonly Tensor[],
    scalars: Readonly<Record<string, number>>,
  ): readonly { readonly name: string; readonly host: HostTensor }[] {
    this.#owner.throwIfDisposed();
    const { name, inputs: params, scalars: wanted } = this.#signature;
    checkInputs(this.#signature, this.device, inputs);
    const given = new Map<string, InputData>();
    for (const [index, value] of bindScalars(this.#signature, scalars).entries())
      given.set(wanted[index]?.name ?? "", value);
    for (const [index, input] of inputs.entries())
      if (input instanceof CpuTensor) given.set(params[index]?.name ?? "", numbersOf(input.host));
    const results = interpretGraph(this.#graph, given);
    return this.#graph.results.map((result) => {
      const output = results.get(result.name);
      if (output === undefined) throw new CompilerBug(`@${name} gave no result "${result.name}"`, []);
      const { dtype, shape } = output.type;
      return { name: result.name, host: { dtype, shape, data: encodeNumbers(output.values, dtype) } };
    });
  }

  get #outputs(): readonly PlanTensor[] {
    return this.#graph.results.flatMap(({ name, node }) => {
      const type = this.#graph.nodes[node]?.type;
      return type === undefined ? [] : [{ name, ...type }];
    });
  }
}

class BoundCpuCall implements BoundCall {
  readonly #program: string;
  #evaluate: ((scalars: Readonly<Record<string, number>>) => void) | null;

  constructor(program: string, evaluate: (scalars: Readonly<Record<string, number>>) => void) {
    this.#program = program;
    this.#evaluate = evaluate;
  }

  run(scalars: Readonly<Record<string, number>> = {}): void {
    if (this.#evaluate === null) throw disposedCall(this.#program);
    this.#evaluate(scalars);
  }

  dispose(): void {
    this.#evaluate = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Numbers for the interpreter, which takes 32-bit arrays as they are. */
const numbersOf = (host: HostTensor): ArrayLike<number> =>
  host.dtype === "f16" || host.dtype === "bf16" ? decodeNumbers(host) : host.data;

function signatureOf(graph: Graph): Signature {
  const params = graph.nodes.filter((node): node is ParamNode => node.op === "param");
  const scalars = graph.nodes.filter((node): node is ScalarNode => node.op === "scalar");
  return {
    name: graph.name,
    inputs: params.map(({ name, type }) => ({ name, ...type })),
    scalars: scalars.map(({ name, type, default: value }) => {
      const { dtype } = type;
      if (dtype === "f16" || dtype === "bf16")
        throw new CompilerBug(`scalar "${name}" of @${graph.name} is ${dtype}`, []);
      return { name, dtype, default: value };
    }),
  };
}

const noGpu = (message: string): TensorweftError =>
  new TensorweftError([
    errorAt("no-adapter", message, { help: 'open a device with backend "webgpu"', span: captureCallSite() }),
  ]);

export class CpuDevice implements Device {
  readonly backend = "cpu";
  readonly tuning = new TuningTable("cpu");
  readonly profile: DeviceProfile = cpuProfile();
  readonly counters: DeviceCounters = newCounters();
  readonly gpuDevice = null;
  /** Graphs are interpreted: there is no plan to keep. */
  readonly cache = null;
  readonly prewarmed = Promise.resolve(0);
  readonly #usage: Usage = { tensors: 0, bytes: 0 };
  readonly #collected = new FinalizationRegistry<Holding>(letGo);
  readonly #lost = Promise.withResolvers<TensorweftError>();
  #disposed = false;

  tensor(data: TensorData, shape?: readonly number[], options?: TensorOptions): Tensor {
    this.throwIfDisposed();
    const host = encodeData(data, shape, options);
    return this.adopt(host, `tensor ${printType(host)}`);
  }

  wrap(): Tensor {
    throw noGpu("the CPU device cannot wrap a GPU buffer");
  }

  load(program: Program): LoadedProgram {
    this.throwIfDisposed();
    if (program.graph === undefined)
      fail(
        "no-adapter",
        `@${program.plan?.name ?? "?"} was compiled for WebGPU only, and this device is the CPU`,
        {
          span: captureCallSite(),
          help: "write it out together with its graph, or run where there is a WebGPU adapter",
        },
      );
    return new CpuProgram(this, program.graph);
  }

  /** Calls are done when they return: there is nothing to gather. */
  batch<R>(calls: () => R): R {
    this.throwIfDisposed();
    return refusePromise(calls());
  }

  memory(): MemoryInfo {
    const { tensors, bytes } = this.#usage;
    return { tensors, buffers: tensors, bytes, pooledBytes: 0, kernels: 0 };
  }

  /** There is nothing idle to free. */
  trim(): void {
    return;
  }

  get lost(): Promise<TensorweftError> {
    return this.#lost.promise;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#lost.resolve(deviceDisposed());
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  throwIfDisposed(): void {
    if (this.#disposed) throw deviceDisposed();
  }

  /** A tensor that takes over the elements. */
  adopt(host: HostTensor, label: string): Tensor {
    const holding: Holding = { usage: this.#usage, bytes: host.data.byteLength, data: host.data };
    this.#usage.tensors += 1;
    this.#usage.bytes += holding.bytes;
    const tensor = new CpuTensor(this, host, label, holding);
    this.#collected.register(tensor, holding);
    return tensor;
  }
}

function cpuProfile(): DeviceProfile {
  const base = findProfile("default");
  if (base === undefined) throw new CompilerBug('the built-in profile "default" is missing', []);
  return { ...base, name: "cpu", software: true };
}

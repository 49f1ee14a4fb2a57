/**
 * Agreement of every stage with the oracle: the graph after each pass, index notation after each pass, the kernels under
 * the kernel interpreter, and a device. Texts are parsed back on the way, so printers and parsers are held to it too.
 */
import { compileGraph, type Compiled, type CompiledKernel, type CompileOptions } from "../../src/compile.ts";
import { type DType, elementCount, isFloat, storageBytes } from "../../src/ir/dtype.ts";
import { nodeAt } from "../../src/ir/graph.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretGraph, type OutputData } from "../../src/ir/interpret-graph.ts";
import { interpretIndexProgram } from "../../src/ir/interpret-index.ts";
import { interpretKernel } from "../../src/ir/interpret-kernel.ts";
import type { Plan } from "../../src/ir/plan.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { parseIndexProgram } from "../../src/ir/parse-index.ts";
import { printGraph } from "../../src/ir/print-graph.ts";
import { printIndexProgram } from "../../src/ir/print-index.ts";
import { fromBf16Bits, fromF16Bits } from "../../src/ir/round.ts";
import { partScalars } from "../../src/lower/split-kernel.ts";
import { nameInputs } from "../../src/passes/index/name-inputs.ts";
import type { Device, Tensor } from "../../src/runtime/device.ts";
import { compareToOracle } from "./compare-to-oracle.ts";
import { driverMayFold, driverMayMergeConstants } from "./driver-may-fold.ts";
import type { RandomProgram } from "./random-graph.ts";

export interface ProgramCheck {
  /** What disagreed, empty when all is well. */
  readonly failures: readonly string[];
  /** Elements that were compared on the last stage, and those that the oracle says nothing about. */
  readonly compared: number;
  readonly excluded: number;
  readonly kernels: number;
}

export interface ProgramCheckOptions extends Omit<CompileOptions, "check" | "dump"> {
  /** Also run on this device; the profile should be its own. */
  readonly device?: Device | undefined;
  /** Also run under the kernel interpreter (slow). Default true. */
  readonly interpretKernels?: boolean;
  /** Also interpret what each pass leaves. Default true; pointless for a program whose schedules alone differ. */
  readonly interpretStages?: boolean;
}

export async function checkProgram(
  program: RandomProgram,
  options: ProgramCheckOptions,
): Promise<ProgramCheck> {
  const { graph, inputs } = program;
  const oracle = interpretGraph(graph, inputs, { bounds: true });
  const tally = { failures: [] as string[], compared: 0, excluded: 0, kernels: 0 };
  const stages: { name: string; text: string }[] = [];
  let compiled: Compiled;
  try {
    compiled = compileGraph(graph, {
      ...options,
      check: true,
      dump: options.interpretStages === false ? undefined : (name, text) => stages.push({ name, text }),
    });
  } catch (error) {
    return { ...tally, failures: [`compile: ${String(error)}`] };
  }
  for (const { name, text } of stages) {
    const results = text.startsWith("func")
      ? runGraphText(name, text, inputs, tally.failures)
      : runIndexText(name, text, graph, inputs, tally.failures);
    judge(name, results, oracle, tally);
  }
  if (options.interpretKernels !== false)
    judge("kernels", runKernels(compiled, graph, inputs), oracle, tally);
  if (options.device !== undefined) {
    tally.compared = tally.excluded = 0;
    const results = await runOnDevice(options.device, compiled, graph, inputs);
    judge("device", results, oracle, tally, {
      excuseNonFinite: driverMayFold(compiled.graph),
      excuseFinite: driverMayMergeConstants(compiled.graph),
    });
  }
  return { ...tally, kernels: compiled.kernels.length };
}

export type Results = ReadonlyMap<string, ArrayLike<number>>;

export interface Tally {
  readonly failures: string[];
  /** Elements, and those of them that the oracle says nothing about. */
  compared: number;
  excluded: number;
}
interface JudgeOptions {
  /**
   * A number may stand where the oracle has nan or infinity (driver-may-fold.ts). Positions and truths that come of it are
   * numbers, too: results that are no floats are not compared.
   */
  readonly excuseNonFinite?: boolean;
  /** Rounding may be that of merged constants: finite numbers are not compared. */
  readonly excuseFinite?: boolean;
}

export function judge(
  stage: string,
  results: Results,
  oracle: ReadonlyMap<string, OutputData>,
  tally: Tally,
  options: JudgeOptions = {},
): void {
  for (const [name, expected] of oracle) {
    const actual = results.get(name);
    if (actual === undefined) {
      tally.failures.push(`${stage}: no result ${name}`);
      continue;
    }
    const { mismatches, excluded } = compareToOracle(actual, expected, expected.values.length);
    tally.compared += expected.values.length;
    tally.excluded +=
      options.excuseFinite === true ? expected.values.length : excluded * expected.values.length;
    const followsFold = options.excuseNonFinite === true && !isFloat(expected.type.dtype);
    const guilty = mismatches.filter((m) =>
      Number.isFinite(m.want)
        ? options.excuseFinite !== true && !followsFold
        : options.excuseNonFinite !== true,
    );
    for (const m of guilty.slice(0, 4)) {
      tally.failures.push(
        `${stage}: ${name}[${String(m.index)}] is ${String(m.got)}, expected ${String(m.want)} within ${String(m.bound)}`,
      );
    }
  }
}

export type Inputs = ReadonlyMap<string, Float64Array>;

function runGraphText(name: string, text: string, inputs: Inputs, failures: string[]): Results {
  const graph = parseGraph(text);
  if (printGraph(graph) !== text) failures.push(`${name}: text does not parse back to itself`);
  return new Map([...interpretGraph(graph, inputs)].map(([result, { values }]) => [result, values]));
}

function runIndexText(name: string, text: string, graph: Graph, inputs: Inputs, failures: string[]): Results {
  const index = parseIndexProgram(text);
  if (printIndexProgram(index) !== text)
    failures.push(`${name}: text does not parse back to itself:\n${text}\n${printIndexProgram(index)}`);
  return byResultName(graph, interpretIndexProgram(index, renameInputs(graph, inputs)));
}

/** Inputs under the names that index notation and kernels have for them. */
const renameInputs = (graph: Graph, inputs: Inputs): Inputs =>
  new Map(
    [...nameInputs(graph)].flatMap(([id, name]) => {
      const node = nodeAt(graph, id);
      const values = node.op === "param" || node.op === "scalar" ? inputs.get(node.name) : undefined;
      return values === undefined ? [] : [[name, values] as const];
    }),
  );

const byResultName = (graph: Graph, tensors: ReadonlyMap<string, ArrayLike<number>>): Results =>
  new Map(graph.results.map((r, i) => [r.name, tensors.get(`out${String(i)}`) ?? []]));

function runKernels(compiled: Compiled, graph: Graph, inputs: Inputs): Results {
  const { program } = compiled.grouped;
  const renamed = renameInputs(graph, inputs);
  const buffers = new Map<string, Float64Array>();
  for (const tensor of program.tensors) {
    const given = renamed.get(tensor.name);
    buffers.set(
      tensor.name,
      given === undefined ? new Float64Array(elementCount(tensor.shape)) : Float64Array.from(given),
    );
  }
  const scalars = new Map(program.scalars.map((s) => [s.name, renamed.get(s.name)?.[0] ?? s.default ?? 0]));
  for (const kernel of compiled.kernels) runDispatches(kernel, buffers, scalars);
  return byResultName(graph, buffers);
}

/** Every dispatch of a kernel: all of it, or its parts, each over its windows of the large buffers. */
function runDispatches(
  { kernel, dispatched, parts }: CompiledKernel,
  buffers: Map<string, Float64Array>,
  scalars: ReadonlyMap<string, number>,
): void {
  for (const part of parts?.parts ?? []) {
    const bound = new Map(buffers);
    for (const [i, { binding, elements }] of (parts?.windows ?? []).entries()) {
      const bytes = storageBytes(kernel.bindings.find(({ name }) => name === binding)?.dtype ?? "f32");
      const whole = buffers.get(binding) ?? new Float64Array(0);
      const start = (part.offsets[i] ?? 0) / bytes;
      // Buffers are padded to whole vectors, the arrays here are not.
      const window = new Float64Array(elements);
      window.set(whole.subarray(start, start + elements));
      bound.set(binding, window);
    }
    const own = dispatched.scalars.slice(kernel.scalars.length);
    const values = new Map([
      ...scalars,
      ...own.map(({ name }, i) => [name, partScalars(part)[i] ?? 0] as const),
    ]);
    const workgroups = [part.count, 1, 1] as const;
    interpretKernel({ ...dispatched, workgroupCount: part.count, workgroups }, bound, values);
    for (const [i, { binding }] of (parts?.windows ?? []).entries()) {
      const bytes = storageBytes(kernel.bindings.find(({ name }) => name === binding)?.dtype ?? "f32");
      const whole = buffers.get(binding) ?? new Float64Array(0);
      const start = (part.offsets[i] ?? 0) / bytes;
      const window = bound.get(binding) ?? new Float64Array(0);
      whole.set(window.subarray(0, whole.length - start), start);
    }
  }
  if (parts === undefined) interpretKernel(kernel, buffers, scalars);
}

export const runOnDevice = (
  device: Device,
  compiled: Compiled,
  graph: Graph,
  inputs: Inputs,
): Promise<Results> => runPlanOnDevice(device, compiled.plan, graph, inputs);

export async function runPlanOnDevice(
  device: Device,
  plan: Plan,
  graph: Graph,
  inputs: Inputs,
): Promise<Results> {
  const given = (name: string): Float64Array => inputs.get(name) ?? new Float64Array(1);
  const tensors = plan.inputs.map((t) => device.tensor([...given(t.name)], t.shape, { dtype: t.dtype }));
  const scalars = Object.fromEntries(plan.scalars.map((s) => [s.name, given(s.name)[0] ?? 0]));
  let results: Tensor[] = [];
  try {
    results = device.load({ plan, graph }).run(tensors, scalars);
    const data = await Promise.all(results.map((r) => r.read()));
    return new Map(graph.results.map((r, i) => [r.name, numbersOf(results[i]?.dtype, data[i] ?? [])]));
  } finally {
    for (const tensor of [...tensors, ...results]) tensor.dispose();
  }
}

/** bf16 comes as words always, f16 where the language has no Float16Array. */
function numbersOf(dtype: DType | undefined, data: ArrayLike<number>): ArrayLike<number> {
  if (!(data instanceof Uint16Array)) return data;
  return Float64Array.from(data, dtype === "bf16" ? fromBf16Bits : fromF16Bits);
}

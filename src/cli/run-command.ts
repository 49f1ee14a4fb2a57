/**
 * `weft run`: a kernel of a text program on tensors of safetensors files.
 *
 * Ensures: nothing is computed before all inputs are bound, and nothing written before all results are there; the output
 * file appears whole or not at all.
 */
import { realpath } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { fail } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import { fileDType } from "../formats/safetensors-dtype.ts";
import { readTensor, type SafetensorsTensor } from "../formats/safetensors.ts";
import { type Device, openDevice, type Tensor } from "../index.ts";
import { type DType, printType } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import { loadGraph } from "../program-cache.ts";
import type { KernelInfo } from "../text.ts";
import { bindTensors, type BoundTensor } from "./bind-tensors.ts";
import type { Pairs } from "./parse-options.ts";
import { printTable } from "./print-table.ts";
import { type OpenTensorFile, openTensorFile, writeTensorFile } from "./tensor-files.ts";
import { decodeElements, encodeElements, normOf, toNumbers } from "./tensor-values.ts";
import type { Session } from "./terminal.ts";
import { chooseKernel, instantiate, readProgram } from "./text-program.ts";

export interface RunOptions {
  readonly kernel?: string;
  readonly in: readonly string[];
  readonly bind?: Pairs;
  readonly out?: string;
  readonly set?: ReadonlyMap<string, number>;
  readonly dtype?: DType;
  readonly device: "auto" | "webgpu" | "cpu";
}

interface Result {
  readonly name: string;
  readonly tensor: SafetensorsTensor;
  /** What is printed of it. */
  readonly row: readonly string[];
}

/** Runs the command. */
export async function runKernel(path: string, options: RunOptions, session: Session): Promise<void> {
  await refuseOverwriting(options);
  const module = await readProgram(path, session);
  const kernel = chooseKernel(module, options.kernel);
  const files: OpenTensorFile[] = [];
  let results: readonly Result[];
  try {
    for (const file of options.in) files.push(await openTensorFile(file));
    const bound = bindTensors(
      kernel,
      options.bind ?? new Map<string, string>(),
      files.map(({ opened }) => opened),
    );
    const shapes = Object.fromEntries(bound.map(({ param, shape, dtype }) => [param, { shape, dtype }]));
    const graph = instantiate(module, kernel, shapes, options.dtype, session);
    results = await runGraph(graph, kernel, bound, options, session);
  } finally {
    for (const file of files) await file.close();
  }
  if (options.out !== undefined)
    await writeTensorFile(options.out, new Map(results.map(({ name, tensor }) => [name, tensor])));
  const columns = ["result", "type", "norm", "time", "device"].map((title) => ({ title }));
  session.terminal.write(
    `${printTable(
      columns,
      results.map(({ row }) => row),
    ).join("\n")}\n`,
  );
  if (options.out !== undefined) session.terminal.write(`written to ${options.out}\n`);
}

/** The results would replace a checkpoint that holds far more. */
async function refuseOverwriting({ in: inputs, out }: RunOptions): Promise<void> {
  if (out === undefined) return;
  const resolve = (path: string): Promise<string> => realpath(path).catch(() => path);
  const target = await resolve(out);
  for (const input of inputs)
    if ((await resolve(input)) === target)
      fail("wrong-argument", `--out would replace the input ${input} by the results alone`, {
        help: "pass another file with --out",
      });
}

async function runGraph(
  graph: Graph,
  kernel: KernelInfo,
  bound: readonly BoundTensor[],
  options: RunOptions,
  session: Session,
): Promise<readonly Result[]> {
  const scalars = checkScalars(kernel, options.set ?? new Map<string, number>());
  const device = await openDevice({
    backend: options.device,
    warn: (message) => session.terminal.writeError(`${message}\n`),
  });
  try {
    const program = loadGraph(device, graph);
    const inputs = await uploadInputs(device, bound);
    await program.ready;
    const start = performance.now();
    const outputs = program.run(inputs, scalars);
    const read = await Promise.all(outputs.map((output) => output.read()));
    const time = `${(performance.now() - start).toFixed(1)} ms`;
    return outputs.map((output, index): Result => {
      const name = graph.results[index]?.name ?? "";
      const data = read[index] ?? new Uint8Array();
      const norm = normOf(toNumbers(output.dtype, data)).toPrecision(6);
      return {
        name,
        tensor: { dtype: fileDType(output.dtype), shape: output.shape, bytes: encodeElements(data) },
        row: [name, printType(output), norm, time, nameOf(device)],
      };
    });
  } finally {
    device.dispose();
  }
}

const nameOf = ({ backend, profile }: Device): string =>
  backend === "cpu" ? "cpu" : `${backend} (${profile.name})`;

/** One tensor is on the host at a time, however large the checkpoint. */
async function uploadInputs(device: Device, bound: readonly BoundTensor[]): Promise<readonly Tensor[]> {
  const inputs: Tensor[] = [];
  for (const { file, tensor, dtype, shape } of bound) {
    const { bytes } = await readTensor(file, tensor);
    inputs.push(device.tensor(decodeElements(dtype, bytes), shape, { dtype }));
  }
  return inputs;
}

/** Said here and not by the runtime, because the way out is an option of the command. */
function checkScalars(
  kernel: KernelInfo,
  given: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const scalars = kernel.params.filter(({ kind }) => kind === "scalar");
  const names = scalars.map(({ name }) => name);
  for (const name of given.keys())
    if (!names.includes(name))
      fail("unknown-argument", `kernel ${kernel.name} has no scalar ${name}`, {
        help:
          didYouMean(name, names) ??
          (names.length === 0 ? "leave --set out" : `its scalars are ${names.join(", ")}`),
      });
  for (const { name, hasDefault } of scalars)
    if (!hasDefault && !given.has(name))
      fail("wrong-argument", `scalar ${name} of kernel ${kernel.name} has no value`, {
        help: `pass --set ${name}=NUMBER`,
      });
  return Object.fromEntries(given);
}

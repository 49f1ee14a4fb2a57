/**
 * `npm run demo`: folds the weight norm of a whole HiFi-GAN v1 generator, g * v / norm(v), into plain weights.
 *
 * The checkpoint is made once (random, seeded) in demo-output/, where the folded weights go too. The formula is compiled
 * once per distinct shape, every layer runs on the device, and each element is held to the float64 oracle's bound on a
 * correct f32 evaluation. Then `weft fold` folds the same checkpoint in f32, f16 and bf16, within 1 ulp of the exact weights and
 * in bounded memory. The status is 1 when an element lies outside.
 */
import { mkdir } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { stderr } from "node:process";
import { fileURLToPath } from "node:url";
import { SingleBar } from "cli-progress";
import { compileGraph, type Device, type LoadedProgram, openDevice } from "tensorweft";
import { lowerKernel, parseModule } from "tensorweft/text";
import { printTable } from "../src/cli/print-table.ts";
import { type OpenTensorFile, openTensorFile, writeTensorFile } from "../src/cli/tensor-files.ts";
import { TensorweftError } from "../src/diagnostics/diagnostic.ts";
import { readTensor, type SafetensorsTensor } from "../src/formats/safetensors.ts";
import type { Graph } from "../src/ir/graph.ts";
import { interpretGraph } from "../src/ir/interpret-graph.ts";
import { foldCheckpoint } from "./demo/fold-checkpoint.ts";
import { type Layer, listLayers, makeCheckpoint } from "./demo/hifigan.ts";

const SEED = 20101;
const FOLDER = fileURLToPath(new URL("../demo-output/", import.meta.url));
const CHECKPOINT = `${FOLDER}hifigan-v1.safetensors`;
const FOLDED = `${FOLDER}hifigan-v1-folded.safetensors`;

const PROGRAM = `
kernel weight_norm(v: f32[O, I, K], g: f32[O, 1, 1]) -> f32[O, I, K] {
  let n = sqrt(sum(v * v, axis=[1, 2], keepdims=true))
  g * v / n
}
`;

/** One distinct shape: compiled once, run for every layer that has it. */
interface Compiled {
  readonly graph: Graph;
  readonly loaded: LoadedProgram;
  readonly kernels: number;
  readonly compileMs: number;
}

interface Outcome {
  readonly layer: Layer;
  readonly folded: SafetensorsTensor;
  readonly runMs: number;
  /** Largest |result - oracle| / |oracle|, and largest |result - oracle| as a part of what f32 may err. */
  readonly relativeError: number;
  readonly boundUsed: number;
}

function lowerWeightNorm(shape: readonly number[]): Graph {
  const { module, diagnostics } = parseModule(PROGRAM, "weight-norm.weft");
  if (module === undefined) throw new TensorweftError(diagnostics);
  const lowered = lowerKernel(module, "weight_norm", { v: { shape } });
  if (lowered.graph === undefined) throw new TensorweftError(lowered.diagnostics);
  return lowered.graph;
}

async function compile(device: Device, shape: readonly number[]): Promise<Compiled> {
  const start = performance.now();
  const graph = lowerWeightNorm(shape);
  const { plan } = compileGraph(graph, { profile: device.profile });
  const loaded = device.load({ graph, plan });
  await loaded.ready;
  return { graph, loaded, kernels: plan.steps.length, compileMs: performance.now() - start };
}

async function readFloats(file: OpenTensorFile, name: string): Promise<Float32Array> {
  const { bytes } = await readTensor(file.opened, name);
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

async function foldLayer(
  device: Device,
  compiled: Compiled,
  layer: Layer,
  file: OpenTensorFile,
): Promise<Outcome> {
  const { name, shape } = layer;
  const v = await readFloats(file, `${name}.weight_v`);
  const g = await readFloats(file, `${name}.weight_g`);
  const inputs = [device.tensor(v, shape), device.tensor(g, [shape[0], 1, 1])];
  const start = performance.now();
  const outputs = compiled.loaded.run(inputs);
  const read = await Promise.all(outputs.map((output) => output.read()));
  const runMs = performance.now() - start;
  for (const tensor of [...inputs, ...outputs]) tensor.dispose();
  const [data] = read;
  if (!(data instanceof Float32Array)) throw new Error(`${name}: expected one f32 result`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return {
    layer,
    folded: { dtype: "F32", shape, bytes },
    runMs,
    ...measureError(compiled.graph, data, v, g),
  };
}

function measureError(
  graph: Graph,
  data: Float32Array,
  v: Float32Array,
  g: Float32Array,
): Pick<Outcome, "relativeError" | "boundUsed"> {
  const inputs = new Map([
    ["v", v],
    ["g", g],
  ]);
  const [expected] = interpretGraph(graph, inputs, { bounds: true }).values();
  let relativeError = 0;
  let boundUsed = 0;
  data.forEach((actual, i) => {
    const wanted = expected?.values[i] ?? Number.NaN;
    const bound = expected?.bounds?.[i] ?? 0;
    const error = Math.abs(actual - wanted);
    if (error === 0) return;
    relativeError = Math.max(relativeError, countNan(error / Math.abs(wanted)));
    boundUsed = Math.max(boundUsed, countNan(error / bound));
  });
  return { relativeError, boundUsed };
}

/** A nan is an error without end: no comparison with it would hold. */
const countNan = (error: number): number => (Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);

/** Opens the checkpoint, after making it where it is missing or of another version of this script. */
async function openCheckpoint(): Promise<OpenTensorFile> {
  const version = JSON.stringify({ seed: SEED, layers: listLayers().length });
  const found = await openTensorFile(CHECKPOINT).catch((error: unknown) => {
    if (error instanceof TensorweftError) return undefined;
    throw error;
  });
  if (found?.opened.metadata.get("version") === version) return found;
  await found?.close();
  await mkdir(FOLDER, { recursive: true });
  await writeTensorFile(CHECKPOINT, makeCheckpoint(SEED), new Map([["version", version]]));
  return openTensorFile(CHECKPOINT);
}

const shapeKey = ({ shape }: Layer): string => `[${shape.join(",")}]`;
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

function printReport(programs: ReadonlyMap<string, Compiled>, outcomes: readonly Outcome[]): string {
  const columns = [
    { title: "weight_v" },
    ...["layers", "kernels", "compile ms", "run ms", "largest error", "of bound"].map((title) => ({
      title,
      align: "right" as const,
    })),
  ];
  const row = (title: string, own: readonly Outcome[], compiled: readonly Compiled[]): readonly string[] => [
    title,
    String(own.length),
    String(sum(compiled.map(({ kernels }) => kernels))),
    sum(compiled.map(({ compileMs }) => compileMs)).toFixed(1),
    sum(own.map(({ runMs }) => runMs)).toFixed(1),
    Math.max(...own.map(({ relativeError }) => relativeError)).toExponential(1),
    `${(100 * Math.max(...own.map(({ boundUsed }) => boundUsed))).toFixed(0)} %`,
  ];
  const rows = [...programs].map(([key, compiled]) =>
    row(
      key,
      outcomes.filter(({ layer }) => shapeKey(layer) === key),
      [compiled],
    ),
  );
  const total = row(`${programs.size} shapes`, outcomes, [...programs.values()]);
  return printTable(columns, [...rows, total]).join("\n");
}

async function foldAll(device: Device, file: OpenTensorFile): Promise<boolean> {
  const layers = listLayers();
  const programs = new Map<string, Compiled>();
  const outcomes: Outcome[] = [];
  const bar = new SingleBar({ format: "{bar} {value}/{total} {layer}", noTTYOutput: false, stream: stderr });
  bar.start(layers.length, 0, { layer: "" });
  for (const layer of layers) {
    const compiled = programs.get(shapeKey(layer)) ?? (await compile(device, layer.shape));
    programs.set(shapeKey(layer), compiled);
    outcomes.push(await foldLayer(device, compiled, layer, file));
    bar.increment({ layer: layer.name });
  }
  bar.stop();
  await writeTensorFile(
    FOLDED,
    new Map(outcomes.map(({ layer, folded }) => [`${layer.name}.weight`, folded])),
  );
  const elements = sum(outcomes.map(({ folded }) => folded.bytes.byteLength / 4));
  console.log(
    `HiFi-GAN v1 generator: ${(elements / 1e6).toFixed(1)} M weights on ${device.profile.name} (${device.backend})\n`,
  );
  console.log(printReport(programs, outcomes));
  const wrong = outcomes.filter(({ boundUsed }) => boundUsed > 1).map(({ layer }) => layer.name);
  if (wrong.length > 0) console.error(`\noutside the bound on a correct f32 evaluation: ${wrong.join(", ")}`);
  else console.log("\nevery weight lies within the float64 oracle's bound on a correct f32 evaluation");
  return wrong.length === 0;
}

const checkpoint = await openCheckpoint();
const device = await openDevice();
try {
  const isWithinBounds = await foldAll(device, checkpoint);
  device.dispose(); // the command opens its own
  const isAsPromised = await foldCheckpoint(checkpoint, FOLDER);
  if (!isAsPromised) console.error("\nweft fold did not keep its promises");
  if (!isWithinBounds || !isAsPromised) process.exitCode = 1;
} finally {
  device.dispose();
  await checkpoint.close();
}

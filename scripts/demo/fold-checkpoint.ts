/**
 * `weft fold` on the demo's checkpoint in f32, f16 and bf16: each folded weight against the exact one, in places of its dtype,
 * and the memory of the process against its promise.
 */
import { printTable } from "../../src/cli/print-table.ts";
import { type OpenTensorFile, openTensorFile, writeTensorFile } from "../../src/cli/tensor-files.ts";
import { encodeFloats, readNumbers } from "../../src/fold-kernels.ts";
import { readTensor, type SafetensorsTensor } from "../../src/formats/safetensors.ts";
import { fileDType } from "../../src/formats/safetensors-dtype.ts";
import { PROMISED_BEYOND, runFold } from "../run-fold.ts";
import { type Layer, listLayers } from "./hifigan.ts";
import { type FloatDType, largestUlp } from "./ulp.ts";

/** The checkpoint with all tensors rounded to the dtype. */
async function convert(file: OpenTensorFile, dtype: FloatDType, path: string): Promise<void> {
  const tensors = new Map<string, SafetensorsTensor>();
  for (const name of file.opened.tensors.keys()) {
    const { shape, bytes } = await readTensor(file.opened, name);
    const rounded = encodeFloats(dtype, readNumbers("f32", bytes));
    tensors.set(name, { dtype: fileDType(dtype), shape, bytes: rounded });
  }
  await writeTensorFile(path, tensors);
}

/** g * v / norm(v) for each output channel, in float64. */
function foldExactly({ shape: [channels] }: Layer, v: Float64Array, g: Float64Array): Float64Array {
  const length = v.length / channels;
  const exact = new Float64Array(v.length);
  for (let channel = 0; channel < channels; channel++) {
    const row = v.subarray(channel * length, (channel + 1) * length);
    const factor = (g[channel] ?? Number.NaN) / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    exact.set(
      row.map((x) => x * factor),
      channel * length,
    );
  }
  return exact;
}

/** The largest distance of any folded weight from the exact one. */
async function compare(halves: OpenTensorFile, folded: OpenTensorFile, dtype: FloatDType): Promise<number> {
  const read = async (file: OpenTensorFile, name: string): Promise<Uint8Array> =>
    (await readTensor(file.opened, name)).bytes;
  let worst = 0;
  for (const layer of listLayers()) {
    const v = readNumbers(dtype, await read(halves, `${layer.name}.weight_v`));
    const g = readNumbers(dtype, await read(halves, `${layer.name}.weight_g`));
    const weight = await read(folded, `${layer.name}.weight`);
    worst = Math.max(worst, largestUlp(dtype, weight, foldExactly(layer, v, g)));
  }
  return worst;
}

/** Folds the checkpoint in every dtype, prints a line for each, and says whether all is as promised. */
export async function foldCheckpoint(checkpoint: OpenTensorFile, folder: string): Promise<boolean> {
  const rows: string[][] = [];
  let kept = true;
  for (const dtype of ["f32", "f16", "bf16"] as const) {
    const input = `${folder}hifigan-v1-${dtype}.safetensors`;
    const output = `${folder}hifigan-v1-${dtype}-folded.safetensors`;
    await convert(checkpoint, dtype, input);
    const run = runFold([input, "--out", output]);
    if (run.status !== 0) return false;
    const [halves, folded] = [await openTensorFile(input), await openTensorFile(output)];
    const worst = await compare(halves, folded, dtype);
    const largest = Math.max(...[...halves.opened.tensors.values()].map(({ begin, end }) => end - begin));
    const promised = 2 * largest + PROMISED_BEYOND;
    const weights = [...folded.opened.tensors.keys()].length;
    await halves.close();
    await folded.close();
    kept &&= worst <= 1 && weights === listLayers().length && run.peak <= promised;
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);
    rows.push([
      dtype,
      String(weights),
      String(worst),
      run.seconds.toFixed(1),
      megabytes(run.peak),
      megabytes(promised),
    ]);
  }
  const titles = ["weights", "largest error, ulp", "seconds", "peak MB", "promised MB"];
  const columns = [{ title: "weft fold" }, ...titles.map((title) => ({ title, align: "right" as const }))];
  console.log(`\n${printTable(columns, rows).join("\n")}`);
  return kept;
}

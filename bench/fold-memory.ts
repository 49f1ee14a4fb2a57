/**
 * Peak memory and time of `weft fold` on a made-up checkpoint of over a gigabyte, against the promise of twice the largest
 * tensor plus 200 MB. The status is 1 when it is broken.
 *
 *     node scripts/launch.mjs --gpu bench/fold-memory.ts [gigabytes]        default 1.1
 *
 * The checkpoint has weights of 64 MiB: rows (dim 0), columns (dim 1), one norm over all, f32 and bf16, and others that are
 * kept. It is written to the system's folder for temporary files and removed.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PROMISED_BEYOND, runFold } from "../scripts/run-fold.ts";
import { createAtomicFile } from "../src/cli/atomic-file.ts";
import { encodeHeader, type TensorLayout } from "../src/formats/safetensors-layout.ts";

const BLOCK = 4 * 2 ** 20;

/** Weights of 64 MiB in the forms that fold differently. */
const FORMS = [
  { dtype: "F32", v: [4096, 4096], g: [4096, 1] },
  { dtype: "F32", v: [1024, 4096, 4], g: [1, 4096, 1] },
  { dtype: "F32", v: [512, 512, 64], g: [] },
  { dtype: "BF16", v: [8192, 4096], g: [8192, 1] },
  { dtype: "F32", v: [4096, 4096], g: undefined },
] as const;

const product = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1);

function listTensors(bytes: number): readonly TensorLayout[] {
  const tensors: TensorLayout[] = [];
  let total = 0;
  for (let i = 0; total < bytes; i++) {
    const { dtype, v, g } = FORMS[i % FORMS.length] ?? FORMS[0];
    const add = (name: string, shape: readonly number[]): void => {
      const byteLength = product(shape) * (dtype === "F32" ? 4 : 2);
      tensors.push({ name, dtype, shape, byteLength });
      total += byteLength;
    };
    if (g === undefined) add(`layers.${i}.kept`, v);
    else {
      add(`layers.${i}.weight_g`, g);
      add(`layers.${i}.weight_v`, v);
    }
  }
  // As the reference implementation orders them.
  return tensors.toSorted((a, b) => (a.dtype === b.dtype ? 0 : a.dtype === "F32" ? -1 : 1));
}

/** Numbers around 1, of either sign: the high halves of f32 are bf16, so one block serves both. */
function makeBlock(): Uint8Array {
  const words = new Uint16Array(BLOCK / 2);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    words[i] = 0x3f00 | ((state >>> 16) & 0x80ff);
  }
  return new Uint8Array(words.buffer);
}

async function writeCheckpoint(path: string, tensors: readonly TensorLayout[]): Promise<void> {
  const block = makeBlock();
  const file = await createAtomicFile(path);
  try {
    await file.write(encodeHeader(tensors));
    for (const { byteLength } of tensors)
      for (let at = 0; at < byteLength; at += BLOCK)
        await file.write(block.subarray(0, Math.min(BLOCK, byteLength - at)));
    await file.commit();
  } finally {
    await file.discard();
  }
}

const gigabytes = Number(process.argv[2] ?? 1.1);
const folder = await mkdtemp(join(tmpdir(), "weft-fold-"));
try {
  const input = join(folder, "in.safetensors");
  const tensors = listTensors(gigabytes * 1e9);
  await writeCheckpoint(input, tensors);
  const run = runFold([input, "--out", join(folder, "out.safetensors")]);
  const limit = 2 * Math.max(...tensors.map(({ byteLength }) => byteLength)) + PROMISED_BEYOND;
  const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  console.log(run.out.replace(/\nwritten to [^]*/, ""));
  console.log(`peak memory ${mb(run.peak)}, promised ${mb(limit)}, file ${mb(gigabytes * 1e9)}`);
  if (run.status !== 0 || !(run.peak <= limit)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}

/**
 * `weft fold`: the weight norms of a safetensors file folded into plain weights, or weights split into g and v.
 *
 * Ensures: the input is only read. Nothing is computed before header and names were checked in full; a few chunks of one
 *          tensor are in memory at a time; metadata, the order of tensors and their alignment are kept (wide elements come
 *          first where the order would break it); the output appears whole or not at all.
 */
import { realpath, stat } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { SingleBar } from "cli-progress";
import { CompilerBug, fail } from "../diagnostics/diagnostic.ts";
import { freeBytes } from "../fold-kernels.ts";
import {
  foldWeightNorm,
  type TensorSource,
  type TensorStream,
  unfoldWeightNorm,
} from "../fold-weight-norm.ts";
import { isSafetensorsDType, type SafetensorsDType } from "../formats/safetensors-dtype.ts";
import { encodeHeader, isAligned, sortByWidth, type TensorLayout } from "../formats/safetensors-layout.ts";
import { readTensorBytes, type SafetensorsFile } from "../formats/safetensors.ts";
import { openDevice } from "../index.ts";
import { type AtomicFile, createAtomicFile } from "./atomic-file.ts";
import { describeFileError } from "./file-errors.ts";
import {
  type FoldCommandOptions,
  listChanges,
  planOf,
  type PlannedTensor,
  printPlan,
  rulesOf,
  unfoldChoice,
} from "./fold-plan.ts";
import { printBytes } from "../ir/print-bytes.ts";
import { openTensorFile } from "./tensor-files.ts";
import type { Session } from "./terminal.ts";

type Sources = ReadonlyMap<string, TensorSource>;

interface Written {
  readonly bytes: number;
  readonly warnings: readonly string[];
}

/** Runs the command. */
export async function foldFile(path: string, options: FoldCommandOptions, session: Session): Promise<void> {
  checkOptions(options);
  if (options.out !== undefined) await refuseSameFile(path, options.out);
  const { opened, close } = await openTensorFile(path);
  try {
    const sources = sourcesOf(opened);
    const plan = planOf(sources, options);
    if (options.out === undefined || options.dryRun === true) showPlan(path, plan, options, session);
    else {
      const start = performance.now();
      if (listChanges(plan).length === 0)
        session.terminal.writeError(`${path} has no weight norm: the output is a copy\n`);
      const written = await writeFile(opened, sources, options, session);
      showResult(path, plan, { ...written, seconds: (performance.now() - start) / 1000 }, options, session);
    }
  } finally {
    await close();
  }
}

function checkOptions({ out, dryRun, unfold, names, form, skip, dtype }: FoldCommandOptions): void {
  const refuse = (message: string, help: string): never => fail("wrong-argument", message, { help });
  if (out === undefined && dryRun !== true)
    refuse("there is no file to write to", "pass --out FILE or --dry-run");
  if (unfold === true) {
    if (names === undefined)
      refuse("--unfold does not know which weights to split", 'pass --names "*.weight"');
    if (skip !== undefined || dtype !== undefined)
      refuse("--skip and --dtype are for folding", "leave them out with --unfold");
  } else if (names !== undefined || form !== undefined)
    refuse("--names and --form are for splitting", "pass --unfold as well, or leave them out");
}

/** The input is never touched, under whatever name. */
async function refuseSameFile(input: string, out: string): Promise<void> {
  const identify = async (path: string): Promise<string> => {
    const found = await stat(path).catch(() => undefined);
    return found === undefined ? await realpath(path).catch(() => path) : `${found.dev}:${found.ino}`;
  };
  if ((await identify(input)) === (await identify(out)))
    fail("wrong-argument", `--out ${out} is the input`, {
      help: "write to another file, and rename it afterwards",
    });
}

function showPlan(
  path: string,
  plan: readonly PlannedTensor[],
  { json, unfold }: FoldCommandOptions,
  { terminal }: Session,
): void {
  if (json === true) terminal.write(`${JSON.stringify({ file: path, tensors: plan }, null, 2)}\n`);
  else {
    const changes = listChanges(plan).length;
    const what = unfold === true ? "to split" : "to fold";
    terminal.write(`${printPlan(plan).join("\n")}\n${changes} ${what}, ${plan.length - changes} kept\n`);
  }
}

function showResult(
  path: string,
  plan: readonly PlannedTensor[],
  { bytes, warnings, seconds }: Written & { readonly seconds: number },
  { json, unfold, out = "" }: FoldCommandOptions,
  { terminal }: Session,
): void {
  if (json === true)
    terminal.write(`${JSON.stringify({ file: path, out, bytes, warnings, tensors: plan }, null, 2)}\n`);
  else {
    const changes = listChanges(plan).length;
    const what = unfold === true ? `split ${changes} weights` : `folded ${changes} weight norms`;
    const kept = `kept ${plan.length - changes} tensors`;
    terminal.write(`${what}, ${kept}; ${printBytes(bytes)} in ${seconds.toFixed(1)} s\nwritten to ${out}\n`);
  }
}

function sourcesOf(opened: SafetensorsFile): Sources {
  return new Map(
    [...opened.tensors].map(([name, entry]) => [
      name,
      {
        dtype: entry.dtype.toLowerCase(),
        shape: entry.shape,
        byteLength: entry.end - entry.begin,
        read: (begin, end) => readTensorBytes(opened, entry, begin, end),
        release: freeBytes,
      } satisfies TensorSource,
    ]),
  );
}

/** What the library calls bf16 is BF16 in a file. */
function spellDType(dtype: string): SafetensorsDType {
  const spelled = dtype.toUpperCase();
  if (isSafetensorsDType(spelled)) return spelled;
  throw new CompilerBug("fold", [`a tensor of dtype ${dtype} cannot be written`]);
}

async function writeFile(
  opened: SafetensorsFile,
  sources: Sources,
  options: FoldCommandOptions,
  session: Session,
): Promise<Written> {
  const { out = "", chunk } = options;
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    session.terminal.writeError(`${message}\n`);
  };
  const device = await openDevice({
    backend: options.device,
    warn: (message) => session.terminal.writeError(`${message}\n`),
    maxPooledBytes: POOLED_BYTES,
  });
  try {
    const how = { device, chunkBytes: chunk, warn };
    const streams =
      options.unfold === true
        ? unfoldWeightNorm(sources, unfoldChoice(options), how)
        : foldWeightNorm(sources, { rules: rulesOf(options), dtype: options.dtype, ...how });
    const bytes = await writeStreams(opened, streams, out);
    return { bytes, warnings };
  } finally {
    device.dispose();
  }
}

/** Idle buffers of the size of a chunk are used again; more would only be held. */
const POOLED_BYTES = 8 * 2 ** 20;

interface PlacedStream extends TensorLayout {
  readonly stream: TensorStream;
}

function placeStreams(
  opened: SafetensorsFile,
  streams: ReadonlyMap<string, TensorStream>,
): readonly PlacedStream[] {
  const placed = [...streams].map(([name, stream]): PlacedStream => {
    const { dtype, shape, byteLength } = stream;
    return { name, dtype: spellDType(dtype), shape, byteLength, stream };
  });
  const before = [...opened.tensors.values()].map(({ dtype, begin, end }) => ({
    dtype,
    byteLength: end - begin,
  }));
  return isAligned(placed) || !isAligned(before) ? placed : sortByWidth(placed);
}

/** Writes the file and gives its length. */
async function writeStreams(
  opened: SafetensorsFile,
  streams: ReadonlyMap<string, TensorStream>,
  path: string,
): Promise<number> {
  const placed = placeStreams(opened, streams);
  const header = encodeHeader(placed, opened.metadata);
  const total = placed.reduce((sum, { byteLength }) => sum + byteLength, header.byteLength);
  // Writes to standard error, and nothing where that is no terminal.
  const bar = new SingleBar({
    format: "{bar} {percentage} % {tensor}",
    clearOnComplete: true,
    hideCursor: true,
  });
  let file: AtomicFile | undefined;
  try {
    file = await createAtomicFile(path);
    bar.start(total, 0, { tensor: "" });
    await file.write(header);
    for (const { name, byteLength, stream } of placed) {
      let length = 0;
      for await (const chunk of stream.chunks()) {
        await file.write(chunk);
        length += chunk.byteLength;
        bar.increment(chunk.byteLength, { tensor: name });
        freeBytes(chunk);
      }
      if (length !== byteLength)
        throw new CompilerBug("fold", [`${name} gave ${length} bytes, not ${byteLength}`]);
    }
    await file.commit();
    return total;
  } catch (error) {
    if (typeof (error as NodeJS.ErrnoException).code !== "string") throw error;
    return fail("invalid-file", describeFileError("write", path, error), {
      help: "pass another file with --out; nothing was written",
    });
  } finally {
    bar.stop();
    await file?.discard();
  }
}

/**
 * Safetensors on disk: opened for reading by range, written so that a reader sees the old file or the whole new one.
 */
import { open, type FileHandle } from "node:fs/promises";
import writeFileAtomic from "write-file-atomic";
import { fail } from "../diagnostics/diagnostic.ts";
import {
  encodeSafetensors,
  openSafetensors,
  type RandomAccess,
  type SafetensorsFile,
  type SafetensorsTensor,
} from "../formats/safetensors.ts";
import { describeFileError } from "./file-errors.ts";

export interface OpenTensorFile {
  readonly opened: SafetensorsFile;
  readonly close: () => Promise<void>;
}

async function readRange(handle: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  // One read may give less than it was asked for, and 2 GiB at most.
  while (filled < length) {
    const { bytesRead } = await handle.read(
      bytes,
      filled,
      Math.min(length - filled, 2 ** 30),
      offset + filled,
    );
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** Opens a file and checks its header. The caller closes it. */
export async function openTensorFile(path: string): Promise<OpenTensorFile> {
  const handle = await open(path).catch((error: unknown) =>
    fail("invalid-file", describeFileError("read", path, error), {
      help: "pass a safetensors file with --in",
    }),
  );
  try {
    const stat = await handle.stat();
    if (!stat.isFile())
      fail("invalid-file", `cannot read ${path}: it is not a file`, {
        help: "pass a safetensors file with --in",
      });
    const source: RandomAccess = {
      byteLength: stat.size,
      read: (offset, length) => readRange(handle, offset, length),
    };
    return { opened: await openSafetensors(source, path), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Writes a file whole: temporary file beside it, fsync, rename. */
export async function writeTensorFile(
  path: string,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Promise<void> {
  const bytes = encodeSafetensors(tensors, metadata);
  try {
    await writeFileAtomic(path, Buffer.from(bytes.buffer));
  } catch (error) {
    fail("invalid-file", describeFileError("write", path, error), {
      help: "pass another file with --out; nothing was written",
    });
  }
}

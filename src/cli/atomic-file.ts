/**
 * A file that appears whole or not at all, written piece by piece: a temporary file beside the target, synced and renamed.
 *
 * Ensures: the target is as it was until `commit` returns; the temporary file is gone after `commit`, `discard`, SIGINT,
 *          SIGTERM and SIGHUP. A target that is a symbolic link stays one; an existing target keeps its permissions.
 */
import { randomBytes } from "node:crypto";
import { unlinkSync } from "node:fs";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fail } from "../diagnostics/diagnostic.ts";

export interface AtomicFile {
  /** Appends. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Makes what was written the target. */
  readonly commit: () => Promise<void>;
  /** Removes what was written. Harmless after `commit`. */
  readonly discard: () => Promise<void>;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Opens the temporary file; throws what the file system says, and `invalid-file` where the target is a folder or a device. */
export async function createAtomicFile(path: string): Promise<AtomicFile> {
  const target = await realpath(path).catch(() => path);
  const temporary = join(
    dirname(target),
    `.${basename(target)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`,
  );
  const existing = await stat(target).catch(() => undefined);
  // A rename would replace it, /dev/null included.
  if (existing?.isFile() === false)
    fail("invalid-file", `cannot write ${path}: it is not a file`, {
      help: "pass another file; nothing was written",
    });
  const handle = await open(temporary, "wx");
  const onSignal = (signal: NodeJS.Signals): void => {
    try {
      unlinkSync(temporary);
    } finally {
      forget();
      process.kill(process.pid, signal); // again, with nobody listening: the process ends as the sender expects
    }
  };
  const forget = (): void => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  let isDone = false;
  const discard = async (): Promise<void> => {
    if (isDone) return;
    isDone = true;
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    forget();
  };
  return {
    write: (bytes) => writeAll(handle, bytes),
    commit: async () => {
      if (existing !== undefined) await handle.chmod(existing.mode & 0o777);
      await handle.sync();
      await handle.close();
      await rename(temporary, target);
      isDone = true;
      forget();
      await syncFolder(dirname(target));
    },
    discard,
  };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength)
    written += (await handle.write(bytes, written, bytes.byteLength - written)).bytesWritten;
}

/** So that the new name outlives a power failure. Not every system lets a folder be opened: the file is whole anyway. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

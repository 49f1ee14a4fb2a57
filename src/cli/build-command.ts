/**
 * `weft build`: kernels of a source file as a module that needs `tensorweft/runtime` only.
 *
 * Ensures: equal sources give equal bytes; the module appears whole or stays as it was; with `--check` nothing is written.
 */
import { existsSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import process from "node:process";
import {
  buildFile,
  type FileReads,
  formOf,
  hasChanged,
  isSource,
  moduleFileOf,
  textsOf,
} from "../build-file.ts";
import { fail, TensorweftError } from "../diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../diagnostics/render.ts";
import { createAtomicFile } from "./atomic-file.ts";
import { describeFileError } from "./file-errors.ts";
import type { Session } from "./terminal.ts";

export interface BuildCommandOptions {
  readonly out?: string;
  readonly profile: string;
  readonly check?: boolean;
  readonly watch?: boolean;
}

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export async function runBuild(path: string, options: BuildCommandOptions, session: Session): Promise<void> {
  if (!isSource(path))
    fail("invalid-file", `${path} is no source: kernels are written in .ts and .weft files`, {
      help: "weft build --help shows examples",
    });
  const out = options.out ?? moduleFileOf(path);
  if (resolve(path) === resolve(out))
    fail("invalid-file", `${path} would be written over`, { help: "name another file with --out" });
  if (options.watch === true) await buildAgain(path, out, options, session);
  else {
    const reads = new Map<string, string | undefined>();
    try {
      await buildOnce(path, out, options, session, reads);
    } finally {
      for (const [file, text] of textsOf(reads)) session.sources.set(file, text);
    }
  }
}

async function buildOnce(
  path: string,
  out: string,
  { profile, check = false }: BuildCommandOptions,
  { terminal }: Pick<Session, "terminal">,
  reads: Map<string, string | undefined>,
): Promise<void> {
  const built = await buildFile(path, { profile, reads });
  const text = built.print(out, formOf(out));
  const before = await readFile(out, "utf8").catch(() => undefined);
  if (check) {
    if (before === text) terminal.write(`${out} is what ${path} gives\n`);
    else
      fail("stale-file", before === undefined ? `there is no ${out}` : `${out} is not what ${path} gives`, {
        help: `run weft build ${path} --out ${out}`,
      });
    return;
  }
  // Unchanged files keep their time, so that other watchers stay quiet.
  if (before !== text) await writeWhole(out, text);
  const count = built.kernels.reduce((sum, { variants }) => sum + variants.length, 0);
  terminal.write(
    `${before === text ? "unchanged" : "written to"} ${out}: ${built.kernels.map(({ name }) => name).join(", ")} (${count} ${count === 1 ? "shape" : "shapes"})\n`,
  );
}

async function writeWhole(path: string, text: string): Promise<void> {
  const cannot = (error: unknown): never => {
    if (error instanceof TensorweftError) throw error;
    return fail("invalid-file", describeFileError("write", path, error), { help: "pass another file" });
  };
  const file = await createAtomicFile(path).catch(cannot);
  try {
    await file.write(new TextEncoder().encode(text));
    await file.commit();
  } catch (error) {
    cannot(error);
  } finally {
    await file.discard();
  }
}

/** Builds now and after each change, until SIGINT or SIGTERM. Mistakes are shown and do not end it. */
async function buildAgain(
  path: string,
  out: string,
  options: BuildCommandOptions,
  { terminal }: Session,
): Promise<void> {
  const end = new AbortController();
  const stop = (): void => {
    end.abort();
  };
  for (const signal of SIGNALS) process.once(signal, stop);
  try {
    while (!end.signal.aborted) {
      const reads = new Map<string, string | undefined>();
      try {
        await buildOnce(path, out, options, { terminal }, reads);
      } catch (error) {
        if (!(error instanceof TensorweftError)) throw error;
        terminal.writeError(
          `${renderDiagnostics(error.diagnostics, textsOf(reads), { style: terminal.style })}\n`,
        );
      }
      await changeOf(reads, end.signal);
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}

/** Resolves when one of the files has another text than it had, or when the signal says that it is over. */
function changeOf(reads: FileReads, signal: AbortSignal): Promise<void> {
  const folders = [...new Set([...reads.keys()].map((file) => dirname(file)))].filter((folder) =>
    existsSync(folder),
  );
  return new Promise((resolve) => {
    const finish = (): void => {
      signal.removeEventListener("abort", finish);
      for (const watcher of watchers) watcher.close();
      resolve();
    };
    const check = (): void => {
      if (signal.aborted || hasChanged(reads)) finish();
    };
    const watchers = folders.map((folder) => watch(folder, check));
    signal.addEventListener("abort", finish);
    check(); // what changed while it was built
  });
}

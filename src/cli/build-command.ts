/**
 * `weft build`: kernels of a source file as a module that needs `tensorweft/runtime` only.
 *
 * Ensures: equal sources give equal bytes; the module appears whole or stays as it was; with `--check` nothing is written.
 */
import { readFileSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, relative, sep } from "node:path";
import { buildKernels, PACKAGE_VERSION, printModule } from "../build-module.ts";
import { fail, type Span, TensorweftError } from "../diagnostics/diagnostic.ts";
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

const toPosix = (path: string): string => path.split(sep).join("/");

/** `norms.gen.ts` for `norms.ts` and `norms.weft`. */
const defaultOut = (path: string): string => `${path.replace(/\.(ts|mts|weft)$/, "")}.gen.ts`;

export async function buildFile(path: string, options: BuildCommandOptions, session: Session): Promise<void> {
  if (!/\.(ts|mts|weft)$/.test(path))
    fail("invalid-file", `${path} is no source: kernels are written in .ts and .weft files`, {
      help: "weft build --help shows examples",
    });
  const out = options.out ?? defaultOut(path);
  if (toPosix(relative(path, out)) === "")
    fail("invalid-file", `${path} would be written over`, { help: "name another file with --out" });
  if (options.watch !== true) {
    await buildOnce(path, out, options, session);
    return;
  }
  await buildAgain(path, out, options, session);
}

/** Builds once, and gives the files that were read. */
async function buildOnce(
  path: string,
  out: string,
  { profile, check = false }: BuildCommandOptions,
  session: Session,
): Promise<void> {
  const { terminal, sources } = session;
  const source = toPosix(path);
  const kernels = await buildKernels(source, { profile, sources, read: readText });
  const place = ({ file, line, column }: Span): string => `${pathFrom(out, file)}:${line}:${column}`;
  const header = `Made by weft build of ${pathFrom(out, source)} (tensorweft ${PACKAGE_VERSION}, profile ${profile}).`;
  const text = printModule(kernels, { form: "ts", header, place });
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
  const count = kernels.reduce((sum, { variants }) => sum + variants.length, 0);
  terminal.write(
    `${before === text ? "unchanged" : "written to"} ${out}: ${kernels.map(({ name }) => name).join(", ")} (${count} shapes)\n`,
  );
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** A file as seen from the folder of another, so that the text does not depend on where the command ran. */
function pathFrom(out: string, file: string): string {
  const path = toPosix(relative(dirname(out), file));
  return path.startsWith(".") ? path : `./${path}`;
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

/** Builds now and after each change, until the process is ended. Mistakes are shown and do not end it. */
async function buildAgain(
  path: string,
  out: string,
  options: BuildCommandOptions,
  session: Session,
): Promise<void> {
  const { terminal } = session;
  for (;;) {
    const sources = new Map<string, string>();
    try {
      await buildOnce(path, out, options, { terminal, sources });
    } catch (error) {
      if (!(error instanceof TensorweftError)) throw error;
      terminal.writeError(`${renderDiagnostics(error.diagnostics, sources, { style: terminal.style })}\n`);
    }
    await changeOf([path, ...sources.keys()], sources);
  }
}

/** Resolves when one of the files has another text than it had. */
function changeOf(files: readonly string[], sources: ReadonlyMap<string, string>): Promise<void> {
  const folders = [...new Set(files.map((file) => dirname(file)))];
  return new Promise((resolve) => {
    const check = (): void => {
      if (files.every((file) => readText(file) === sources.get(file))) return;
      for (const watcher of watchers) watcher.close();
      resolve();
    };
    const watchers = folders.map((folder) => watch(folder, check));
    check(); // what changed while it was built
  });
}

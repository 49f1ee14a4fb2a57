/** Text programs as commands use them: read from a file, one kernel of them chosen and instantiated. */
import { readFile } from "node:fs/promises";
import { type Diagnostic, fail, TensorweftError } from "../diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../diagnostics/render.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import type { DType } from "../ir/dtype.ts";
import type { Graph } from "../ir/graph.ts";
import {
  type KernelInfo,
  type KernelShapes,
  listKernels,
  lowerKernel,
  type Module,
  parseModule,
} from "../text.ts";
import { describeFileError } from "./file-errors.ts";
import type { Session } from "./terminal.ts";

const hasErrors = (diagnostics: readonly Diagnostic[]): boolean =>
  diagnostics.some(({ severity }) => severity === "error");

/** Shows diagnostics that do not stop a command. */
export function showWarnings(diagnostics: readonly Diagnostic[], { terminal, sources }: Session): void {
  if (diagnostics.length === 0) return;
  terminal.writeError(`${renderDiagnostics(diagnostics, sources, { style: terminal.style })}\n\n`);
}

/** Reads and parses a file; its text goes to the session, so that diagnostics can quote it. */
export async function readProgram(path: string, session: Session): Promise<Module> {
  const text = await readFile(path, "utf8").catch((error: unknown) =>
    fail("invalid-file", describeFileError("read", path, error), { help: "pass a .weft file" }),
  );
  session.sources.set(path, text);
  const { module, diagnostics } = parseModule(text, path);
  if (module === undefined || hasErrors(diagnostics)) throw new TensorweftError(diagnostics);
  showWarnings(diagnostics, session);
  return module;
}

/** The kernel of that name, or the only one. */
export function chooseKernel(module: Module, name: string | undefined): KernelInfo {
  const kernels = listKernels(module);
  const names = kernels.map((kernel) => kernel.name);
  const [only] = kernels;
  if (only === undefined)
    return fail("unknown-kernel", `${module.file} has no kernels`, {
      help: "declare one: kernel name(x: f32[N]) = ...",
    });
  if (name === undefined) {
    if (kernels.length === 1) return only;
    return fail("unknown-kernel", `${module.file} has ${kernels.length} kernels`, {
      help: `choose one with --kernel: ${names.join(", ")}`,
    });
  }
  const found = kernels.find((kernel) => kernel.name === name);
  return (
    found ??
    fail("unknown-kernel", `${module.file} has no kernel ${name}`, {
      help: didYouMean(name, names) ?? `its kernels are ${names.join(", ")}`,
    })
  );
}

/** Instantiates a kernel; its errors are thrown together, its warnings shown. */
export function instantiate(
  module: Module,
  kernel: KernelInfo,
  shapes: KernelShapes,
  dtype: DType | undefined,
  session: Session,
): Graph {
  const { graph, diagnostics } = lowerKernel(module, kernel.name, shapes, { dtype });
  if (graph === undefined || hasErrors(diagnostics)) throw new TensorweftError(diagnostics);
  showWarnings(diagnostics, session);
  return graph;
}

/** Runs `body`; where a shape is missing, the help names the options that give it. */
export function withOptionsInHelp<T>({ params }: KernelInfo, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    const example = params.find(({ kind }) => kind === "tensor")?.name ?? "x";
    const help = `pass --shape ${example}=LENGTH,LENGTH,... for each, or --dim NAME=LENGTH`;
    throw new TensorweftError(
      error.diagnostics.map((d) => (d.code === "unbound-dimension" ? { ...d, help } : d)),
      { cause: error },
    );
  }
}

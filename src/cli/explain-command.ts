/**
 * `weft explain`: what a kernel compiles to at given shapes, for a given device profile.
 *
 * Ensures: opens no device and reads nothing but the program, so that it tells the same everywhere.
 */
import { compileGraph } from "../compile.ts";
import { fail, TensorweftError } from "../diagnostics/diagnostic.ts";
import { explainCompiled, renderStage, type StageName } from "../explain.ts";
import type { DType } from "../ir/dtype.ts";
import { findProfile } from "../ir/profile.ts";
import type { KernelInfo } from "../text.ts";
import { deriveShapes } from "./derive-shapes.ts";
import type { Shapes } from "./parse-options.ts";
import { printExplanation } from "./print-explanation.ts";
import type { Session } from "./terminal.ts";
import { chooseKernel, instantiate, readProgram } from "./text-program.ts";

export interface ExplainOptions {
  readonly kernel?: string;
  readonly shape?: Shapes;
  readonly dim?: ReadonlyMap<string, number>;
  readonly dtype?: DType;
  readonly stage?: StageName;
  readonly profile: string;
  readonly json?: boolean;
}

/** Runs `body`; where a shape is missing, the help names the options that give it. */
function withOptionsInHelp<T>({ params }: KernelInfo, body: () => T): T {
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

/** Runs the command. */
export async function explainKernel(path: string, options: ExplainOptions, session: Session): Promise<void> {
  const module = await readProgram(path, session);
  const kernel = chooseKernel(module, options.kernel);
  const shapes = deriveShapes(
    kernel,
    options.shape ?? new Map<string, readonly number[]>(),
    options.dim ?? new Map<string, number>(),
  );
  const graph = withOptionsInHelp(kernel, () => instantiate(module, kernel, shapes, options.dtype, session));
  const profile =
    findProfile(options.profile) ??
    fail("wrong-argument", `there is no profile ${options.profile}`, {
      help: "weft help explain lists them",
    });
  const compiled = compileGraph(graph, { profile });
  const { write } = session.terminal;
  if (options.stage !== undefined) {
    const text = renderStage(compiled, options.stage);
    write(
      options.json === true
        ? `${JSON.stringify({ [options.stage]: text }, null, 2)}\n`
        : `${text.trimEnd()}\n`,
    );
    return;
  }
  const explanation = explainCompiled(compiled, profile);
  write(
    options.json === true
      ? `${JSON.stringify(explanation, null, 2)}\n`
      : `${printExplanation(graph.name, explanation, profile)}\n`,
  );
}

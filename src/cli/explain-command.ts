/**
 * `weft explain`: what a kernel compiles to at given shapes, for a given device profile.
 *
 * Ensures: opens no device and reads nothing but the program and the record that is named, so that it tells the same
 *          everywhere.
 */
import { compileGraph } from "../compile.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import { explainCompiled, renderStage, type StageName } from "../explain.ts";
import type { DType } from "../ir/dtype.ts";
import { findProfile } from "../ir/profile.ts";
import { deriveShapes } from "../derive-shapes.ts";
import type { Shapes } from "./parse-options.ts";
import { printExplanation } from "./print-explanation.ts";
import type { Session } from "./terminal.ts";
import { readRecord } from "./read-record.ts";
import { chooseKernel, instantiate, readProgram, withOptionsInHelp } from "./text-program.ts";

export interface ExplainOptions {
  readonly kernel?: string;
  readonly shape?: Shapes;
  readonly dim?: ReadonlyMap<string, number>;
  readonly dtype?: DType;
  readonly stage?: StageName;
  readonly profile: string;
  readonly record?: string;
  readonly json?: boolean;
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
  const tuned = options.record === undefined ? undefined : await readRecord(options.record);
  const compiled = compileGraph(graph, { profile, tuned });
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

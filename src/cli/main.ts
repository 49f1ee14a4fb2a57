/**
 * The command `weft`. Exit status: 0, 1 for a mistake in what the user gave, 2 for a command line that makes no sense.
 *
 * Ensures: never throws; mistakes are rendered to standard error with the source they point at.
 */
import { CommanderError } from "commander";
import { CompilerBug, TensorweftError } from "../diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../diagnostics/render.ts";
import { createProgram } from "./program.ts";
import { processTerminal, type Session, type Terminal } from "./terminal.ts";

const OK = 0;
const FAILED = 1;
const USAGE = 2;

/** Runs one command line (without the program's name) and gives the exit status. */
export async function main(argv: readonly string[], terminal: Terminal = processTerminal()): Promise<number> {
  const session: Session = { terminal, sources: new Map() };
  try {
    await createProgram(session).parseAsync([...argv], { from: "user" });
    return OK;
  } catch (error) {
    return reportError(error, session);
  }
}

function reportError(error: unknown, { terminal, sources }: Session): number {
  // Commander has printed its message, or the help that was asked for, before it throws.
  if (error instanceof CommanderError) return error.exitCode === 0 ? OK : USAGE;
  if (error instanceof TensorweftError)
    terminal.writeError(`${renderDiagnostics(error.diagnostics, sources, { style: terminal.style })}\n`);
  // Its message asks for a report and has what that needs; anything else is unforeseen, and the stack is all there is.
  else if (error instanceof CompilerBug) terminal.writeError(`${error.message}\n`);
  else terminal.writeError(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return FAILED;
}

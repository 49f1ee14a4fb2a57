/** Where a command writes: results to standard output, everything else to standard error. Tests pass their own. */
import { stderr, stdout } from "node:process";
import { setFlagsFromString } from "node:v8";
import pc from "picocolors";
import type { DiagnosticPart } from "../diagnostics/render.ts";

export type Style = (part: DiagnosticPart, text: string) => string;

export interface Terminal {
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Colours of what goes to standard error; undefined: plain text. */
  readonly style: Style | undefined;
  /** Asks the engine to keep its heap small, at the cost of time. Left out where the process is not the command's own. */
  readonly saveMemory?: (() => void) | undefined;
}

/** What a session of one command shares: its terminal, and the sources that diagnostics quote. */
export interface Session {
  readonly terminal: Terminal;
  /** Text by file name, as it stands in spans. Commands add what they read. */
  readonly sources: Map<string, string>;
}

function colourWith(colours: ReturnType<typeof pc.createColors>): Style {
  const { bold, red, yellow, cyan, green, dim } = colours;
  const paint: Readonly<Record<DiagnosticPart, (text: string) => string>> = {
    place: bold,
    error: (text) => bold(red(text)),
    warning: (text) => bold(yellow(text)),
    note: cyan,
    help: green,
    message: bold,
    gutter: dim,
    caret: red,
  };
  return (part, text) => paint[part](text);
}

/** The terminal of this process. Colours only where standard error is one and NO_COLOR does not forbid them. */
export function processTerminal(): Terminal {
  // isColorSupported alone is also true under CI=1, where logs would fill with escapes.
  // A reader that has seen enough (`weft explain ... | head`) closes the pipe: no error of ours.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const coloured = stderr.isTTY && pc.isColorSupported;
  return {
    write: (text) => void stdout.write(text),
    writeError: (text) => void stderr.write(text),
    style: coloured ? colourWith(pc.createColors(true)) : undefined,
    // The flag may be set while V8 runs. Without it the young generation grows to some 100 MB while kernels are compiled.
    saveMemory: () => {
      setFlagsFromString("--optimize-for-size");
    },
  };
}

/** Places of TypeScript nodes as spans, and reports at them. */
import type { Node } from "ts-morph";
import {
  errorAt,
  type Diagnostic,
  type DiagnosticCode,
  type Note,
  type Span,
  TensorweftError,
} from "../../diagnostics/diagnostic.ts";
import { hostPath } from "./project-paths.ts";

export function spanOf(node: Node): Span {
  const source = node.getSourceFile();
  const start = node.getStart();
  const { line, column } = source.getLineAndColumnAtPos(start);
  const [firstLine = ""] = source.getFullText().slice(start, node.getEnd()).split(/\r?\n/, 1);
  return { file: hostPath(source.getFilePath()), line, column, length: Math.max(1, firstLine.length) };
}

/** Collects diagnostics, each once: a body is evaluated for every shape. */
export class Reports {
  readonly diagnostics: Diagnostic[] = [];
  readonly #seen = new Set<string>();
  /** Which kernel at which shapes is being built. */
  context: Note | undefined;

  add(diagnostic: Diagnostic): void {
    const { code, message, span } = diagnostic;
    const key = JSON.stringify([code, message, span]);
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const context = this.context === undefined ? [] : [this.context];
    this.diagnostics.push({ ...diagnostic, notes: [...diagnostic.notes, ...context] });
  }

  /** Reports; the poisoned value that results is undefined. */
  error(code: DiagnosticCode, message: string, node: Node, help: string): undefined {
    this.add(errorAt(code, message, { span: spanOf(node), help }));
    return undefined;
  }

  /** Runs a step of the graph builder; its mistakes are reported at the node. */
  attempt<T>(node: Node, step: () => T): T | undefined {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof TensorweftError)) throw error;
      for (const diagnostic of error.diagnostics) this.add({ ...diagnostic, span: spanOf(node) });
      return undefined;
    }
  }
}

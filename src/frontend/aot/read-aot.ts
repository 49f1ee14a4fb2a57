/**
 * TypeScript source to graphs: every exported `kernel(...)` of a file, at every shape that its `shapes` ask for.
 *
 * Requires: `host.read` gives the text of a file by its path, or undefined.
 * Ensures:  the source is read, never run; all mistakes are reported together, each at its line and column; `kernels` is
 *           undefined where there is an error. Equal texts give equal graphs.
 */
import { type CallExpression, type Expression, Node, Project, type SourceFile } from "ts-morph";
import { errorAt, type Diagnostic, type Span } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { createGraphBuilder } from "../../ir/graph-builder.ts";
import { type AotValue, baseOf, isFunction, openScope } from "./aot-values.ts";
import { type AotVariant, buildVariant, type Closure, type KernelSource } from "./build-variant.ts";
import { Building, type DynamicLength } from "./building.ts";
import { evaluate } from "./evaluate-aot.ts";
import { readParams } from "./kernel-params.ts";
import { Reports, spanOf } from "./places.ts";
import { projectPath } from "./project-paths.ts";
import { type AotFile, readFile } from "./read-file.ts";
import { findEntry, readShapes } from "./read-shapes.ts";

export interface AotHost {
  readonly read: (path: string) => string | undefined;
}

export interface AotKernel {
  readonly name: string;
  readonly span: Span;
  readonly variants: readonly AotVariant[];
}

export interface AotModule {
  readonly kernels: readonly AotKernel[] | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

class Reader {
  readonly reports = new Reports();
  readonly #host: AotHost;
  readonly #project = new Project({
    useInMemoryFileSystem: true,
    skipLoadingLibFiles: true,
    compilerOptions: { noLib: true, noResolve: true },
  });
  readonly #files = new Map<string, AotFile | undefined>();

  constructor(host: AotHost) {
    this.#host = host;
  }

  /** The file of an import; its path may lack the extension, or name the file that it compiles to. */
  find = (path: string, at?: Node): AotFile | undefined => {
    if (this.#files.has(path)) return this.#files.get(path);
    for (const name of [path, path.replace(/\.js$/, ".ts"), `${path}.ts`, `${path}/index.ts`]) {
      const text = this.#host.read(name);
      if (text === undefined) continue;
      const source = this.#project.createSourceFile(projectPath(name), text, { overwrite: true });
      const file = this.#hasSyntaxErrors(source, name) ? undefined : readFile(source, this.reports);
      this.#files.set(path, file);
      return file;
    }
    const span = at === undefined ? undefined : spanOf(at);
    const help = at === undefined ? "pass a .ts file" : "check the path of the import";
    this.reports.add(errorAt("invalid-file", `cannot read ${path}`, { span, help }));
    this.#files.set(path, undefined);
    return undefined;
  };

  #hasSyntaxErrors(source: SourceFile, name: string): boolean {
    const errors = this.#project.getProgram().getSyntacticDiagnostics(source);
    for (const error of errors) {
      const { line, column } = source.getLineAndColumnAtPos(error.getStart());
      const message = error.getMessageText();
      const words = typeof message === "string" ? message : message.getMessageText();
      const sentence = words.replace(/\.$/, "").replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase());
      const span = { file: name, line, column, length: Math.max(1, error.getLength()) };
      this.reports.add(errorAt("syntax", sentence, { span, help: "mend the TypeScript first" }));
    }
    return errors.length > 0;
  }
}

/** Reads the kernels of the file at `path` (with "/" between its parts). */
export function readAot(path: string, host: AotHost): AotModule {
  const reader = new Reader(host);
  const { reports } = reader;
  const file = reader.find(path);
  const kernels = file === undefined ? [] : readKernels(file, reader);
  if (file !== undefined && kernels.length === 0 && reports.diagnostics.length === 0)
    reports.add(
      errorAt("unknown-kernel", `${path} exports no kernel`, {
        span: { file: path, line: 1, column: 1, length: 1 },
        help: 'export one: export const f = kernel((x: Tensor<["N"]>) => x / sum(x))',
      }),
    );
  const diagnostics = [...reports.diagnostics].sort(byPlace);
  return { kernels: diagnostics.length > 0 ? undefined : kernels, diagnostics };
}

const byPlace = ({ span: a }: Diagnostic, { span: b }: Diagnostic): number =>
  (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);

function readKernels(file: AotFile, reader: Reader): readonly AotKernel[] {
  const { reports } = reader;
  const newBuilding = (name: string, own: Reports, dynamic?: DynamicLength): Building =>
    new Building(createGraphBuilder(name), own, reader.find, evaluate, dynamic);
  const shapes = file.names.has("shapes")
    ? newBuilding("shapes", reports).findDeclared("shapes", file, file.source)
    : undefined;
  const entries = shapes?.kind === "object" ? shapes.entries : new Map<string, AotValue>();
  const shapesNode = file.source.getVariableDeclaration("shapes") ?? file.source;
  const names = [...file.exported.values()];
  for (const name of entries.keys())
    if (!names.includes(name))
      reports.error(
        "unknown-kernel",
        `shapes are given for ${name}, which is no kernel that this file exports`,
        findEntry(shapesNode, name),
        didYouMean(name, names) ?? `its kernels are ${names.join(", ")}`,
      );
  return [...file.kernels].flatMap(([local, call]): readonly AotKernel[] => {
    const name = file.exported.get(local);
    if (name === undefined) return [];
    const found = findFunction(call, file, newBuilding(name, reports));
    if (found === undefined) return [];
    const params = readParams(found.closure.node, found.closure.scope.file, reader);
    const at = entries.has(name) ? findEntry(shapesNode, name) : call;
    const wanted = params && readShapes(name, params, entries.get(name), at, reports);
    if (params === undefined || wanted === undefined) return [];
    const source: KernelSource = { name, fn: found.fn, params, file, newBuilding };
    const variants = wanted.flatMap((one) => buildVariant(source, one, reports) ?? []);
    return [{ name, span: spanOf(call), variants }];
  });
}

interface KernelFunction {
  readonly fn: Expression;
  /** Whose parameters are those of the kernel: of derivatives, the function at the bottom. */
  readonly closure: Closure;
}

/** The function that `kernel(...)` was given; undefined after a report. */
function findFunction(call: CallExpression, file: AotFile, building: Building): KernelFunction | undefined {
  const [fn] = call.getArguments();
  const value = Node.isExpression(fn) ? evaluate(fn, openScope(file), building) : undefined;
  if (!Node.isExpression(fn) || value === undefined) return undefined; // reported
  const closure = isFunction(value) ? baseOf(value) : undefined;
  if (closure?.kind === "closure") return { fn, closure };
  const help = "write kernel((x: Tensor<[...]>) => ...)";
  return building.reports.error("wrong-argument", "kernel was given no function of the source", call, help);
}

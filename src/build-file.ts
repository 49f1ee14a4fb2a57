/**
 * A source file on disk, built: what `weft build` and the plugin for bundlers share.
 *
 * Ensures: equal sources, profile and names give equal text, wherever it is built from: paths in it are relative to `out`.
 */
import { readFileSync } from "node:fs";
import { dirname, normalize, relative, sep } from "node:path";
import {
  buildKernels,
  type BuiltKernel,
  type ModuleForm,
  PACKAGE_VERSION,
  printModule,
} from "./build-module.ts";
import type { Span } from "./diagnostics/diagnostic.ts";

/** What was read of files, by path; undefined: there was none. */
export type FileReads = ReadonlyMap<string, string | undefined>;

export interface BuildFileOptions {
  readonly profile: string;
  /** Filled with what was read, before an error is thrown. */
  readonly reads: Map<string, string | undefined>;
}

export interface BuiltFile {
  readonly kernels: readonly BuiltKernel[];
  /** The text of the module, or of its declarations, to be kept in the file `out`. */
  readonly print: (out: string, form: ModuleForm) => string;
}

const toPosix = (path: string): string => path.split(sep).join("/");

/** @throws {TensorweftError} with all mistakes of the source */
export async function buildFile(path: string, { profile, reads }: BuildFileOptions): Promise<BuiltFile> {
  const source = toPosix(normalize(path));
  const read = (file: string): string | undefined => {
    const text = readText(file);
    reads.set(file, text);
    return text;
  };
  const kernels = await buildKernels(source, { profile, read });
  return {
    kernels,
    print: (out, form) => {
      const place = ({ file, line, column }: Span): string => `${pathFrom(out, file)}:${line}:${column}`;
      const header = `${MADE_BY} ${pathFrom(out, source)} (tensorweft ${PACKAGE_VERSION}, profile ${profile}).`;
      return printModule(kernels, { form, header, place });
    },
  };
}

/** The texts among what was read, for diagnostics to quote. */
export const textsOf = (reads: FileReads): ReadonlyMap<string, string> =>
  new Map([...reads].filter((entry): entry is [string, string] => entry[1] !== undefined));

/** Whether a file has another text than it had when it was read. */
export const hasChanged = (reads: FileReads): boolean =>
  [...reads].some(([file, text]) => readText(file) !== text);

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

const SOURCE = /\.(ts|mts|weft)$/;
const GENERATED = /\.gen\.ts$/;

export const isSource = (path: string): boolean => SOURCE.test(path);

/** `norms.gen.ts` for `norms.ts` and `norms.weft`. */
export const moduleFileOf = (path: string): string => `${path.replace(SOURCE, "")}.gen.ts`;

/** `norms.d.weft.ts` for `norms.weft`: where TypeScript looks for the types of such an import. */
export const typesFileOf = (path: string): string => path.replace(/\.weft$/, ".d.weft.ts");

/** What modules that were built begin with. */
const MADE_BY = "Made by weft build of";

export const isGenerated = (text: string): boolean => text.startsWith(`// ${MADE_BY} `);

/** The source beside a module that `weft build` writes, or would write. Other tools have `.gen.ts` files, too. */
export function sourceFileOf(generated: string): string | undefined {
  const there = readText(generated);
  if (!generated.endsWith(".gen.ts") || (there !== undefined && !isGenerated(there))) return undefined;
  const stem = generated.replace(GENERATED, "");
  return [`${stem}.ts`, `${stem}.mts`, `${stem}.weft`].find((path) => {
    const text = readText(path);
    return (
      text !== undefined &&
      (path.endsWith(".weft") || text.includes('"tensorweft/aot"') || text.includes("'tensorweft/aot'"))
    );
  });
}

/** What a file of that name holds. */
export const formOf = (out: string): ModuleForm =>
  /\.d\.(?:[mc]?ts|weft\.ts)$/.test(out) ? "dts" : /\.m?js$/.test(out) ? "js" : "ts";

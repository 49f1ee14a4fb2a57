/**
 * Ahead-of-time compilation, joined: source to graphs (by the front end that its name asks for), graphs to plans, plans to a
 * module. What reads TypeScript is loaded for TypeScript only, and so is what reads the text language.
 */
import type { BuiltKernel } from "./build/built-kernel.ts";
import { type Directive, fixedLengths, lengthsAt, readDirectives } from "./build/read-directives.ts";
import { compileSizes, compileVariant } from "./build-variants.ts";
import { deriveShapes } from "./derive-shapes.ts";
import { CompilerBug, fail, TensorweftError, type Diagnostic, type Span } from "./diagnostics/diagnostic.ts";
import type { Graph } from "./ir/graph.ts";
import { findProfile, PROFILE_NAMES, type DeviceProfile } from "./ir/profile.ts";

export { printModule, type ModuleForm, type PrintOptions } from "./build/print-module.ts";
export { PACKAGE_VERSION } from "./runtime/version.ts";
export type { BuiltKernel } from "./build/built-kernel.ts";

export interface BuildOptions {
  /** The text of a file, or undefined. Paths are relative, or as the source was named, with "/". */
  readonly read: (path: string) => string | undefined;
  /** Name of a built-in profile. Default "default", whose kernels run on every device. */
  readonly profile?: string | undefined;
}

/** @throws {TensorweftError} with all mistakes of the source */
export async function buildKernels(path: string, options: BuildOptions): Promise<readonly BuiltKernel[]> {
  const name = options.profile ?? "default";
  const profile =
    findProfile(name) ??
    fail("wrong-argument", `there is no profile ${name}`, {
      help: `the profiles are ${PROFILE_NAMES.join(", ")}`,
    });
  if (path.endsWith(".weft")) return buildText(path, options, profile);
  const { readAot } = await import("./frontend/aot/read-aot.ts");
  const { kernels, diagnostics } = readAot(path, options);
  if (kernels === undefined) throw new TensorweftError(diagnostics);
  return mapAll(kernels, ({ name, span, variants }) => ({
    name,
    span,
    form: variants[0]?.form ?? "one",
    variants: mapAll(variants, ({ graph, label, dynamic }) =>
      dynamic === undefined
        ? compileVariant(graph, label, profile)
        : compileSizes({ ...dynamic, kernel: name, label, span, profile }),
    ),
  }));
}

/** Mistakes of all items are thrown together. */
function mapAll<A, B>(items: readonly A[], change: (item: A) => B): readonly B[] {
  const diagnostics: Diagnostic[] = [];
  const changed = items.flatMap((item): readonly B[] => {
    try {
      return [change(item)];
    } catch (error) {
      if (!(error instanceof TensorweftError)) throw error;
      diagnostics.push(...error.diagnostics);
      return [];
    }
  });
  if (diagnostics.length > 0) throw new TensorweftError(diagnostics);
  return changed;
}

/** The kernels of a text program, at the shapes that its comments ask for. */
async function buildText(
  path: string,
  { read }: BuildOptions,
  profile: DeviceProfile,
): Promise<readonly BuiltKernel[]> {
  const { checkModule, listKernels, lowerKernel, parseModule } = await import("./text.ts");
  const text = read(path) ?? fail("invalid-file", `cannot read ${path}`, { help: "pass a .weft file" });
  const { module, diagnostics } = parseModule(text, path);
  throwErrors(module === undefined ? diagnostics : [...diagnostics, ...checkModule(module)]);
  if (module === undefined) return [];
  const kernels = listKernels(module);
  const wanted = readDirectives(
    text,
    path,
    kernels.map(({ name }) => name),
  );
  return mapAll(kernels, (kernel) => {
    const declared = module.declarations.find(({ name }) => name.text === kernel.name)?.name.span;
    const variants = mapAll(wanted.get(kernel.name) ?? [NO_DIRECTIVE], (directive) => {
      const { dynamic, dtype, label, span } = directive;
      const graphAt = (size: number): Graph => {
        const { shapes, dims } = lengthsAt(directive, size);
        const derived = locate(span, () => deriveShapes(kernel, shapes, dims));
        const lowered = lowerKernel(module, kernel.name, derived, { dtype });
        throwErrors(
          lowered.diagnostics.map((d) =>
            d.code === "unbound-dimension"
              ? { ...d, help: `say it in a comment: // @shapes ${kernel.name} N=512` }
              : d,
          ),
        );
        return lowered.graph ?? bug(`${kernel.name} has no graph and no error`);
      };
      if (dynamic === undefined) return compileVariant(graphAt(0), label, profile);
      const fixed = fixedLengths(directive);
      return compileSizes({
        ...{ kernel: kernel.name, name: dynamic, label, span: span ?? declared },
        ...{ graphAt, fixed, profile },
      });
    });
    const outputs = variants[0]?.plan.outputs ?? [];
    const form = outputs.length === 1 ? "one" : outputs.map((output) => output.name);
    return { name: kernel.name, span: declared, form, variants };
  });
}

const NO_DIRECTIVE: Directive = {
  shapes: new Map(),
  dims: new Map(),
  dynamic: undefined,
  dtype: undefined,
  label: "",
  span: undefined,
};

function bug(message: string): never {
  throw new CompilerBug(message, []);
}

function throwErrors(diagnostics: readonly Diagnostic[]): void {
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new TensorweftError(errors);
}

/** Gives mistakes in a directive its place. */
function locate<T>(span: Span | undefined, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    throw new TensorweftError(
      error.diagnostics.map((d) => ({ ...d, span: d.span ?? span })),
      { cause: error },
    );
  }
}

/** What the top level of a TypeScript file declares, for kernels to use. */
import {
  Node,
  type CallExpression,
  type SourceFile,
  type Statement,
  type TypeNode,
  VariableDeclarationKind,
} from "ts-morph";
import { AOT_FUNCTIONS, SPECIAL_FUNCTIONS } from "./aot-library.ts";
import type { Reports } from "./places.ts";
import { hostPath, resolvePath } from "./project-paths.ts";
import type { Declared, FileScope } from "./aot-values.ts";

/** The module that the functions and types of the source language come from. */
export const AOT_MODULE = "tensorweft/aot";

export interface AotFile extends FileScope {
  /** `const name = kernel(...)`, exported or not. */
  readonly kernels: ReadonlyMap<string, { readonly call: CallExpression; readonly isExported: boolean }>;
  readonly types: ReadonlyMap<string, TypeNode>;
  /** Local names of `Tensor` of tensorweft/aot. */
  readonly tensorNames: ReadonlySet<string>;
}

export function readFile(source: SourceFile, reports: Reports): AotFile {
  const names = new Map<string, Declared>();
  const kernels = new Map<string, { call: CallExpression; isExported: boolean }>();
  const types = new Map<string, TypeNode>();
  const tensorNames = new Set<string>();
  const kernelNames = new Set<string>();
  for (const statement of source.getStatements())
    readImport(statement, names, tensorNames, kernelNames, reports);
  for (const statement of source.getStatements()) {
    if (Node.isFunctionDeclaration(statement)) {
      names.set(statement.getName() ?? "default", { kind: "function", node: statement });
    } else if (Node.isTypeAliasDeclaration(statement)) {
      const type = statement.getTypeNode();
      if (type !== undefined) types.set(statement.getName(), type);
    } else if (Node.isVariableStatement(statement)) {
      for (const declaration of statement.getDeclarations()) {
        const initializer = declaration.getInitializer();
        const name = declaration.getName();
        if (initializer === undefined || statement.getDeclarationKind() !== VariableDeclarationKind.Const)
          continue;
        const call = Node.isCallExpression(initializer) ? initializer : undefined;
        const fn = call?.getArguments()[0];
        if (call !== undefined && kernelNames.has(call.getExpression().getText())) {
          kernels.set(name, { call, isExported: statement.isExported() });
          // Other kernels may call it as the function that it wraps.
          if (fn !== undefined && Node.isExpression(fn)) names.set(name, { kind: "constant", node: fn });
          else {
            const help = "write kernel((x: Tensor<[...]>) => ...)";
            reports.error("wrong-argument", "kernel was given no function", call, help);
            names.set(name, { kind: "poison" });
          }
        } else names.set(name, { kind: "constant", node: initializer });
      }
    }
  }
  return { source, names, kernels, types, tensorNames };
}

function readImport(
  statement: Statement,
  names: Map<string, Declared>,
  tensorNames: Set<string>,
  kernelNames: Set<string>,
  reports: Reports,
): void {
  if (!Node.isImportDeclaration(statement)) return;
  const from = statement.getModuleSpecifierValue();
  const namespace = statement.getNamespaceImport()?.getText();
  if (namespace !== undefined && from === AOT_MODULE) {
    names.set(namespace, { kind: "value", value: { kind: "namespace", name: "aot" } });
    tensorNames.add(`${namespace}.Tensor`);
    kernelNames.add(`${namespace}.kernel`);
  }
  for (const specifier of statement.getNamedImports()) {
    const name = specifier.getName();
    const local = specifier.getAliasNode()?.getText() ?? name;
    if (from === AOT_MODULE) {
      if (name === "Tensor") tensorNames.add(local);
      else if (name === "kernel") kernelNames.add(local);
      if (AOT_FUNCTIONS.has(name) || SPECIAL_FUNCTIONS.includes(name) || name === "kernel")
        names.set(local, { kind: "value", value: { kind: "library", name } });
    } else if (from.startsWith(".")) {
      names.set(local, {
        kind: "import",
        from: resolvePath(hostPath(statement.getSourceFile().getFilePath()), from),
        name,
      });
    } else if (!statement.isTypeOnly() && !specifier.isTypeOnly()) {
      const help = "kernels see tensorweft/aot and the files of their project (relative imports)";
      reports.error("wrong-argument", `${name} of ${from} has no meaning in a kernel`, specifier, help);
      names.set(local, { kind: "poison" });
    }
  }
}

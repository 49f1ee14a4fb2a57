/** What the top level of a TypeScript file declares, for kernels to use. */
import {
  Node,
  type CallExpression,
  type ExportDeclaration,
  type ImportDeclaration,
  type SourceFile,
  type TypeNode,
  type VariableStatement,
  VariableDeclarationKind,
} from "ts-morph";
import { AOT_FUNCTIONS, SPECIAL_FUNCTIONS } from "./aot-library.ts";
import type { Reports } from "./places.ts";
import { hostPath, resolvePath } from "./project-paths.ts";
import type { Declared, FileScope } from "./aot-values.ts";

/** The module that the functions and types of the source language come from. */
export const AOT_MODULE = "tensorweft/aot";

type ImportedName = Declared & { readonly kind: "import" };

export interface AotFile extends FileScope {
  /** `const name = kernel(...)`. */
  readonly kernels: ReadonlyMap<string, CallExpression>;
  /** Exported names of kernels, by the names that the file gives them. */
  readonly exported: ReadonlyMap<string, string>;
}

interface Reading {
  readonly names: Map<string, Declared>;
  readonly stars: ImportedName[];
  readonly kernels: Map<string, CallExpression>;
  readonly exported: Map<string, string>;
  readonly types: Map<string, TypeNode>;
  readonly tensorNames: Set<string>;
  readonly kernelNames: Set<string>;
  readonly reports: Reports;
}

export function readFile(source: SourceFile, reports: Reports): AotFile {
  const reading: Reading = {
    names: new Map(),
    stars: [],
    kernels: new Map(),
    exported: new Map(),
    types: new Map(),
    tensorNames: new Set(),
    kernelNames: new Set(),
    reports,
  };
  const statements = source.getStatements();
  for (const statement of statements) if (Node.isImportDeclaration(statement)) readImport(statement, reading);
  for (const statement of statements) {
    if (Node.isFunctionDeclaration(statement)) {
      const declared: Declared = { kind: "function", node: statement };
      reading.names.set(statement.getName() ?? "default", declared);
      if (statement.isDefaultExport()) reading.names.set("default", declared);
    } else if (Node.isTypeAliasDeclaration(statement)) {
      const type = statement.getTypeNode();
      if (type !== undefined) reading.types.set(statement.getName(), type);
    } else if (Node.isVariableStatement(statement)) readConstants(statement, reading);
    else if (Node.isExportDeclaration(statement)) readExport(statement, reading);
    else if (Node.isExportAssignment(statement)) {
      const node = statement.getExpression();
      if (isKernelCall(node, reading))
        reports.error(
          "unknown-kernel",
          "a kernel needs a name of its own to be exported",
          statement,
          "write export const name = kernel(...)",
        );
      reading.names.set("default", { kind: "constant", node });
    }
  }
  return { source, ...reading };
}

/** Whether it is `kernel(...)`; a report where nobody has imported that. */
function isKernelCall(node: Node, { kernelNames, names, reports }: Reading): node is CallExpression {
  if (!Node.isCallExpression(node)) return false;
  const callee = node.getExpression().getText();
  if (kernelNames.has(callee)) return true;
  if (callee === "kernel" && !names.has("kernel"))
    reports.error(
      "unknown-name",
      "kernel is not imported",
      node.getExpression(),
      `write import { kernel, type Tensor } from "${AOT_MODULE}"`,
    );
  return false;
}

function readConstants(statement: VariableStatement, reading: Reading): void {
  const { names, kernels, exported, reports } = reading;
  for (const declaration of statement.getDeclarations()) {
    const initializer = declaration.getInitializer();
    const name = declaration.getName();
    if (initializer === undefined || statement.getDeclarationKind() !== VariableDeclarationKind.Const)
      continue;
    if (!isKernelCall(initializer, reading)) {
      names.set(name, { kind: "constant", node: initializer });
      continue;
    }
    kernels.set(name, initializer);
    if (statement.isExported()) exported.set(name, name);
    // Other kernels may call it as the function that it wraps.
    const [fn] = initializer.getArguments();
    if (fn !== undefined && Node.isExpression(fn)) names.set(name, { kind: "constant", node: fn });
    else {
      const help = "write kernel((x: Tensor<[...]>) => ...)";
      reports.error("wrong-argument", "kernel was given no function", initializer, help);
      names.set(name, { kind: "poison" });
    }
  }
}

/** `export { a, b as c }`, and the same, or `*`, from another file. */
function readExport(statement: ExportDeclaration, { names, stars, exported, kernels }: Reading): void {
  const from = statement.getModuleSpecifierValue();
  const path =
    from?.startsWith(".") === true
      ? resolvePath(hostPath(statement.getSourceFile().getFilePath()), from)
      : undefined;
  for (const specifier of statement.getNamedExports()) {
    const name = specifier.getName();
    const alias = specifier.getAliasNode()?.getText() ?? name;
    if (path !== undefined) names.set(alias, { kind: "import", from: path, name, node: specifier });
    else if (from === undefined) {
      if (kernels.has(name)) exported.set(name, alias);
      const declared = names.get(name);
      if (declared !== undefined && alias !== name) names.set(alias, declared);
    }
  }
  if (path === undefined || statement.hasNamedExports()) return;
  const namespace = statement.getNamespaceExport()?.getName();
  const node = statement.getModuleSpecifier() ?? statement;
  const all: ImportedName = { kind: "import", from: path, name: "*", node };
  if (namespace === undefined) stars.push(all);
  else names.set(namespace, all);
}

function readImport(statement: ImportDeclaration, reading: Reading): void {
  const { names, tensorNames, kernelNames, reports } = reading;
  const from = statement.getModuleSpecifierValue();
  const namespace = statement.getNamespaceImport();
  const byDefault = statement.getDefaultImport();
  if (from.startsWith(".")) {
    const path = resolvePath(hostPath(statement.getSourceFile().getFilePath()), from);
    const add = (local: string, name: string, node: Node): void => {
      names.set(local, { kind: "import", from: path, name, node });
    };
    if (namespace !== undefined) add(namespace.getText(), "*", namespace);
    if (byDefault !== undefined) add(byDefault.getText(), "default", byDefault);
    for (const specifier of statement.getNamedImports())
      add(specifier.getAliasNode()?.getText() ?? specifier.getName(), specifier.getName(), specifier);
    return;
  }
  if (from === AOT_MODULE && namespace !== undefined) {
    names.set(namespace.getText(), { kind: "value", value: { kind: "namespace", name: "aot" } });
    tensorNames.add(`${namespace.getText()}.Tensor`);
    kernelNames.add(`${namespace.getText()}.kernel`);
  }
  for (const specifier of statement.getNamedImports()) {
    const name = specifier.getName();
    const local = specifier.getAliasNode()?.getText() ?? name;
    if (from === AOT_MODULE) {
      if (name === "Tensor") tensorNames.add(local);
      else if (name === "kernel") kernelNames.add(local);
      if (AOT_FUNCTIONS.has(name) || SPECIAL_FUNCTIONS.includes(name) || name === "kernel")
        names.set(local, { kind: "value", value: { kind: "library", name } });
    } else if (!statement.isTypeOnly() && !specifier.isTypeOnly()) {
      const help = "kernels see tensorweft/aot and the files of their project (relative imports)";
      reports.error("wrong-argument", `${name} of ${from} has no meaning in a kernel`, specifier, help);
      names.set(local, { kind: "poison" });
    }
  }
}

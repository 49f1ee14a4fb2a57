/** What an editor shows of tensorweft/aot: every function has a line of documentation, and takes what the build understands. */
import { fileURLToPath } from "node:url";
import { Node, Project, type Type, type VariableDeclaration } from "ts-morph";
import { expect, test } from "vitest";
import { AOT_FUNCTIONS, SPECIAL_FUNCTIONS } from "../../src/frontend/aot/aot-library.ts";

const pathTo = (file: string): string => fileURLToPath(new URL(`../../src/${file}`, import.meta.url));

const project = new Project({
  compilerOptions: { strict: true, allowImportingTsExtensions: true, types: [] },
});
const FILES = ["aot.ts", "aot/functions.ts", "aot/norms.ts", "aot/activations.ts", "aot/gradients.ts"];
const declarations = FILES.flatMap((file) =>
  project
    .addSourceFileAtPath(pathTo(file))
    .getVariableDeclarations()
    .filter((declaration) => declaration.isExported()),
);

interface Signature {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** Parameters by name; those of the options count as optional ones, unless they have to be there. */
function signatureOf(declaration: VariableDeclaration): Signature {
  const required: string[] = [];
  const optional: string[] = [];
  const [signature] = declaration.getType().getCallSignatures();
  for (const parameter of signature?.getParameters() ?? []) {
    const at = parameter.getValueDeclarationOrThrow();
    const type: Type = parameter.getTypeAtLocation(at).getNonNullableType();
    const isOptional = Node.isParameterDeclaration(at) && at.isOptional();
    if (parameter.getName() !== "options") (isOptional ? optional : required).push(parameter.getName());
    else
      for (const property of type.getProperties())
        (property.isOptional() ? optional : required).push(property.getName());
  }
  return { required: required.sort(), optional: optional.sort() };
}

test("every function has a line of documentation", () => {
  const bare = declarations.filter(
    (declaration) => (declaration.getVariableStatement()?.getJsDocs().length ?? 0) === 0,
  );
  expect(bare.map((declaration) => declaration.getName())).toEqual([]);
});

test("the parameters and options of every function are those that the build understands", () => {
  const declared = declarations.filter((one) => AOT_FUNCTIONS.has(one.getName()));
  expect(declarations.length - declared.length).toBe(SPECIAL_FUNCTIONS.length + 1); // kernel
  const found = declared.map((one) => [one.getName(), signatureOf(one)]);
  const wanted = declared.map((one) => {
    const params = AOT_FUNCTIONS.get(one.getName())?.params ?? [];
    const names = (isRequired: boolean): readonly string[] =>
      params
        .filter(({ required }) => required === isRequired)
        .map(({ name }) => name)
        .sort();
    return [one.getName(), { required: names(true), optional: names(false) }];
  });
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
});

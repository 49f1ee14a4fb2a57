/** Parameters of a kernel: tensors of named dimensions, and numbers that are given at the call. */
import { type Identifier, Node, type ParameterDeclaration, type TypeNode } from "ts-morph";
import { type DType, isDType } from "../../ir/dtype.ts";
import type { FileScope, FunctionNode } from "./aot-values.ts";
import type { Reports } from "./places.ts";

/** The files of the project, and where mistakes go. */
export interface Files {
  readonly find: (path: string, at: Node) => FileScope | undefined;
  readonly reports: Reports;
}

export type AotParam =
  | {
      readonly kind: "tensor";
      readonly name: string;
      readonly nameNode: Identifier;
      readonly node: ParameterDeclaration;
      readonly dims: readonly (string | number)[];
      /** Undefined: f32, or what `dtype` among the shapes says. */
      readonly dtype: DType | undefined;
    }
  | {
      readonly kind: "scalar";
      readonly name: string;
      readonly nameNode: Identifier;
      readonly node: ParameterDeclaration;
      readonly dtype: "f32" | "bool";
    };

const HELP = 'write a type such as Tensor<["N", 3]>, or number for a scalar of the call';

/** The parameters, or undefined where one of them is not understood. */
export function readParams(
  node: FunctionNode,
  file: FileScope,
  files: Files,
): readonly AotParam[] | undefined {
  const { reports } = files;
  const params = node.getParameters().map((parameter) => readParam(parameter, file, files));
  const known = params.filter((param) => param !== undefined);
  if (known.length < params.length) return undefined;
  if (!known.some(({ kind }) => kind === "tensor"))
    return reports.error("wrong-arity", "a kernel needs a tensor among its parameters", node, HELP);
  return known;
}

function readParam(node: ParameterDeclaration, source: FileScope, files: Files): AotParam | undefined {
  const { reports } = files;
  const nameNode = node.getNameNode();
  if (!Node.isIdentifier(nameNode) || node.isRestParameter())
    return reports.error(
      "syntax",
      "a parameter of a kernel has one name",
      node,
      "take each tensor by itself",
    );
  const name = nameNode.getText();
  const { type, file } = resolveAlias(node.getTypeNode(), source, files);
  const text = type?.getText();
  const initializer = node.getInitializer();
  if (type === undefined && Node.isNumericLiteral(initializer))
    return { kind: "scalar", name, nameNode, node, dtype: "f32" };
  if (text === "number") return { kind: "scalar", name, nameNode, node, dtype: "f32" };
  if (text === "boolean") return { kind: "scalar", name, nameNode, node, dtype: "bool" };
  if (
    type === undefined ||
    !Node.isTypeReference(type) ||
    !file.tensorNames.has(type.getTypeName().getText())
  )
    return reports.error(
      "wrong-argument",
      `the type of ${name} is not known at build time`,
      node.getTypeNode() ?? node,
      HELP,
    );
  if (node.getInitializer() !== undefined || node.hasQuestionToken())
    return reports.error(
      "syntax",
      `the tensor ${name} cannot be left out of a call`,
      node,
      "make two kernels",
    );
  const [dimsNode, dtypeNode] = type.getTypeArguments();
  const dims = readDims(dimsNode, file, files);
  const dtype = dtypeNode === undefined ? undefined : readLiteral(resolveAlias(dtypeNode, file, files).type);
  if (dtypeNode !== undefined && (typeof dtype !== "string" || !isDType(dtype)))
    return reports.error(
      "unsupported-dtype",
      `${dtypeNode.getText()} is no dtype`,
      dtypeNode,
      'write "f32", "f16", "bf16", "i32", "u32" or "bool"',
    );
  if (dims === undefined) {
    if (dimsNode === undefined) reports.error("invalid-shape", `the shape of ${name} is missing`, type, HELP);
    return undefined;
  }
  return { kind: "tensor", name, nameNode, node, dims, dtype: dtype as DType | undefined };
}

interface ResolvedType {
  readonly type: TypeNode | undefined;
  /** Where its names are declared. */
  readonly file: FileScope;
}

/** A type alias, of this file or an imported one, as what it stands for. */
function resolveAlias(type: TypeNode | undefined, file: FileScope, files: Files, steps = 0): ResolvedType {
  if (type === undefined || !Node.isTypeReference(type) || steps > 100) return { type, file };
  const name = type.getTypeName().getText();
  const next = file.types.get(name);
  if (next !== undefined) return resolveAlias(next, file, files, steps + 1);
  const declared = file.names.get(name);
  const from = declared?.kind === "import" ? files.find(declared.from, declared.node) : undefined;
  const found = declared?.kind === "import" ? from?.types.get(declared.name) : undefined;
  return from === undefined || found === undefined
    ? { type, file }
    : resolveAlias(found, from, files, steps + 1);
}

function readDims(
  node: TypeNode | undefined,
  source: FileScope,
  files: Files,
): readonly (string | number)[] | undefined {
  const { type: tuple, file } = resolveAlias(node, source, files);
  const inner = tuple !== undefined && Node.isTypeOperatorTypeNode(tuple) ? tuple.getTypeNode() : tuple;
  if (inner === undefined) return undefined;
  const elements = Node.isTupleTypeNode(inner) ? inner.getElements() : undefined;
  const dims = elements?.map((element) => readLiteral(resolveAlias(element, file, files).type));
  const known = dims?.filter(
    (dim) => dim !== undefined && (typeof dim === "string" || Number.isSafeInteger(dim)),
  );
  if (known !== undefined && known.length === dims?.length) return known as readonly (string | number)[];
  return files.reports.error(
    "invalid-shape",
    `${inner.getText()} is no shape`,
    inner,
    'write a tuple of names and lengths: ["O", "I", 3]',
  );
}

function readLiteral(type: TypeNode | undefined): string | number | undefined {
  if (type === undefined || !Node.isLiteralTypeNode(type)) return undefined;
  const literal = type.getLiteral();
  if (Node.isNumericLiteral(literal)) return Number(literal.compilerNode.text);
  if (Node.isStringLiteral(literal)) return literal.getLiteralValue();
  return undefined;
}

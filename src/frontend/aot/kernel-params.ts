/** Parameters of a kernel: tensors of named dimensions, and numbers that are given at the call. */
import { Node, type ParameterDeclaration, type TypeNode } from "ts-morph";
import { type DType, isDType } from "../../ir/dtype.ts";
import type { FunctionNode } from "./aot-values.ts";
import type { Reports } from "./places.ts";
import type { AotFile } from "./read-file.ts";

export type AotParam =
  | {
      readonly kind: "tensor";
      readonly name: string;
      readonly node: ParameterDeclaration;
      readonly dims: readonly (string | number)[];
      /** Undefined: f32, or what `dtype` among the shapes says. */
      readonly dtype: DType | undefined;
    }
  | {
      readonly kind: "scalar";
      readonly name: string;
      readonly node: ParameterDeclaration;
      readonly dtype: "f32" | "bool";
    };

const HELP = 'write a type such as Tensor<["N", 3]>, or number for a scalar of the call';

/** The parameters, or undefined where one of them is not understood. */
export function readParams(
  node: FunctionNode,
  file: AotFile,
  reports: Reports,
): readonly AotParam[] | undefined {
  const params = node.getParameters().map((parameter) => readParam(parameter, file, reports));
  const known = params.filter((param) => param !== undefined);
  if (known.length < params.length) return undefined;
  if (!known.some(({ kind }) => kind === "tensor"))
    return reports.error("wrong-arity", "a kernel needs a tensor among its parameters", node, HELP);
  return known;
}

function readParam(node: ParameterDeclaration, file: AotFile, reports: Reports): AotParam | undefined {
  const nameNode = node.getNameNode();
  if (!Node.isIdentifier(nameNode) || node.isRestParameter())
    return reports.error(
      "syntax",
      "a parameter of a kernel has one name",
      node,
      "take each tensor by itself",
    );
  const name = nameNode.getText();
  const type = resolveAlias(node.getTypeNode(), file);
  const text = type?.getText();
  const initializer = node.getInitializer();
  if (type === undefined && Node.isNumericLiteral(initializer))
    return { kind: "scalar", name, node, dtype: "f32" };
  if (text === "number") return { kind: "scalar", name, node, dtype: "f32" };
  if (text === "boolean") return { kind: "scalar", name, node, dtype: "bool" };
  if (
    type === undefined ||
    !Node.isTypeReference(type) ||
    !file.tensorNames.has(type.getTypeName().getText())
  )
    return reports.error(
      "wrong-argument",
      `the type of ${name} is not known at build time`,
      type ?? node,
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
  const dims = readDims(dimsNode, file, reports);
  const dtype = dtypeNode === undefined ? undefined : readLiteral(resolveAlias(dtypeNode, file));
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
  return { kind: "tensor", name, node, dims, dtype: dtype as DType | undefined };
}

/** A type alias of the same file as what it stands for. */
function resolveAlias(type: TypeNode | undefined, { types }: AotFile): TypeNode | undefined {
  let resolved = type;
  for (let steps = 0; steps < types.size; steps++) {
    if (resolved === undefined || !Node.isTypeReference(resolved)) break;
    const next: TypeNode | undefined = types.get(resolved.getTypeName().getText());
    if (next === undefined) break;
    resolved = next;
  }
  return resolved;
}

function readDims(
  node: TypeNode | undefined,
  file: AotFile,
  reports: Reports,
): readonly (string | number)[] | undefined {
  const tuple = resolveAlias(node, file);
  const inner = tuple !== undefined && Node.isTypeOperatorTypeNode(tuple) ? tuple.getTypeNode() : tuple;
  if (inner === undefined) return undefined;
  const elements = Node.isTupleTypeNode(inner) ? inner.getElements() : undefined;
  const dims = elements?.map((element) => readLiteral(resolveAlias(element, file)));
  const known = dims?.filter(
    (dim) => dim !== undefined && (typeof dim === "string" || Number.isSafeInteger(dim)),
  );
  if (known !== undefined && known.length === dims?.length) return known as readonly (string | number)[];
  return reports.error(
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

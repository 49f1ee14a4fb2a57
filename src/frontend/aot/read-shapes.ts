/** `export const shapes = { kernel: [{ N: 512, dtype: "f16" }] }`: what each kernel is built for. */
import { Node } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { type DType, isDType, isFloat } from "../../ir/dtype.ts";
import { type AotValue, describeAot } from "./aot-values.ts";
import type { AotParam } from "./kernel-params.ts";
import type { Reports } from "./places.ts";

/** Lengths of the named dimensions, and what f32 stands for. */
export interface Specialisation {
  readonly dims: ReadonlyMap<string, number>;
  /** The dimension that has every length, if any: it is not among `dims`. */
  readonly dynamic: string | undefined;
  readonly dtype: DType;
}

export const dimensionsOf = (params: readonly AotParam[]): readonly string[] => [
  ...new Set(
    params.flatMap((param) =>
      param.kind === "tensor" ? param.dims.filter((dim) => typeof dim === "string") : [],
    ),
  ),
];

/** The part of a literal that is under these keys, as far as it is written there. */
export function findEntry(node: Node, ...path: readonly (string | number)[]): Node {
  const [key, ...rest] = path;
  if (Node.isVariableDeclaration(node) || Node.isPropertyAssignment(node)) {
    const initializer = node.getInitializer();
    if (initializer === undefined || key === undefined) return node;
    const inner = findEntry(initializer, ...path);
    return inner === initializer ? node : inner;
  }
  if (key === undefined) return node;
  if (Node.isAsExpression(node) || Node.isSatisfiesExpression(node) || Node.isParenthesizedExpression(node))
    return findEntry(node.getExpression(), ...path);
  if (Node.isObjectLiteralExpression(node)) {
    const name = String(key);
    const found = node.getProperty(name) ?? node.getProperty(JSON.stringify(name));
    return found === undefined ? node : findEntry(found, ...rest);
  }
  if (Node.isArrayLiteralExpression(node) && typeof key === "number") {
    const found = node.getElements()[key];
    return found === undefined ? node : findEntry(found, ...rest);
  }
  return node;
}

/** What the entry of one kernel asks for; undefined after a report. */
export function readShapes(
  kernel: string,
  params: readonly AotParam[],
  entry: AotValue | undefined,
  at: Node,
  reports: Reports,
): readonly Specialisation[] | undefined {
  const names = dimensionsOf(params);
  if (entry === undefined) {
    if (names.length === 0) return [{ dims: new Map(), dynamic: undefined, dtype: "f32" }];
    const example = names.map((name) => `${name}: 64`).join(", ");
    return reports.error(
      "unbound-dimension",
      `no shapes are given for ${kernel}`,
      at,
      `add: export const shapes = { ${kernel}: [{ ${example} }] }`,
    );
  }
  const list = entry.kind === "array" ? entry.items : [entry];
  const seen = new Set<string>();
  const read = list.map((item, position) => {
    const place = entry.kind === "array" ? findEntry(at, position) : at;
    const one = readOne(kernel, params, item, place, reports);
    const key = JSON.stringify([one?.dtype, one?.dynamic, [...(one?.dims ?? [])].sort()]);
    if (one !== undefined && seen.has(key))
      return reports.error(
        "duplicate-name",
        `${kernel} is built for these shapes twice`,
        place,
        "leave one of them out",
      );
    seen.add(key);
    return one;
  });
  const known = read.filter((one) => one !== undefined);
  if (known.length < read.length) return undefined;
  if (known.length === 0)
    return reports.error("unbound-dimension", `the list of shapes of ${kernel} is empty`, at, "add an entry");
  return known;
}

function readOne(
  kernel: string,
  params: readonly AotParam[],
  item: AotValue,
  at: Node,
  reports: Reports,
): Specialisation | undefined {
  if (item.kind !== "object")
    return reports.error(
      "wrong-argument",
      `shapes of ${kernel} are objects, not ${describeAot(item)}`,
      at,
      "write { N: 512 }",
    );
  const names = dimensionsOf(params);
  const dims = new Map<string, number>();
  let dynamic: string | undefined;
  let dtype: DType = "f32";
  for (const [name, value] of item.entries) {
    if (name === "dtype") {
      const given = value.kind === "string" ? value.value : "";
      if (!isDType(given) || !isFloat(given))
        return reports.error(
          "unsupported-dtype",
          `dtype of ${kernel} is ${describeAot(value)}`,
          findEntry(at, name),
          'write "f32", "f16" or "bf16": it stands for f32 in the types of its tensors',
        );
      dtype = given;
      continue;
    }
    if (!names.includes(name)) {
      const help =
        didYouMean(name, names) ??
        (names.length === 0 ? "it has no named dimensions" : `its dimensions are ${names.join(", ")}`);
      return reports.error(
        "unknown-argument",
        `${kernel} has no dimension ${name}`,
        findEntry(at, name),
        help,
      );
    }
    if (value.kind === "string" && value.value === "dynamic") {
      const refusal = refuseDynamic(name, dynamic, params);
      if (refusal !== undefined)
        return reports.error("invalid-axis", refusal.message, findEntry(at, name), refusal.help);
      dynamic = name;
      continue;
    }
    if (value.kind !== "number" || !Number.isSafeInteger(value.value) || value.value < 0)
      return reports.error(
        "invalid-shape",
        `${name} of ${kernel} is ${describeAot(value)}, which is no length`,
        findEntry(at, name),
        'lengths are whole numbers, 0 or more, or "dynamic" for an outermost one',
      );
    dims.set(name, value.value);
  }
  const open = names.filter((name) => !dims.has(name) && name !== dynamic);
  if (open.length === 0) return { dims, dynamic, dtype };
  return reports.error(
    "unbound-dimension",
    `shapes of ${kernel} do not say how long ${open.join(", ")} ${open.length === 1 ? "is" : "are"}`,
    at,
    `add ${open.map((name) => `${name}: 64`).join(", ")}`,
  );
}

/** Why a dimension cannot be dynamic. */
function refuseDynamic(
  name: string,
  other: string | undefined,
  params: readonly AotParam[],
): { readonly message: string; readonly help: string } | undefined {
  if (other !== undefined)
    return {
      message: `${other} and ${name} cannot both be dynamic`,
      help: "one dimension can, such as the batch",
    };
  const inner = params.find((param) => param.kind === "tensor" && param.dims.lastIndexOf(name) > 0);
  if (inner === undefined) return undefined;
  return {
    message: `${name} is not the outermost dimension of ${inner.name}, so it cannot be dynamic`,
    help: "give it a length for each size, or make it the first dimension",
  };
}

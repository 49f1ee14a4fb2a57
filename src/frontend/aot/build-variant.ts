/** One kernel at one set of shapes: its graph, or one for every length where a dimension is dynamic. */
import { TensorweftError } from "../../diagnostics/diagnostic.ts";
import type { Operand } from "../../ir/graph-builder.ts";
import type { Graph } from "../../ir/graph.ts";
import type { Expression, Node } from "ts-morph";
import {
  type AotValue,
  baseOf,
  describeAot,
  isFunction,
  type LocalScope,
  openScope,
  tensor,
  UNDEFINED,
} from "./aot-values.ts";
import { evaluateFunctionBody } from "./body.ts";
import type { Building, DynamicLength } from "./building.ts";
import { EVALUATOR, evaluate } from "./evaluate-aot.ts";
import type { AotParam } from "./kernel-params.ts";
import { Reports, spanOf } from "./places.ts";
import type { AotFile } from "./read-file.ts";
import type { Specialisation } from "./read-shapes.ts";

/** How a kernel returned its results: alone, as an array, or as an object with these keys. */
export type ResultForm = "one" | "list" | readonly string[];

export interface AotVariant {
  readonly graph: Graph;
  readonly form: ResultForm;
  /** As in `O=512, I=512, dtype=f16`. */
  readonly label: string;
  /** Where a dimension is dynamic; `graph` is that of some length. */
  readonly dynamic: DynamicVariant | undefined;
}

export interface DynamicVariant {
  /** Of the dimension. */
  readonly name: string;
  /** Throws `TensorweftError` where the kernel has none at that length. */
  readonly graphAt: (size: number) => Graph;
  /** Lengths and multiples of lengths that do not change: a size that stands for others divides none of them. */
  readonly fixed: readonly number[];
}

export type Closure = AotValue & { readonly kind: "closure" };

export interface KernelSource {
  readonly name: string;
  /** What `kernel(...)` was given: a function of the source, or derivatives of one. */
  readonly fn: Expression;
  readonly params: readonly AotParam[];
  readonly file: AotFile;
  readonly newBuilding: (name: string, reports: Reports, dynamic?: DynamicLength) => Building;
}

/** Lengths to look for mistakes at; prime, so that what they divide is dynamic. */
const SIZES: readonly number[] = [1021, 1031, 65521];

export function buildVariant(
  source: KernelSource,
  one: Specialisation,
  reports: Reports,
): AotVariant | undefined {
  const { dims, dynamic: name } = one;
  if (name === undefined) {
    const built = buildAt(source, one, reports);
    return built && { ...built, label: labelOf(one), dynamic: undefined };
  }
  const fixed = [
    ...dims.values(),
    ...source.params.flatMap((param) =>
      param.kind === "tensor" ? param.dims.filter((dim) => typeof dim === "number") : [],
    ),
  ];
  const size = SIZES.find((prime) => fixed.every((length) => length % prime !== 0 || length === 0)) ?? 1021;
  const built = buildAt(source, one, reports, { name, size });
  // That nothing is decided by the length is known from now on.
  const graphAt = (length: number): Graph => {
    const own = new Reports();
    const found = buildAt(source, { ...one, dims: new Map([...dims, [name, length]]) }, own);
    if (found === undefined) throw new TensorweftError(own.diagnostics);
    return found.graph;
  };
  return built && { ...built, label: labelOf(one), dynamic: { name, graphAt, fixed } };
}

function labelOf({ dims, dynamic, dtype }: Specialisation): string {
  const sizes = [...dims].map(([dim, size]) => `${dim}=${size}`);
  const open = dynamic === undefined ? [] : [`${dynamic}=dynamic`];
  return [...open, ...sizes, ...(dtype === "f32" ? [] : [`dtype=${dtype}`])].join(", ");
}

function buildAt(
  { name, fn, params, file, newBuilding }: KernelSource,
  one: Specialisation,
  reports: Reports,
  dynamic?: DynamicLength,
): Pick<AotVariant, "graph" | "form"> | undefined {
  const building = newBuilding(name, reports, dynamic);
  const callee = evaluate(fn, openScope(file), building);
  const closure = callee !== undefined && isFunction(callee) ? baseOf(callee) : undefined;
  if (callee === undefined || closure?.kind !== "closure") return undefined;
  const label = labelOf(one);
  const context = { message: `${name} is built for ${label} here`, span: spanOf(closure.node) };
  reports.context = label === "" ? undefined : context;
  const scope = openScope(closure.scope.file, closure.scope);
  const dims = dynamic === undefined ? one.dims : new Map([...one.dims, [dynamic.name, dynamic.size]]);
  for (const param of params)
    scope.names.set(param.name, declareParam(param, dims, one.dtype, scope, building));
  const value =
    callee.kind === "derivative"
      ? callWithParams(callee, params, fn, scope, building)
      : evaluateFunctionBody(closure.node, scope, building, EVALUATOR);
  const place = callee.kind === "derivative" ? fn : closure.node;
  const results = value === undefined ? undefined : readResults(value, place, building);
  reports.context = undefined;
  if (results === undefined) return undefined;
  const graph = reports.attempt(place, () => building.builder.finish(results.values));
  return graph && { graph, form: results.form };
}

/** A derivative, called with the parameters of the function at its bottom. */
function callWithParams(
  fn: AotValue & { readonly kind: "derivative" },
  params: readonly AotParam[],
  node: Expression,
  scope: LocalScope,
  building: Building,
): AotValue | undefined {
  const given = params.flatMap((param) => {
    const value = scope.names.get(param.name);
    return value === undefined ? [] : [{ node: param.nameNode, value }];
  });
  return given.length < params.length ? undefined : EVALUATOR.call(fn, given, node, building);
}

function declareParam(
  param: AotParam,
  dims: ReadonlyMap<string, number>,
  floatType: Specialisation["dtype"],
  scope: LocalScope,
  building: Building,
): AotValue | undefined {
  const { builder, reports } = building;
  const { name, node } = param;
  if (param.kind === "tensor") {
    const shape = param.dims.map((dim) => (typeof dim === "number" ? dim : (dims.get(dim) ?? 0)));
    const dtype = param.dtype === undefined || param.dtype === "f32" ? floatType : param.dtype;
    const made = reports.attempt(node, () => builder.param(name, { dtype, shape }, spanOf(node)));
    return made && tensor(made);
  }
  const initializer = node.getInitializer();
  const value = initializer && evaluate(initializer, scope, building);
  const isKnown = value?.kind === "number" || value?.kind === "boolean";
  if (initializer !== undefined && !isKnown) {
    if (value === undefined) return undefined;
    const message = `the default of ${name} is no number known at build time`;
    return reports.error("invalid-value", message, initializer, "write a number");
  }
  const options = { dtype: param.dtype, ...(isKnown ? { default: Number(value.value) } : {}) };
  const made = reports.attempt(node, () => builder.scalar(name, options, spanOf(node)));
  return made && tensor(made);
}

interface Results {
  readonly form: ResultForm;
  readonly values: readonly { readonly name: string; readonly value: Operand }[];
}

/** One tensor, an array of them, or an object with them. */
function readResults(value: AotValue, place: Node, building: Building): Results | undefined {
  if (value === UNDEFINED)
    return building.reports.error("wrong-argument", "a kernel returns nothing", place, "return a tensor");
  const named: readonly (readonly [string, AotValue])[] =
    value.kind === "object"
      ? [...value.entries]
      : value.kind === "array"
        ? value.items.map((item, i) => [`out${i}`, item] as const)
        : [["out", value]];
  const form = value.kind === "object" ? [...value.entries.keys()] : value.kind === "array" ? "list" : "one";
  const values = named.flatMap(([name, item]) => {
    if (item.kind !== "tensor" && item.kind !== "number" && item.kind !== "boolean") {
      building.reports.error(
        "wrong-argument",
        `a kernel gives tensors, not ${describeAot(item)}`,
        place,
        isFunction(item)
          ? "call it: what a function gives can be returned"
          : "return a tensor, an array of tensors or an object with tensors",
      );
      return [];
    }
    return [{ name, value: item.value }];
  });
  return values.length === named.length ? { form, values } : undefined;
}

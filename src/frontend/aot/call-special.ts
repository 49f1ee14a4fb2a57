/** Calls of functions that are no function of operands alone: those that ask about tensors at build time, slices and casts. */
import type { Expression } from "ts-morph";
import { isDType } from "../../ir/dtype.ts";
import type { SliceRange } from "../../ir/graph-builder.ts";
import { type AotValue, describeAot, integer, tensor, text } from "./aot-values.ts";
import type { Building, Evaluator, Given } from "./building.ts";
import { spanOf } from "./places.ts";

/** Functions that are no function of operands alone; null for others. */
export function callSpecial(
  name: string,
  given: readonly Given[],
  node: Expression,
  building: Building,
  { operandOf }: Evaluator,
): AotValue | undefined | null {
  if (!["shapeOf", "rankOf", "dtypeOf", "slice", "cast"].includes(name)) return null;
  const [first, second] = given;
  const count = name === "slice" || name === "cast" ? 2 : 1;
  if (first === undefined || given.length !== count) {
    const help =
      count === 1 ? `call it as ${name}(x)` : `call it as ${name}(x, ${name === "cast" ? '"f32"' : "[...]"})`;
    return building.reports.error(
      "wrong-arity",
      `${name} takes ${count === 1 ? "a tensor" : "a tensor and one more argument"}`,
      node,
      help,
    );
  }
  const operand = operandOf(first.value, first.node, building);
  if (operand === undefined) return undefined;
  const { builder, reports } = building;
  const value = typeof operand === "object" ? operand : builder.constant(operand);
  const { shape, dtype } = value.type;
  if (name === "shapeOf") return building.shapeOf(shape);
  if (name === "rankOf") return integer(shape.length);
  if (name === "dtypeOf") return text(dtype);
  if (second === undefined) return undefined;
  if (name === "cast") {
    const wanted = second.value.kind === "string" ? second.value.value : "";
    if (!isDType(wanted))
      return reports.error(
        "unsupported-dtype",
        `cast was given ${describeAot(second.value)} for a dtype`,
        second.node,
        'write "f32", "f16", "bf16", "i32", "u32" or "bool"',
      );
    const cast = reports.attempt(node, () => builder.cast(value, wanted, spanOf(node)));
    return cast === undefined ? undefined : tensor(cast);
  }
  const ranges = readRanges(second, building);
  const sliced = ranges && reports.attempt(node, () => builder.slice(value, ranges, spanOf(node)));
  return sliced === undefined ? undefined : tensor(sliced);
}

/** One entry per dimension: a position, `[start, stop, step]`, or null for all of it. */
function readRanges(
  { value, node }: Given,
  building: Building,
): readonly (number | SliceRange)[] | undefined {
  const items = value.kind === "array" ? value.items : undefined;
  const ranges = items?.map((item): number | SliceRange | undefined => {
    if (item.kind === "number" && Number.isSafeInteger(item.value)) return item.value;
    if (item.kind === "none") return {};
    if (item.kind !== "array" || item.items.length > 3) return undefined;
    const bounds = item.items.map((bound) =>
      bound.kind === "number" && Number.isSafeInteger(bound.value)
        ? bound.value
        : bound.kind === "none"
          ? undefined
          : null,
    );
    if (bounds.includes(null)) return undefined;
    const [start, stop, step] = bounds;
    return { start: start ?? undefined, stop: stop ?? undefined, step: step ?? undefined };
  });
  const known = ranges?.filter((range) => range !== undefined);
  if (known !== undefined && known.length === ranges?.length) return known;
  const help =
    "write one entry per dimension: a position, [start, stop] or [start, stop, step], or null for all";
  return building.reports.error(
    "wrong-argument",
    "the ranges of slice are not known at build time",
    node,
    help,
  );
}

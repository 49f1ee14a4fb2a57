/** `export const shapes = { kernel: [{ N: 512, dtype: "f16" }] }`: what each kernel is built for. */
import type { Node } from "ts-morph";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { type DType, isDType, isFloat } from "../../ir/dtype.ts";
import { type AotValue, describeAot } from "./aot-values.ts";
import type { AotParam } from "./kernel-params.ts";
import type { Reports } from "./places.ts";

/** Lengths of the named dimensions, and what f32 stands for. */
export interface Specialisation {
  readonly dims: ReadonlyMap<string, number>;
  readonly dtype: DType;
}

export const dimensionsOf = (params: readonly AotParam[]): readonly string[] => [
  ...new Set(
    params.flatMap((param) =>
      param.kind === "tensor" ? param.dims.filter((dim) => typeof dim === "string") : [],
    ),
  ),
];

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
    if (names.length === 0) return [{ dims: new Map(), dtype: "f32" }];
    const example = names.map((name) => `${name}: 64`).join(", ");
    return reports.error(
      "unbound-dimension",
      `no shapes are given for ${kernel}`,
      at,
      `add: export const shapes = { ${kernel}: [{ ${example} }] }`,
    );
  }
  const list = entry.kind === "array" ? entry.items : [entry];
  const read = list.map((item) => readOne(kernel, names, item, at, reports));
  const known = read.filter((one) => one !== undefined);
  if (known.length < read.length) return undefined;
  if (known.length === 0)
    return reports.error("unbound-dimension", `the list of shapes of ${kernel} is empty`, at, "add an entry");
  return known;
}

function readOne(
  kernel: string,
  names: readonly string[],
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
  const dims = new Map<string, number>();
  let dtype: DType = "f32";
  for (const [name, value] of item.entries) {
    if (name === "dtype") {
      const given = value.kind === "string" ? value.value : "";
      if (!isDType(given) || !isFloat(given))
        return reports.error(
          "unsupported-dtype",
          `dtype of ${kernel} is ${describeAot(value)}`,
          at,
          'write "f32", "f16" or "bf16": it stands for f32 in the types of its tensors',
        );
      dtype = given;
      continue;
    }
    if (!names.includes(name)) {
      const help =
        didYouMean(name, names) ??
        (names.length === 0 ? "it has no named dimensions" : `its dimensions are ${names.join(", ")}`);
      return reports.error("unknown-argument", `${kernel} has no dimension ${name}`, at, help);
    }
    if (value.kind !== "number" || !Number.isSafeInteger(value.value) || value.value < 0)
      return reports.error(
        "invalid-shape",
        `${name} of ${kernel} is ${describeAot(value)}, which is no length`,
        at,
        "lengths are whole numbers, 0 or more",
      );
    dims.set(name, value.value);
  }
  const open = names.filter((name) => !dims.has(name));
  if (open.length === 0) return { dims, dtype };
  return reports.error(
    "unbound-dimension",
    `shapes of ${kernel} do not say how long ${open.join(", ")} ${open.length === 1 ? "is" : "are"}`,
    at,
    `add ${open.map((name) => `${name}: 64`).join(", ")}`,
  );
}

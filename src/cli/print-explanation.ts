/** An explanation as a report to read: traffic against its floor, a table of kernels, what each computes and why. */
import type { ExplainedKernel, Explanation } from "../explain.ts";
import { printType } from "../ir/dtype.ts";
import { printPlace, type NamedStatement } from "../ir/name-statements.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { printSchedule } from "./print-schedule.ts";
import { printBytes } from "../ir/print-bytes.ts";
import { type Column, printTable } from "./print-table.ts";

const COLUMNS: readonly Column[] = [
  { title: "kernel" },
  { title: "grid" },
  { title: "workgroups", align: "right" },
  { title: "size", align: "right" },
  { title: "reads", align: "right" },
  { title: "writes", align: "right" },
  { title: "sectors", align: "right" },
  { title: "occupancy", align: "right" },
];

const count = (n: number, word: string, plural = `${word}s`): string => `${n} ${n === 1 ? word : plural}`;

/** Trailing ones of a grid say nothing. */
const printGrid = ([x, y, z]: ExplainedKernel["workgroups"]): string =>
  z > 1 ? `${x}x${y}x${z}` : y > 1 ? `${x}x${y}` : String(x);

const printRow = (kernel: ExplainedKernel): readonly string[] => [
  kernel.name,
  kernel.gridAxes.length === 0 ? "-" : kernel.gridAxes.join(","),
  printGrid(kernel.workgroups),
  String(kernel.workgroupSize),
  printBytes(kernel.bytesRead),
  printBytes(kernel.bytesWritten),
  kernel.sectors.toFixed(2),
  kernel.occupancy.toFixed(2),
];

const ORIGINS: Readonly<Record<ExplainedKernel["origin"], string>> = {
  chosen: "",
  tuned: ", from the tuning record",
  given: ", as given",
};

type Statements = ReadonlyMap<string, NamedStatement>;

/** What the kernel computes: the lines that it stems from, in the order in which it comes to them, and what they do in it. */
function printStatements({ statements }: ExplainedKernel, named: Statements): readonly string[] {
  const lines = new Map<string, Set<string>>();
  for (const name of statements) {
    const { operation = name, span } = named.get(name) ?? {};
    const place = span === undefined ? "" : printPlace(span);
    const operations = lines.get(place) ?? new Set();
    lines.set(place, operations.add(operation));
  }
  const width = Math.max(...[...lines.keys()].map((place) => place.length));
  return [...lines].map(([place, operations]) => {
    const column = width === 0 ? "" : `${place.padEnd(width)}  `;
    return `  ${column}${[...operations].join(", ")}`;
  });
}

/** What every workgroup repeats, and what that costs; empty for most kernels. */
function printStages({ stages, bytesReread }: ExplainedKernel, named: Statements): readonly string[] {
  if (stages.length === 0) return [];
  const list = stages.map(({ values, points, terms }) => {
    const each = points === 1 ? "one value" : count(points, "value");
    const labels = values.map((name) => named.get(name)?.label ?? name);
    return `${labels.join(", ")} (${each} of ${count(terms, "term")}${values.length > 1 ? " each" : ""})`;
  });
  return [
    `  every workgroup first computes ${list.join(", then ")}; what several workgroups read, ${printBytes(bytesReread)}, comes from caches`,
  ];
}

function printTraffic({ moved, floor }: Explanation["bytes"]): string {
  const times = floor === 0 ? "" : `, ${(moved / floor).toFixed(2)} times the floor of ${printBytes(floor)}`;
  return `${printBytes(moved)} moved${times}`;
}

/** The report, without a trailing line break. */
export function printExplanation(name: string, explanation: Explanation, profile: DeviceProfile): string {
  const { kernels, statements, dispatches, bytes, inputs, outputs } = explanation;
  const named = new Map(statements.map((s) => [s.name, s]));
  const list = (tensors: Explanation["inputs"]): string =>
    tensors.map((tensor) => `${tensor.name} ${printType(tensor)}`).join(", ");
  return [
    `${name} for ${profile.name}: ${count(dispatches, "dispatch", "dispatches")}, ${printTraffic(bytes)}`,
    `  in   ${inputs.length === 0 ? "-" : list(inputs)}`,
    `  out  ${list(outputs)}`,
    "",
    ...printTable(COLUMNS, kernels.map(printRow)),
    "",
    "sectors: 32-byte sectors touched over the least (1 = coalesced); occupancy: workgroups over those that fill the",
    "device, or over one for each 4 KiB that the kernel moves where these are fewer",
    ...kernels.flatMap((kernel) => [
      "",
      `${kernel.name}: ${printSchedule(kernel.schedule)}${ORIGINS[kernel.origin]}`,
      ...printStatements(kernel, named),
      ...printStages(kernel, named),
      ...kernel.reasons.map((reason) => `  ${reason}`),
    ]),
  ].join("\n");
}

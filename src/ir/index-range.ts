/**
 * Which elements of its bindings some workgroups of a kernel can touch: interval arithmetic over its indices.
 *
 * Requires: a verified kernel, before or after legalisation.
 * Ensures:  every access of these workgroups whose value matters lies in the range; what depends on data may touch the
 *           whole binding. An index below 0 is that of a guarded read whose value is dropped: it may be read elsewhere.
 */
import { collectSites, type Definition } from "./kernel-sites.ts";
import type { Expr, IndexOp, Kernel } from "./kernel.ts";

/** Smallest and largest value. */
export type Range = readonly [number, number];

/** For workgroups `first` to `last`: the range of each binding, none where they do not touch it. */
export type RangeReader = (first: number, last: number) => ReadonlyMap<string, Range>;

export function openRangeReader(kernel: Kernel): RangeReader {
  const { sites, definitions } = collectSites(kernel);
  const bounded = sites.map((site) => ({
    ...site,
    bounds: site.conditions.flatMap((condition) => collectBounds(condition, definitions)),
  }));
  return (first, last) => {
    const open = (bounds: readonly Bound[]): ReadExpr =>
      openExprReader({ kernel, definitions, workgroups: [first, last], bounds });
    const unbounded = open([]);
    const ranges = new Map<string, Range>();
    for (const { binding, index, bounds } of bounded) {
      const most = binding.elements - 1;
      const read = bounds.length === 0 ? unbounded : open(bounds);
      const [low, high] = read(index) ?? [0, most];
      if (low > most || high < 0 || low > high) continue; // behind a condition that fails here
      const known = ranges.get(binding.name) ?? [Infinity, -Infinity];
      const end = Math.min(most, high + binding.width - 1);
      ranges.set(binding.name, [Math.min(known[0], Math.max(0, low)), Math.max(known[1], end)]);
    }
    return ranges;
  };
}

/** `subject < below`, where the subject is the lane or a name. */
interface Bound {
  readonly subject: string;
  readonly below: number;
}

/** The subject of the lane; names of values are identifiers. */
const LANE_SUBJECT = "<lane>";

/** The parts of a conjunction that bound something; names that stand for conditions are looked up. */
function collectBounds(condition: Expr, definitions: ReadonlyMap<string, Definition>): readonly Bound[] {
  if (condition.kind === "name") {
    const definition = definitions.get(condition.name);
    return definition?.kind === "let" ? collectBounds(definition.value, definitions) : [];
  }
  if (condition.kind !== "op") return [];
  if (condition.fn === "and") return condition.args.flatMap((part) => collectBounds(part, definitions));
  const [subject, limit] = condition.args;
  if (condition.fn !== "lt" || limit?.kind !== "const" || subject === undefined) return [];
  if (subject.kind === "lane") return [{ subject: LANE_SUBJECT, below: limit.value }];
  return subject.kind === "name" ? [{ subject: subject.name, below: limit.value }] : [];
}

type ReadExpr = (expr: Expr) => Range | undefined;

interface Place {
  readonly kernel: Kernel;
  readonly definitions: ReadonlyMap<string, Definition>;
  readonly workgroups: Range;
  readonly bounds: readonly Bound[];
}

function openExprReader({ kernel, definitions, workgroups, bounds }: Place): ReadExpr {
  const known = new Map<string, Range | undefined>();
  const narrow = (subject: string, range: Range | undefined): Range | undefined =>
    bounds.reduce(
      (found, bound) =>
        found === undefined || bound.subject !== subject
          ? found
          : ([found[0], Math.min(found[1], bound.below - 1)] as const),
      range,
    );
  const readDefinition = (definition: Definition | undefined): Range | undefined => {
    if (definition === undefined) return undefined;
    if (definition.kind === "counter") return [0, definition.trips - 1];
    if (definition.kind === "let") return read(definition.value);
    const from = read(definition.from);
    if (from === undefined) return undefined;
    return remainder(quotient(from, definition.stride), definition.size);
  };
  const read: ReadExpr = (expr) => {
    switch (expr.kind) {
      case "const":
        return [expr.value, expr.value];
      case "workgroup":
        return workgroups;
      case "lane":
        return narrow(LANE_SUBJECT, [0, kernel.workgroupSize - 1]);
      case "name":
        if (!known.has(expr.name))
          known.set(expr.name, narrow(expr.name, readDefinition(definitions.get(expr.name))));
        return known.get(expr.name);
      case "index": {
        const [a, b] = [read(expr.args[0]), read(expr.args[1])];
        return a === undefined || b === undefined ? undefined : combine(expr.fn, a, b);
      }
      default:
        return undefined;
    }
  };
  return read;
}

const quotient = ([low, high]: Range, divisor: number): Range => [
  Math.floor(low / divisor),
  Math.floor(high / divisor),
];

const remainder = ([low, high]: Range, divisor: number): Range =>
  Math.floor(low / divisor) === Math.floor(high / divisor)
    ? [low % divisor, high % divisor]
    : [0, divisor - 1];

/** A difference may be negative on its way: sums that follow bring it back, as u32 arithmetic does. */
function combine(fn: IndexOp, a: Range, b: Range): Range | undefined {
  switch (fn) {
    case "add":
      return [a[0] + b[0], a[1] + b[1]];
    case "sub":
      return [a[0] - b[1], a[1] - b[0]];
    case "min":
      return [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    case "mul":
      return a[0] < 0 || b[0] < 0 ? undefined : [a[0] * b[0], a[1] * b[1]];
    case "div":
    case "mod": {
      if (a[0] < 0 || b[0] !== b[1] || b[0] <= 0) return undefined;
      return fn === "div" ? quotient(a, b[0]) : remainder(a, b[0]);
    }
    default:
      return fn satisfies never;
  }
}

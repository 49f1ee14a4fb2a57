/**
 * What a kernel moves, derived from its statements: bytes per binding, and how well accesses fill memory sectors.
 *
 * Bytes of a binding are the distinct elements that a sweep touches over the whole grid and its loops, summed over sweeps.
 * A sweep is made of the load (store) statements that run in one stretch of code, or that touch other elements than each
 * other in every workgroup. So a tensor swept in three phases counts three times, the pieces of a row count once together,
 * neighbours (`x[i] + x[i + 1]`) and both halves of `x + transpose(x)` count once, and so does a weight row that all
 * workgroups share: caches hold it.
 *
 * `sectors` is the number of 32-byte sectors that the lanes of a subgroup touch in one access, over the least that the
 * same bytes need, weighted by bytes (1: coalesced). Sampled: first, middle and last workgroup and iteration. What one
 * invocation touches again in its next iteration counts again.
 *
 * Requires: a verified kernel, before or after legalisation.
 * Ensures:  exact bytes unless `estimated`: then some index depends on data, or is neither affine nor small enough to be
 *           enumerated, and its statement counts what it can touch at most. Statements of one sweep that overlap in part
 *           count what they touch together at most.
 */
import { areRelated, boundName, countValues, openAffineReader, variableOf } from "./affine-index.ts";
import type { Affine, Variable } from "./affine-index.ts";
import { storageBytes } from "./dtype.ts";
import { collectSites, openIndexCompiler } from "./kernel-sites.ts";
import type { Definition, IndexFunction, Point, Site } from "./kernel-sites.ts";
import type { Expr, Kernel } from "./kernel.ts";
import type { DeviceProfile } from "./profile.ts";
import { SECTOR_BYTES } from "./sectors.ts";
import { visitElements } from "./site-points.ts";

export interface BindingTraffic {
  readonly name: string;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly sectors: number;
}

export interface KernelAnalysis {
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly sectors: number;
  readonly perBinding: readonly BindingTraffic[];
  readonly estimated: boolean;
}

const MOST_EVALUATIONS = 4_000_000;
/** Accesses of one workgroup that are listed to see whether two statements touch the same elements. */
const MOST_IN_WORKGROUP = 65_536;
const DEFAULT_SUBGROUP = 32;
/** Loops further in than these are sampled at their first iteration only. */
const SAMPLED_LOOPS = 3;

interface SiteTraffic {
  readonly site: Site;
  /** See `listTouched`; listed when asked for the first time. */
  readonly touched: () => readonly Uint32Array[] | undefined;
  readonly bytes: number;
  readonly sectors: number;
  readonly exact: boolean;
}

export function analyzeKernel(kernel: Kernel, profile: DeviceProfile): KernelAnalysis {
  const { sites, definitions } = collectSites(kernel);
  const read = openAffineReader(kernel, definitions);
  const compile = openIndexCompiler(definitions);
  const lanes = Math.min(kernel.workgroupSize, profile.subgroups?.[1] ?? DEFAULT_SUBGROUP);
  const traffic = sites.map((site): SiteTraffic => {
    const index = compile(site.index);
    const conditions = site.conditions.map(compile);
    const bounds = site.conditions.flatMap((condition) => splitConjunction(condition, definitions));
    const isKnown = index !== undefined && conditions.every((condition) => condition !== undefined);
    const { elements, exact } =
      countAffine(site, bounds, read) ?? countByPoints(kernel, definitions, site, isKnown);
    const bytes = elements * storageBytes(site.binding.dtype);
    const sectors = index === undefined ? 1 : sampleSectors(kernel, site, index, conditions, lanes);
    const touched = once(() => listTouched(kernel, definitions, site, isKnown));
    return { site, touched, bytes, sectors, exact };
  });
  const perBinding = kernel.bindings.map(({ name }): BindingTraffic => {
    const own = traffic.filter(({ site }) => site.binding.name === name);
    return {
      name,
      bytesRead: sweepBytes(own.filter(({ site }) => !site.isStore)),
      bytesWritten: sweepBytes(own.filter(({ site }) => site.isStore)),
      sectors: weighSectors(own),
    };
  });
  return {
    bytesRead: perBinding.reduce((sum, { bytesRead }) => sum + bytesRead, 0),
    bytesWritten: perBinding.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0),
    sectors: weighSectors(traffic),
    perBinding,
    estimated: traffic.some(({ exact }) => !exact),
  };
}

const sumBytes = (traffic: readonly SiteTraffic[]): number =>
  traffic.reduce((sum, { bytes }) => sum + bytes, 0);

function weighSectors(traffic: readonly SiteTraffic[]): number {
  const bytes = sumBytes(traffic);
  return bytes === 0 ? 1 : traffic.reduce((sum, one) => sum + one.sectors * one.bytes, 0) / bytes;
}

type Conditions = readonly (IndexFunction | undefined)[];

/** Bytes of one binding's statements: those of each sweep, at most the whole binding. */
function sweepBytes(traffic: readonly SiteTraffic[]): number {
  const sweeps: SiteTraffic[][] = [];
  for (const one of traffic) {
    const joined = sweeps.find((sweep) => sweep.every((other) => isOneSweep(one, other)));
    if (joined === undefined) sweeps.push([one]);
    else joined.push(one);
  }
  return sweeps.reduce((sum, sweep) => {
    const { binding } = sweep[0]?.site ?? {};
    const whole = binding === undefined ? 0 : binding.elements * storageBytes(binding.dtype);
    return sum + Math.min(whole, sumBytes(sweep));
  }, 0);
}

/** Whether a workgroup that runs both statements touches, for the most part, no element twice, or twice in one stretch. */
function isOneSweep(a: SiteTraffic, b: SiteTraffic): boolean {
  if (a.site.stretch === b.site.stretch) return true;
  const [first, second] = [a.touched(), b.touched()];
  if (first === undefined || second === undefined) return false;
  let [both, fewer] = [0, 0];
  first.forEach((ofFirst, i) => {
    const ofSecond = second[i] ?? NOTHING;
    both += countCommon(ofFirst, ofSecond);
    fewer += Math.min(ofFirst.length, ofSecond.length);
  });
  return both * 2 <= fewer;
}

const NOTHING = new Uint32Array();

function once<T>(compute: () => T): () => T {
  let result: { readonly value: T } | undefined;
  return () => (result ??= { value: compute() }).value;
}

/** Some ten workgroups over the whole grid, off its diagonals. */
const spreadOver = (count: number): readonly number[] => [
  ...new Set(Array.from({ length: 10 }, (_, i) => (i * Math.max(1, Math.floor(count / 9.7)) + i) % count)),
];

/**
 * First elements of the accesses that each of the sampled workgroups makes, sorted; undefined where they depend on data or
 * are too many to list.
 */
function listTouched(
  kernel: Kernel,
  definitions: ReadonlyMap<string, Definition>,
  site: Site,
  isKnown: boolean,
): readonly Uint32Array[] | undefined {
  const total = kernel.workgroupSize * countTurns(site);
  if (!isKnown || total > MOST_IN_WORKGROUP) return undefined;
  return spreadOver(kernel.workgroupCount).map((workgroup) => {
    const all = new Uint32Array(total);
    let length = 0;
    visitElements(kernel, definitions, site, workgroup, (elements, count) => {
      for (let i = 0; i < count; i++) all[length++] = elements[i] ?? 0;
    });
    return sortUnique(all.subarray(0, length));
  });
}

/** Sorts in place; what is sorted already, as most accesses are, is only looked through. */
function sortUnique(elements: Uint32Array): Uint32Array {
  if (!elements.every((element, i) => i === 0 || element >= (elements[i - 1] ?? 0))) elements.sort();
  let length = 0;
  for (const element of elements)
    if (length === 0 || elements[length - 1] !== element) elements[length++] = element;
  return elements.slice(0, length);
}

/** How many elements two sorted lists have in common. */
function countCommon(a: Uint32Array, b: Uint32Array): number {
  let common = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const [x, y] = [a[i] ?? 0, b[j] ?? 0];
    if (x === y) common++;
    if (x <= y) i++;
    if (y <= x) j++;
  }
  return common;
}

/** Turns of all loops around a site. */
const countTurns = ({ loops }: Site): number => loops.reduce((n, { trips }) => n * trips, 1);

interface ElementCount {
  readonly elements: number;
  readonly exact: boolean;
}

/** By the form of the index and the bounds; undefined where they say too little. */
function countAffine(
  { index, binding }: Site,
  bounds: readonly Expr[],
  read: (expr: Expr) => Affine | undefined,
): ElementCount | undefined {
  const form = read(index);
  const ranges = form === undefined ? undefined : narrowRanges(bounds, form, read);
  if (form === undefined || ranges === undefined) return undefined;
  const count = countValues(form, binding.width, (variable) => ranges.get(variable.key) ?? variable.range);
  return count === undefined ? undefined : { elements: Math.min(count, binding.elements), exact: true };
}

/** One by one, where that can be done. */
function countByPoints(
  kernel: Kernel,
  definitions: ReadonlyMap<string, Definition>,
  site: Site,
  isKnown: boolean,
): ElementCount {
  const { elements, width } = site.binding;
  const total = kernel.workgroupCount * kernel.workgroupSize * countTurns(site);
  return isKnown && total <= MOST_EVALUATIONS
    ? { elements: enumerateElements(kernel, definitions, site), exact: true }
    : { elements: Math.min(elements, total * width), exact: false };
}

/** Ranges of variables where all bounds hold; undefined where a condition is not understood. */
function narrowRanges(
  bounds: readonly Expr[],
  form: Affine,
  read: (expr: Expr) => Affine | undefined,
): ReadonlyMap<string, number> | undefined {
  const ranges = new Map<string, number>();
  for (const condition of bounds) {
    const bound = readBound(condition, read);
    if (bound === undefined) return undefined;
    const { variable, below } = bound;
    const sharing = [...form.terms.keys()].filter((term) => areRelated(term, variable));
    if (sharing.some(({ key }) => key === variable.key)) {
      if (sharing.length > 1) return undefined;
      ranges.set(variable.key, Math.min(ranges.get(variable.key) ?? variable.range, below));
    } else if (!sharing.every(({ keeps }) => keeps.has(boundName(variable, below)))) return undefined;
  }
  return ranges;
}

/** The parts of a conjunction; names that stand for conditions are looked up. */
function splitConjunction(condition: Expr, definitions: ReadonlyMap<string, Definition>): readonly Expr[] {
  if (condition.kind === "name") {
    const definition = definitions.get(condition.name);
    return definition?.kind === "let" ? splitConjunction(definition.value, definitions) : [condition];
  }
  if (condition.kind !== "op" || condition.fn !== "and") return [condition];
  return condition.args.flatMap((part) => splitConjunction(part, definitions));
}

/** `variable < below`; `variable == n` leaves one value, which is as good as the first. */
function readBound(
  condition: Expr,
  read: (expr: Expr) => Affine | undefined,
): { readonly variable: Variable; readonly below: number } | undefined {
  if (condition.kind !== "op" || (condition.fn !== "lt" && condition.fn !== "eq")) return undefined;
  const [left, right] = condition.args;
  const variable = left === undefined ? undefined : variableOf(read(left));
  if (variable === undefined || right?.kind !== "const") return undefined;
  if (condition.fn === "lt") return { variable, below: right.value };
  return { variable, below: right.value < variable.range ? 1 : 0 };
}

const holds = (conditions: Conditions, point: Point): boolean =>
  conditions.every((condition) => condition === undefined || condition(point) !== 0);

/** What vectors touch that start at a multiple of their width, as they all do. */
function enumerateElements(kernel: Kernel, definitions: ReadonlyMap<string, Definition>, site: Site): number {
  const seen = new Uint8Array(site.binding.elements);
  let different = 0;
  visitElements(kernel, definitions, site, undefined, (elements, count) => {
    for (let i = 0; i < count; i++) {
      const element = elements[i] ?? 0;
      if (seen[element] !== 0) continue;
      seen[element] = 1;
      different++;
    }
  });
  return different * site.binding.width;
}

/** First, middle and last of `count`, each once. */
const samplesOf = (count: number): readonly number[] => [...new Set([0, count >> 1, count - 1])];

function sampleSectors(
  kernel: Kernel,
  site: Site,
  index: IndexFunction,
  conditions: Conditions,
  lanes: number,
): number {
  let touched = 0;
  let needed = 0;
  const point: Point = { workgroup: 0, lane: 0, counters: new Map() };
  const elementBytes = storageBytes(site.binding.dtype);
  const visitSubgroup = (first: number): void => {
    const accesses = new Set<number>();
    for (point.lane = first; point.lane < Math.min(first + lanes, kernel.workgroupSize); point.lane++)
      if (holds(conditions, point)) accesses.add(index(point));
    const sectors = new Set<number>();
    for (const start of accesses)
      for (let i = start; i < start + site.binding.width; i++)
        sectors.add(Math.floor((i * elementBytes) / SECTOR_BYTES));
    touched += sectors.size;
    needed += Math.ceil((accesses.size * site.binding.width * elementBytes) / SECTOR_BYTES);
  };
  const loop = (depth: number): void => {
    const around = site.loops[depth];
    if (around === undefined) {
      for (let first = 0; first < kernel.workgroupSize; first += lanes) visitSubgroup(first);
      return;
    }
    for (const k of depth < SAMPLED_LOOPS ? samplesOf(around.trips) : [0]) {
      point.counters.set(around.counter, k);
      loop(depth + 1);
    }
  };
  for (const workgroup of samplesOf(kernel.workgroupCount)) {
    point.workgroup = workgroup;
    loop(0);
  }
  return needed === 0 ? 1 : touched / needed;
}

/**
 * Decides whether a kernel runs as one dispatch or in parts.
 *
 * - **Time.** On devices that run on the CPU a dispatch that takes seconds blocks whoever shares the device, and watchdogs of
 *   browsers and drivers end it: each part stays near `LONGEST_DISPATCH_US` of modelled time. Hardware is left alone.
 * - **Size.** A tensor may be as large as a buffer, while a binding often may not. Each part then binds only what its
 *   workgroups touch, which has to be a short enough range: consecutive values of the grid's slowest axes.
 *
 * Requires: a verified kernel, before legalisation.
 * Ensures:  parts that together are all workgroups, each in one dimension of a grid.
 */
import { storageBytes } from "../ir/dtype.ts";
import type { BindingWindow, DispatchPart, DispatchParts } from "../ir/dispatch-parts.ts";
import { openRangeReader, type Range, type RangeReader } from "../ir/index-range.ts";
import { LONGEST_DISPATCH_US, modelKernelTime } from "../ir/kernel-time.ts";
import type { Binding, Kernel } from "../ir/kernel.ts";
import { BINDING_ALIGNMENT, bufferBytes } from "../ir/plan.ts";
import type { DeviceProfile } from "../ir/profile.ts";

/** More parts than this are no way to run a kernel. */
const MOST_PARTS = 4096;

export type DispatchChoice =
  | { readonly kind: "whole" }
  | { readonly kind: "parts"; readonly parts: DispatchParts }
  /** Every way to cut the grid leaves some part that touches too much of this binding. */
  | { readonly kind: "too-large"; readonly binding: string; readonly bytes: number };

const bytesOf = (binding: Binding): number => bufferBytes(binding.elements, storageBytes(binding.dtype));

export function chooseDispatches(kernel: Kernel, profile: DeviceProfile): DispatchChoice {
  const { limits, usefulWorkgroups } = profile;
  const most = limits.maxStorageBufferBindingSize;
  // What no buffer of the device holds never gets here to run: such plans are only looked at.
  const isHeld = kernel.bindings.every((binding) => bytesOf(binding) <= limits.maxBufferSize);
  const large = kernel.bindings.filter((binding) => isHeld && bytesOf(binding) > most);
  const us = profile.software ? modelKernelTime(kernel, profile) : 0;
  const { workgroupCount } = kernel;
  // Fewer workgroups than fill the device take as long as those that do.
  const perPart =
    us > LONGEST_DISPATCH_US
      ? Math.min(
          workgroupCount,
          Math.max(usefulWorkgroups, Math.ceil((workgroupCount * LONGEST_DISPATCH_US) / us)),
        )
      : workgroupCount;
  const [first] = large;
  if (first !== undefined) return cutWindows(kernel, profile, large, perPart);
  if (perPart >= workgroupCount) return { kind: "whole" };
  const size = Math.min(evenly(workgroupCount, perPart), limits.maxComputeWorkgroupsPerDimension);
  const parts = cutGrid(workgroupCount, workgroupCount, size).map((part) => ({ ...part, offsets: [] }));
  const reason = `runs as ${String(parts.length)} dispatches: one would take some ${printMs(us)} on ${profile.name}, and none should take more than ${printMs(LONGEST_DISPATCH_US)}`;
  return { kind: "parts", parts: { reason, windows: [], parts } };
}

const printMs = (us: number): string => `${String(Math.round(us / 1000))} ms`;

/** Parts of nearly equal size, at most `most` each. */
const evenly = (count: number, most: number): number => Math.ceil(count / Math.ceil(count / most));

interface Interval {
  readonly first: number;
  readonly count: number;
}

/** Intervals of at most `size` workgroups, none across a multiple of `period`. */
function cutGrid(workgroups: number, period: number, size: number): readonly Interval[] {
  const parts: Interval[] = [];
  for (let start = 0; start < workgroups; start += period)
    for (let at = 0; at < period; at += size)
      parts.push({ first: start + at, count: Math.min(size, period - at) });
  return parts;
}

/** Workgroups in one step of each axis of the grid, slowest axis first. */
function stridesOf(kernel: Kernel): readonly number[] {
  for (const stmt of kernel.body) {
    if (stmt.kind !== "delinearize" || stmt.from.kind !== "workgroup") continue;
    return stmt.sizes.map((_, d) => stmt.sizes.slice(d + 1).reduce((n, size) => n * size, 1));
  }
  return [1];
}

/** The fewest parts whose windows fit: cut along the slowest axis, else along the next within each step of it, ... */
function cutWindows(
  kernel: Kernel,
  { limits, name }: DeviceProfile,
  large: readonly Binding[],
  perPart: number,
): DispatchChoice {
  const most = limits.maxStorageBufferBindingSize;
  const wanted = Math.max(...large.map((binding) => Math.ceil(bytesOf(binding) / most)));
  const ranges = openRangeReader(kernel);
  const longest = Math.min(perPart, limits.maxComputeWorkgroupsPerDimension);
  let period = kernel.workgroupCount;
  let guilty = large[0];
  for (const stride of stridesOf(kernel)) {
    const steps = period / stride;
    const before = kernel.workgroupCount / period;
    for (let n = Math.min(steps, wanted); n <= steps && n * before <= MOST_PARTS; n = Math.ceil(n * 1.1)) {
      const size = Math.ceil(steps / n) * stride;
      if (size > longest && n < steps) continue;
      const intervals = cutGrid(kernel.workgroupCount, period, size);
      const found = fitWindows(intervals, large, ranges, most);
      if (!("guilty" in found) && size <= limits.maxComputeWorkgroupsPerDimension) {
        const sizes = large
          .map((binding) => `${binding.name} (${String(bytesOf(binding))} bytes)`)
          .join(", ");
        const reason = `runs as ${String(intervals.length)} dispatches over parts of ${sizes}: a binding on ${name} has at most ${String(most)} bytes`;
        return { kind: "parts", parts: { reason, ...found } };
      }
      if ("guilty" in found) guilty = found.guilty;
      if (n === steps) break;
    }
    period = stride;
  }
  return {
    kind: "too-large",
    binding: guilty?.name ?? "",
    bytes: guilty === undefined ? 0 : bytesOf(guilty),
  };
}

interface Windows {
  readonly windows: readonly BindingWindow[];
  readonly parts: readonly DispatchPart[];
}

function fitWindows(
  intervals: readonly Interval[],
  large: readonly Binding[],
  ranges: RangeReader,
  most: number,
): Windows | { readonly guilty: Binding } {
  const touched = intervals.map(({ first, count }) => ranges(first, first + count - 1));
  const windows: BindingWindow[] = [];
  const offsets: (readonly number[])[] = [];
  for (const binding of large) {
    const window = fitWindow(
      binding,
      touched.map((ranges) => ranges.get(binding.name)),
    );
    if (window.bytes > most) return { guilty: binding };
    windows.push({ binding: binding.name, elements: window.bytes / storageBytes(binding.dtype) });
    offsets.push(window.starts);
  }
  const parts = intervals.map((part, i) => ({ ...part, offsets: offsets.map((starts) => starts[i] ?? 0) }));
  return { windows, parts };
}

/** One length for all parts, and where each starts. Starts are aligned, also of a last one that ends with the tensor. */
function fitWindow(
  binding: Binding,
  touched: readonly (Range | undefined)[],
): { readonly bytes: number; readonly starts: readonly number[] } {
  const perElement = storageBytes(binding.dtype);
  const total = bytesOf(binding);
  const spans = touched.map((range): Range => {
    const [low, high] = range ?? [0, 0];
    const start = Math.floor((low * perElement) / BINDING_ALIGNMENT) * BINDING_ALIGNMENT;
    return [start, Math.min(total, bufferBytes(high + 1, perElement))];
  });
  const longest = Math.max(...spans.map(([start, end]) => end - start));
  // As long as the tensor is, modulo the alignment: then `total - bytes` is a start, too.
  const rest = (total - longest) % BINDING_ALIGNMENT;
  const bytes = Math.min(total, longest + rest);
  return { bytes, starts: spans.map(([start]) => Math.min(start, total - bytes)) };
}

/**
 * Storage buffers and workgroup memory of the kernel interpreter, with the checks that a GPU does not make.
 *
 * Ensures: an access out of bounds or out of alignment, a data race between barriers, and two invocations that store
 *          different values to one element throw `CompilerBug` with the place.
 */
import { CompilerBug } from "../diagnostics/diagnostic.ts";
import type { DType } from "./dtype.ts";
import type { Kernel, ScalarType, SharedArray } from "./kernel.ts";
import { roundTo } from "./round.ts";

export interface Place {
  readonly kernel: string;
  readonly workgroup: number;
  readonly lane: number;
  /** workgroup * workgroupSize + lane */
  readonly invocation: number;
}

function failAt(place: Place, problem: string): never {
  throw new CompilerBug(`kernel ${place.kernel} does what no kernel may do`, [
    `${problem} (workgroup ${String(place.workgroup)}, lane ${String(place.lane)})`,
  ]);
}

function checkRange(place: Place, name: string, index: number, width: number, length: number): void {
  if (index % width !== 0)
    failAt(place, `${name}[${String(index)}] is not aligned to width ${String(width)}`);
  if (index + width > length)
    failAt(place, `${name}[${String(index)}] is past its ${String(length)} elements`);
}

export interface StorageBuffer {
  readonly load: (index: number, place: Place, into: Float64Array, at: number) => void;
  readonly store: (index: number, place: Place, from: Float64Array, at: number) => void;
}

/** A binding over the caller's values. Elements of other types than f32 are already representable. */
export function openBuffer(binding: Kernel["bindings"][number], values: Float64Array): StorageBuffer {
  const { name, width, elements, dtype, access } = binding;
  if (values.length !== elements)
    throw new CompilerBug("a buffer does not fit its binding", [
      `${name}: ${String(values.length)} values, ${String(elements)} elements`,
    ]);
  const writers = new Float64Array(access === "read_write" ? elements : 0).fill(-1);
  return {
    load(index, place, into, at) {
      checkRange(place, name, index, width, elements);
      for (let c = 0; c < width; c++) {
        const writer = writers[index + c] ?? -1;
        if (writer >= 0 && writer !== place.invocation)
          failAt(
            place,
            `${name}[${String(index + c)}] is read and was written by invocation ${String(writer)}`,
          );
        into[at + c] = values[index + c] ?? 0;
      }
    },
    store(index, place, from, at) {
      checkRange(place, name, index, width, elements);
      for (let c = 0; c < width; c++) {
        const value = roundStored(dtype, from[at + c] ?? 0);
        const writer = writers[index + c] ?? -1;
        if (writer >= 0 && writer !== place.invocation && !Object.is(values[index + c], value))
          failAt(
            place,
            `${name}[${String(index + c)}] = ${String(value)}, and invocation ${String(writer)} stored ${String(values[index + c])}`,
          );
        values[index + c] = value;
        writers[index + c] = place.invocation;
      }
    },
  };
}

const roundStored = (dtype: DType, value: number): number =>
  dtype === "f32" || dtype === "f16" || dtype === "bf16" ? roundTo(dtype, value) : value;

export interface SharedMemory {
  readonly load: (index: number, place: Place, into: Float64Array, at: number) => void;
  readonly store: (index: number, place: Place, from: Float64Array, at: number) => void;
  /** A barrier: accesses before it are ordered with those after. */
  readonly pass: () => void;
}

const NOBODY = -1;
const SEVERAL = -2;

/** Zero at first, as WGSL has it. Floats stay float64 here: only results are rounded. */
export function openShared({ name, type, length }: SharedArray): SharedMemory {
  const { width } = type;
  const values = new Float64Array(length * width);
  let writers = new Int32Array(length).fill(NOBODY);
  let readers = new Int32Array(length).fill(NOBODY);
  return {
    load(index, place, into, at) {
      checkRange(place, name, index, 1, length);
      const writer = writers[index] ?? NOBODY;
      if (writer !== NOBODY && writer !== place.lane)
        failAt(
          place,
          `race: ${name}[${String(index)}] is read without a barrier after lane ${String(writer)} wrote it`,
        );
      const reader = readers[index] ?? NOBODY;
      readers[index] = reader === NOBODY || reader === place.lane ? place.lane : SEVERAL;
      for (let c = 0; c < width; c++) into[at + c] = values[index * width + c] ?? 0;
    },
    store(index, place, from, at) {
      checkRange(place, name, index, 1, length);
      for (const [who, what] of [
        [writers[index] ?? NOBODY, "written"],
        [readers[index] ?? NOBODY, "read"],
      ] as const)
        if (who !== NOBODY && who !== place.lane)
          failAt(
            place,
            `race: ${name}[${String(index)}] is written without a barrier after it was ${what} by another lane`,
          );
      writers[index] = place.lane;
      for (let c = 0; c < width; c++) values[index * width + c] = from[at + c] ?? 0;
    },
    pass() {
      writers = new Int32Array(length).fill(NOBODY);
      readers = new Int32Array(length).fill(NOBODY);
    },
  };
}

/** The value of a scalar parameter as a kernel sees it. */
export const representScalar = (type: ScalarType, value: number): number =>
  type === "f32" ? Math.fround(value) : type === "bool" ? (value !== 0 ? 1 : 0) : value;

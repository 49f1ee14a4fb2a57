/**
 * The scalars of all programs of a device, in slots of one uniform buffer, bound with a dynamic offset. The host keeps a
 * copy of the buffer and uploads what changed once per submit.
 *
 * A block stays in its slot as long as its values do, so that a repeated call writes nothing. New values may overwrite the
 * slot unless a recorded command still reads it (the queue orders uploads and submits, but all uploads of a batch come
 * before its only submit): then they go to another slot.
 *
 * Requires: `hasRoom` for all blocks of a call before the first of them is placed.
 */
import type { ScalarParam } from "../ir/kernel.ts";
import type { PlanScalar } from "../ir/plan.ts";
import type { Counters } from "./counters.ts";
import { BUFFER_USAGE } from "./gpu-flags.ts";
import { blockBytes, type BlockRequest, writeBlock } from "./uniform-block.ts";

/** Distinct sets of scalars in one submit; a batch with more is submitted in pieces. */
const SLOTS = 256;

export interface UniformBlock {
  readonly arena: UniformArena;
  readonly layout: readonly ScalarParam[];
  readonly bytes: number;
  /** Where each scalar of the block comes from: a position among those of the program, or a number of its own. */
  readonly sources: readonly ({ readonly position: number } | { readonly value: number })[];
  /** Where the values were put, and which they were; another block may own the slot by now. */
  slot: number;
  values: readonly number[];
}

export class UniformArena {
  readonly buffer: GPUBuffer;
  readonly #device: GPUDevice;
  readonly #counters: Counters;
  readonly #stride: number;
  readonly #slots: number;
  readonly #host: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #owners: (UniformBlock | null)[];
  /** The submit that last read each slot. */
  readonly #lastSubmits: Float64Array;
  #next = 0;
  /** Slots that the submit numbered `#submit` reads. */
  #used = 0;
  #submit = 0;
  /** Bytes that differ from the GPU's copy. */
  #dirtyFrom = Infinity;
  #dirtyTo = 0;

  constructor(device: GPUDevice, counters: Counters, stride: number, slots: number) {
    this.#device = device;
    this.#counters = counters;
    this.#stride = stride;
    this.#slots = slots;
    this.#host = new Uint8Array(stride * slots);
    this.#view = new DataView(this.#host.buffer);
    this.#owners = Array.from({ length: slots }, () => null);
    this.#lastSubmits = new Float64Array(slots);
    this.buffer = device.createBuffer({
      size: stride * slots,
      usage: BUFFER_USAGE.uniform | BUFFER_USAGE.copyDst,
    });
    counters.buffersCreated += 1;
  }

  /** Whether the submit that is being recorded can take `count` more blocks; if not, it must go first. */
  hasRoom(count: number, submit: number): boolean {
    return submit !== this.#submit || this.#used + count <= this.#slots;
  }

  /** The offset at which the submit finds the block with these values. */
  place(block: UniformBlock, values: readonly number[], submit: number): number {
    const isHeld = this.#owners[block.slot] === block;
    if (!isHeld || !holds(block, values)) {
      if (!isHeld || this.#lastSubmits[block.slot] === submit) {
        block.slot = this.#freeSlot(submit);
        this.#owners[block.slot] = block;
      }
      this.#write(block, values);
    }
    this.#markUsed(block.slot, submit);
    return block.slot * this.#stride;
  }

  /** Brings the GPU's copy up to date. */
  upload(): void {
    if (this.#dirtyTo === 0) return;
    const [from, bytes] = [this.#dirtyFrom, this.#dirtyTo - this.#dirtyFrom];
    this.#device.queue.writeBuffer(this.buffer, from, this.#host, from, bytes);
    this.#counters.writeBuffers += 1;
    this.#dirtyFrom = Infinity;
    this.#dirtyTo = 0;
  }

  #write(block: UniformBlock, values: readonly number[]): void {
    const offset = block.slot * this.#stride;
    block.values = block.sources.map((source) => valueOf(source, values));
    writeBlock(this.#view, offset, block.layout, block.values);
    this.#dirtyFrom = Math.min(this.#dirtyFrom, offset);
    this.#dirtyTo = Math.max(this.#dirtyTo, offset + block.bytes);
  }

  #freeSlot(submit: number): number {
    // Ends: `hasRoom` said that some slot is free.
    while (this.#lastSubmits[this.#next] === submit) this.#next = (this.#next + 1) % this.#slots;
    const slot = this.#next;
    this.#next = (slot + 1) % this.#slots;
    return slot;
  }

  #markUsed(slot: number, submit: number): void {
    if (this.#submit !== submit) {
      this.#submit = submit;
      this.#used = 0;
    }
    if (this.#lastSubmits[slot] === submit) return;
    this.#lastSubmits[slot] = submit;
    this.#used += 1;
  }
}

const valueOf = (source: UniformBlock["sources"][number], values: readonly number[]): number =>
  "value" in source ? source.value : (values[source.position] ?? Number.NaN);

/** Bit for bit: -0 is not 0, NaN is NaN. */
const holds = (block: UniformBlock, values: readonly number[]): boolean =>
  block.sources.every((source, index) => Object.is(valueOf(source, values), block.values[index]));

/** The arenas of a device: one per size of slot. */
export class UniformArenas {
  readonly #device: GPUDevice;
  readonly #counters: Counters;
  readonly #arenas = new Map<string, UniformArena>();

  constructor(device: GPUDevice, counters: Counters) {
    this.#device = device;
    this.#counters = counters;
  }

  /** A block per request, for a program with these scalars. */
  createBlocks(requests: readonly BlockRequest[], scalars: readonly PlanScalar[]): readonly UniformBlock[] {
    const position = new Map(scalars.map(({ name }, index) => [name, index]));
    return requests.map(({ layout, values }) => ({
      arena: this.#arenaFor(blockBytes(layout), requests.length),
      layout,
      bytes: blockBytes(layout),
      sources: layout.map(({ name }, index) => {
        const value = values[index - (layout.length - values.length)];
        return value === undefined ? { position: position.get(name) ?? -1 } : { value };
      }),
      slot: 0,
      values: [],
    }));
  }

  upload(): void {
    for (const arena of this.#arenas.values()) arena.upload();
  }

  destroy(): void {
    for (const { buffer } of this.#arenas.values()) buffer.destroy();
  }

  /** `blocks`: how many the program places in one call at most. */
  #arenaFor(bytes: number, blocks: number): UniformArena {
    const alignment = this.#device.limits.minUniformBufferOffsetAlignment;
    const stride = Math.ceil(bytes / alignment) * alignment;
    const slots = Math.max(SLOTS, 2 ** Math.ceil(Math.log2(blocks)));
    const key = `${String(stride)} ${String(slots)}`;
    const known = this.#arenas.get(key);
    if (known !== undefined) return known;
    const arena = new UniformArena(this.#device, this.#counters, stride, slots);
    this.#arenas.set(key, arena);
    return arena;
  }
}

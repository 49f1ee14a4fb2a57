/**
 * What the pools of one device know of the GPU's memory, which WebGPU does not tell: whether an allocation may fail.
 *
 * WebGPU says later whether a buffer could be allocated. Where that is in doubt, nothing is done with the buffer until it is
 * known, so that the attempt can be repeated once idle buffers have made room. Large buffers are always in doubt: creating
 * one costs more than the wait. After a failure, all are.
 */

/** From this size on, Dawn gives a buffer memory of its own; smaller ones share blocks. */
export const LARGE_BUFFER = 4 * 2 ** 20;

/** A pool, as far as memory is concerned. */
export interface MemoryUser {
  readonly usage: { readonly bytes: number; readonly idleBytes: number };
  trim(): void;
}

export class MemoryPressure {
  readonly #users: MemoryUser[] = [];
  /** Bytes at which the last allocation failed, its own included. */
  #shortAt = Infinity;

  add(user: MemoryUser): void {
    this.#users.push(user);
  }

  get bytesInUse(): number {
    return this.#users.reduce((bytes, { usage }) => bytes + usage.bytes, 0);
  }

  get idleBytes(): number {
    return this.#users.reduce((bytes, { usage }) => bytes + usage.idleBytes, 0);
  }

  /** Whether an allocation has failed, and none of as much has succeeded since. */
  get isShort(): boolean {
    return this.#shortAt < Infinity;
  }

  /** Whether users of a new buffer of this size wait until it is known to be there. */
  isDoubtful(size: number): boolean {
    return size >= LARGE_BUFFER || this.isShort;
  }

  /** Called before a buffer is created: idle ones go first where there was too little memory for as much before. */
  makeRoom(size: number): void {
    if (this.bytesInUse + this.idleBytes + size >= this.#shortAt) this.trim();
  }

  /** An allocation failed, and is counted among those in use. */
  noteFailure(): void {
    this.#shortAt = Math.min(this.#shortAt, this.bytesInUse + this.idleBytes);
  }

  /** An allocation succeeded, and is counted as well. */
  noteSuccess(): void {
    if (this.bytesInUse + this.idleBytes >= this.#shortAt) this.#shortAt = Infinity; // others gave memory back
  }

  trim(): void {
    for (const user of this.#users) user.trim();
  }
}

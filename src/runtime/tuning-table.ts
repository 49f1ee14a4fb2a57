/** What a device knows of fast schedules: filled by tuning or from a record, asked by every compilation for the device. */
import {
  MOST_TUNED_KERNELS,
  readTuningRecord,
  TUNING_RECORD_VERSION,
  type TunedKernel,
  type TuningRecord,
} from "../ir/tuning-record.ts";

export class TuningTable {
  /** What the figures hold for. */
  readonly device: string;
  /** Oldest first. */
  readonly #kernels = new Map<string, TunedKernel>();
  #timed = 0;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(device: string) {
    this.device = device;
  }

  /** Kernels that have an entry. */
  get size(): number {
    return this.#kernels.size;
  }

  /** Kernels that were timed on this device since it was opened: those of a record are not. */
  get timedKernels(): number {
    return this.#timed;
  }

  /** By the canonical text of the group. */
  find(group: string): TunedKernel | undefined {
    return this.#kernels.get(group);
  }

  /** Keeps what was just timed. */
  add(kernel: TunedKernel): void {
    this.#timed += 1;
    this.#put(kernel);
  }

  /** All entries as plain data. */
  export(): TuningRecord {
    return { version: TUNING_RECORD_VERSION, device: this.device, kernels: [...this.#kernels.values()] };
  }

  /**
   * Takes the entries of a record; what this device has timed or taken before stays. A record of another device, another
   * version of the compiler, or without the right form is ignored. Programs that are compiled already do not change.
   *
   * @returns how many entries were taken
   */
  import(record: unknown): number {
    const read = readTuningRecord(record);
    if (read?.device !== this.device) return 0;
    const unknown = read.kernels.filter(({ group }) => !this.#kernels.has(group));
    for (const kernel of unknown) this.#put(kernel);
    return unknown.length;
  }

  /** Runs work that times kernels when no other such work runs: they would disturb each other. */
  async alone<R>(work: () => Promise<R>): Promise<R> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  #put(kernel: TunedKernel): void {
    this.#kernels.delete(kernel.group);
    this.#kernels.set(kernel.group, kernel);
    const [oldest] = this.#kernels.keys();
    if (this.#kernels.size > MOST_TUNED_KERNELS && oldest !== undefined) this.#kernels.delete(oldest);
  }
}

/**
 * A kernel that runs as several dispatches, each over some of its workgroups: where one would run for too long, or where a
 * tensor is larger than a binding may be. Plain data: chosen by `schedule/`, obeyed by `lower/`, written into the plan.
 */

/** Part of a binding that a dispatch sees: `elements` from an offset that each part has its own of. */
export interface BindingWindow {
  readonly binding: string;
  readonly elements: number;
}

export interface DispatchPart {
  /** Workgroups `first` to `first + count - 1` of the kernel. */
  readonly first: number;
  readonly count: number;
  /** Byte at which each window starts, in the order of `DispatchParts.windows`; multiples of the binding alignment. */
  readonly offsets: readonly number[];
}

export interface DispatchParts {
  /** In words, for `explain`. */
  readonly reason: string;
  /** Bindings that are larger than the device binds at once; the others are bound whole. */
  readonly windows: readonly BindingWindow[];
  /** In order and without gaps; none has more workgroups than the first, nor than one dimension of a grid takes. */
  readonly parts: readonly DispatchPart[];
}

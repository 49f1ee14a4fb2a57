/**
 * One loop nest for all that only moves elements: transpose, broadcast, slice, pad, concat.
 *
 * Requires: every index that a side's offset and strides give lies inside its array; the arrays differ.
 * Ensures:  the element of `source` at each index of `shape` stands at the same index of `target`.
 */

/** Where index [i, j, ...] of a box lies in an array: offset + i * strides[0] + j * strides[1] + ... */
export interface StridedView {
  readonly data: Float64Array;
  readonly offset: number;
  readonly strides: readonly number[];
}

interface Loop {
  readonly length: number;
  readonly from: number;
  readonly to: number;
}

/** Dimensions outermost first, without those of length 1, neighbours merged where both sides step evenly across them. */
function mergeLoops(shape: readonly number[], from: readonly number[], to: readonly number[]): Loop[] {
  const loops: Loop[] = [];
  shape.forEach((length, d) => {
    if (length === 1) return;
    const inner: Loop = { length, from: from[d] ?? 0, to: to[d] ?? 0 };
    const outer = loops.at(-1);
    if (outer?.from === inner.from * length && outer.to === inner.to * length) {
      loops[loops.length - 1] = { ...inner, length: outer.length * length };
    } else loops.push(inner);
  });
  return loops;
}

export function copyStrided(shape: readonly number[], source: StridedView, target: StridedView): void {
  if (shape.includes(0)) return;
  const loops = mergeLoops(shape, source.strides, target.strides);
  const inner = loops.pop() ?? { length: 1, from: 0, to: 0 };
  const counters = loops.map(() => 0);
  let from = source.offset;
  let to = target.offset;
  for (;;) {
    copyRun(source.data, from, target.data, to, inner);
    let d = loops.length - 1;
    for (; d >= 0; d--) {
      const loop = loops[d];
      if (loop === undefined) break;
      const next = (counters[d] ?? 0) + 1;
      from += loop.from;
      to += loop.to;
      if (next < loop.length) {
        counters[d] = next;
        break;
      }
      counters[d] = 0;
      from -= loop.from * loop.length;
      to -= loop.to * loop.length;
    }
    if (d < 0) return;
  }
}

function copyRun(source: Float64Array, from: number, target: Float64Array, to: number, run: Loop): void {
  if (run.from === 0 && run.to === 1) {
    target.fill(source[from] ?? Number.NaN, to, to + run.length);
    return;
  }
  for (let i = 0; i < run.length; i++) {
    target[to + i * run.to] = source[from + i * run.from] ?? Number.NaN;
  }
}

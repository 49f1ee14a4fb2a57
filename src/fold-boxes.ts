/** How a weight is walked in pieces of bounded size: boxes of [outer, kept, inner] that are contiguous in memory. */
import { elementCount } from "./ir/dtype.ts";

/** A weight, or a part of it: the axes before the one that keeps its norms, that one, those behind it. */
export interface Box {
  readonly outer: number;
  readonly kept: number;
  readonly inner: number;
}

export interface PlacedBox extends Box {
  /** First element in the weight, and first position along the kept axis. */
  readonly start: number;
  readonly first: number;
}

export const boxSize = ({ outer, kept, inner }: Box): number => outer * kept * inner;

/** The weight as [outer, kept, inner]; for one norm over the whole tensor, [1, 1, all]. */
export function viewWeight(shape: readonly number[], dim: number | null): Box {
  if (dim === null) return { outer: 1, kept: 1, inner: elementCount(shape) };
  return {
    outer: elementCount(shape.slice(0, dim)),
    kept: shape[dim] ?? 1,
    inner: elementCount(shape.slice(dim + 1)),
  };
}

/**
 * The weight in boxes of at most `most` elements, in memory order: whole positions of the slowest axis where they fit. All
 * boxes but the last along an axis have one shape, so that few shapes are compiled. Nothing where the weight is empty.
 */
export function* cutWeight(weight: Box, most: number): Generator<PlacedBox> {
  const { outer, kept, inner } = weight;
  const row = kept * inner;
  if (boxSize(weight) === 0) return;
  if (row <= most)
    for (const [from, count] of spans(outer, Math.floor(most / row)))
      yield { outer: count, kept, inner, start: from * row, first: 0 };
  else for (let o = 0; o < outer; o++) yield* cutRow(weight, o * row, most);
}

/** One position of the outer axis: boxes along the kept axis or, where one position is too large, along the inner one. */
function* cutRow({ kept, inner }: Box, start: number, most: number): Generator<PlacedBox> {
  if (inner <= most)
    for (const [first, count] of spans(kept, Math.floor(most / inner)))
      yield { outer: 1, kept: count, inner, start: start + first * inner, first };
  else
    for (let first = 0; first < kept; first++)
      for (const [from, count] of spans(inner, most))
        yield { outer: 1, kept: 1, inner: count, start: start + first * inner + from, first };
}

/** 0, 1, ... n - 1 as runs of at most `most`. */
function* spans(n: number, most: number): Generator<readonly [from: number, count: number]> {
  for (let from = 0; from < n; from += most) yield [from, Math.min(most, n - from)];
}

/** What a benchmark measures: a graph at a shape. Graphs come from traced functions, written as users would write them. */
import { f32, trace, type TracedTensor } from "../index.ts";
import type { Graph } from "../ir/graph.ts";

type Output = TracedTensor | readonly TracedTensor[];
type Shape = readonly number[];

export interface Workload {
  readonly name: string;
  /** The size that is measured, and a small one for `--quick` and tests. */
  readonly shape: Shape;
  readonly quickShape: Shape;
  readonly lower: (shape: Shape) => Graph;
}

interface Shapes {
  readonly full: Shape;
  readonly quick: Shape;
}

/**
 * A workload from a function on tensors. `params` gives the shape of each parameter at a shape of the workload, in the
 * order of the function's parameters.
 */
export function defineWorkload(
  name: string,
  { full, quick }: Shapes,
  params: (shape: Shape) => Readonly<Record<string, Shape>>,
  fn: (...tensors: TracedTensor[]) => Output,
): Workload {
  const lower = (shape: Shape): Graph => {
    const declared = Object.entries(params(shape));
    return trace(
      fn,
      declared.map(([, lengths]) => f32(...lengths)),
      {
        name: name.replaceAll(/[^a-z0-9]+/g, "_").replace(/_$/, ""),
        parameterNames: declared.map(([parameter]) => parameter),
        // Nobody reads the spans, and the compile times that are reported start at the graph.
        locate: false,
      },
    ).graph;
  };
  return { name, shape: full, quickShape: quick, lower };
}

export const printShape = (shape: Shape): string => shape.join("x");

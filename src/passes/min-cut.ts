/**
 * The cheapest set of vertices that separates sources from sinks of a directed graph (Menger's theorem by augmenting
 * paths: every vertex is an edge of its capacity from its entry to its exit).
 *
 * Requires: finite capacities of 0 or more; every path from a source to a sink passes some vertex (a source may be a
 *           sink).
 * Ensures:  of several cheapest cuts the one nearest to the sinks.
 */
export interface CutVertex {
  readonly capacity: number;
  /** Vertices with an edge to this one. */
  readonly from: readonly number[];
  readonly isSource: boolean;
  readonly isSink: boolean;
}

export interface VertexCut {
  readonly cost: number;
  /** The separating vertices. */
  readonly cut: ReadonlySet<number>;
  /** Vertices between the cut and the sinks. */
  readonly beyond: ReadonlySet<number>;
}

interface Edge {
  readonly to: number;
  residual: number;
  readonly back: number;
}

export function minVertexCut(vertices: readonly CutVertex[]): VertexCut {
  const [source, sink] = [2 * vertices.length, 2 * vertices.length + 1];
  const edges: Edge[] = [];
  const outgoing: number[][] = Array.from({ length: sink + 1 }, () => []);
  const connect = (a: number, b: number, capacity: number): void => {
    outgoing[a]?.push(edges.length);
    outgoing[b]?.push(edges.length + 1);
    edges.push({ to: b, residual: capacity, back: edges.length + 1 });
    edges.push({ to: a, residual: 0, back: edges.length - 1 });
  };
  vertices.forEach(({ capacity, from, isSource, isSink }, v) => {
    connect(2 * v, 2 * v + 1, capacity);
    for (const u of from) connect(2 * u + 1, 2 * v, Infinity);
    if (isSource) connect(source, 2 * v, Infinity);
    if (isSink) connect(2 * v + 1, sink, Infinity);
  });
  let cost = 0;
  for (;;) {
    const pushed = augment(edges, outgoing, source, sink);
    if (pushed === 0) break;
    cost += pushed;
  }
  const reaches = canReach(edges, outgoing, sink);
  const cut = new Set<number>();
  const beyond = new Set<number>();
  vertices.forEach((_, v) => {
    if (reaches.has(2 * v)) beyond.add(v);
    else if (reaches.has(2 * v + 1)) cut.add(v);
  });
  return { cost, cut, beyond };
}

/** Sends what one shortest path takes; 0 when there is none left. */
function augment(
  edges: readonly Edge[],
  outgoing: readonly (readonly number[])[],
  source: number,
  sink: number,
): number {
  const cameBy = new Map<number, number>();
  const queue = [source];
  for (let at = 0; at < queue.length && !cameBy.has(sink); at++) {
    for (const e of outgoing[queue[at] ?? -1] ?? []) {
      const edge = edges[e];
      if (edge === undefined || edge.residual <= 0 || edge.to === source || cameBy.has(edge.to)) continue;
      cameBy.set(edge.to, e);
      queue.push(edge.to);
    }
  }
  const path: Edge[] = [];
  for (let vertex = sink; vertex !== source;) {
    const edge = edges[cameBy.get(vertex) ?? -1];
    if (edge === undefined) return 0;
    path.push(edge);
    vertex = edges[edge.back]?.to ?? source;
  }
  const pushed = path.reduce((least, { residual }) => Math.min(least, residual), Infinity);
  for (const edge of path) {
    edge.residual -= pushed;
    const back = edges[edge.back];
    if (back !== undefined) back.residual += pushed;
  }
  return pushed;
}

/** Vertices from which the sink can still be reached. */
function canReach(
  edges: readonly Edge[],
  outgoing: readonly (readonly number[])[],
  sink: number,
): ReadonlySet<number> {
  const reached = new Set([sink]);
  const pending = [sink];
  for (let vertex = pending.pop(); vertex !== undefined; vertex = pending.pop()) {
    for (const e of outgoing[vertex] ?? []) {
      // The edge that leads here is the other of the pair.
      const here = edges[edges[e]?.back ?? -1];
      const from = edges[e]?.to;
      if (here === undefined || from === undefined || here.residual <= 0 || reached.has(from)) continue;
      reached.add(from);
      pending.push(from);
    }
  }
  return reached;
}

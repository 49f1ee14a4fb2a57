/** Disjoint sets over 0 ... n - 1 with path halving; the smaller number stays the representative of equal ranks. */
export class UnionFind {
  readonly #parent: Int32Array;
  readonly #rank: Uint8Array;

  constructor(count: number) {
    this.#parent = Int32Array.from({ length: count }, (_, i) => i);
    this.#rank = new Uint8Array(count);
  }

  find(member: number): number {
    const parent = this.#parent;
    let at = member;
    for (;;) {
      const up = parent[at] ?? at;
      if (up === at) return at;
      const over = parent[up] ?? up;
      parent[at] = over;
      at = over;
    }
  }

  /** Joins two sets and returns the representative of the union. */
  union(a: number, b: number): number {
    let [root, child] = [this.find(a), this.find(b)];
    if (root === child) return root;
    const [ra, rb] = [this.#rank[root] ?? 0, this.#rank[child] ?? 0];
    if (ra < rb || (ra === rb && child < root)) [root, child] = [child, root];
    if (ra === rb) this.#rank[root] = ra + 1;
    this.#parent[child] = root;
    return root;
  }
}

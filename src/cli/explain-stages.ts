/** Stages that `weft explain --stage` prints. A file of its own: the help needs the names, and not the compiler. */
import type { StageName } from "../explain.ts";

export const STAGES = [
  "graph",
  "index",
  "groups",
  "kernel",
  "wgsl",
  "plan",
  "all",
] as const satisfies readonly StageName[];

/** Kernels of a module that `weft build` wrote. */
import * as module from "built-norms";
import { openDevice } from "tensorweft/runtime";
import { callBuilt } from "../../../aot/call-built.ts";
import type { BuiltCall, BuiltResult } from "../../../aot/norm-cases.ts";

export async function callKernels(calls: readonly BuiltCall[]): Promise<readonly BuiltResult[]> {
  using device = await openDevice();
  const results: BuiltResult[] = [];
  for (const call of calls) results.push(await callBuilt(module, device, call));
  return results;
}

/** Paths of the scripts that this page or worker has loaded so far. */
export const listScripts = (): readonly string[] =>
  performance
    .getEntriesByType("resource")
    .map(({ name }) => new URL(name).pathname)
    .filter((path) => path.endsWith(".js"));

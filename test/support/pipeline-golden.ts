/**
 * What goldens of the middle of the compiler are made from: a graph, given as graph text or as a kernel of the text
 * language (`; kernel: name`), compiled for the profile in the header (`; profile: nvidia`, default "default").
 */
import { compileGraph } from "../../src/compile.ts";
import type { Compiled, CompileOptions } from "../../src/compile.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";
import { lowerKernel } from "../../src/frontend/text/lower-kernel.ts";
import { parseModule } from "../../src/frontend/text/parse.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import { findProfile, PROFILE_NAMES } from "../../src/ir/profile.ts";
import type { DeviceProfile } from "../../src/ir/profile.ts";
import { checkProgram } from "./check-program.ts";
import type { Golden } from "./golden.ts";
import { randomInputs } from "./random-values.ts";

export function graphOfGolden({ header, input, path }: Golden): Graph {
  const [kernel] = header.get("kernel") ?? [];
  if (kernel === undefined) return parseGraph(input, path);
  const { module, diagnostics } = parseModule(input, path);
  const lowered = module === undefined ? undefined : lowerKernel(module, kernel, {});
  if (lowered?.graph === undefined)
    throw new Error(
      renderDiagnostics([...diagnostics, ...(lowered?.diagnostics ?? [])], new Map([[path, input]])),
    );
  return lowered.graph;
}

export function profileNamed(name: string): DeviceProfile {
  const profile = findProfile(name);
  if (profile === undefined) throw new Error(`no profile ${name}: there are ${PROFILE_NAMES.join(", ")}`);
  return profile;
}

/** `; device: {...}` overrides fields of the profile, `; limits: {...}` some of its limits. */
export function profileOfGolden({ header }: Golden): DeviceProfile {
  const profile = profileNamed(header.get("profile")?.[0] ?? "default");
  const fieldsOf = (name: string): object => JSON.parse(header.get(name)?.[0] ?? "{}") as object;
  const limits = { ...profile.limits, ...fieldsOf("limits") };
  return { ...profile, ...fieldsOf("device"), limits };
}

/**
 * Compiles the golden's graph, verified at every step. Where `; check: no` does not say that it is too large for that, its
 * stages are also held to the oracle on random inputs: a golden cannot record a program that computes the wrong thing.
 */
export async function compileGolden(
  golden: Golden,
  options: Partial<CompileOptions> = {},
): Promise<Compiled> {
  const graph = graphOfGolden(golden);
  const all = { profile: profileOfGolden(golden), ...options };
  if (golden.header.get("check")?.[0] !== "no") {
    const { failures } = await checkProgram({ graph, inputs: randomInputs(graph, 1) }, all);
    if (failures.length > 0) throw new Error(failures.join("\n"));
  }
  return compileGraph(graph, { ...all, check: true });
}

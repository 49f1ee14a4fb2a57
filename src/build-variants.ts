/** Plans of one kernel: for one set of shapes, or for every size of its dynamic dimension. */
import type { BuiltVariant, Origin } from "./build/built-kernel.ts";
import { compileGraph, type CompiledKernel } from "./compile.ts";
import {
  compileShared,
  findStandIns,
  type SharedKernels,
  type SizeClass,
  SIZE_CLASSES,
  type StandIns,
} from "./compile-dynamic.ts";
import { CompilerBug, fail, type Span, TensorweftError } from "./diagnostics/diagnostic.ts";
import { isGraphAt, type Refusal } from "./ir/compare-graphs.ts";
import { type DynamicPlan, planAt } from "./ir/dynamic-plan.ts";
import type { Graph } from "./ir/graph.ts";
import type { GroupedProgram } from "./ir/index-notation.ts";
import type { Plan } from "./ir/plan.ts";
import type { DeviceProfile } from "./ir/profile.ts";
import { verifyPlan } from "./ir/verify-plan.ts";

export function compileVariant(graph: Graph, label: string, profile: DeviceProfile): BuiltVariant {
  const { plan, kernels, grouped } = compileGraph(graph, { profile });
  verify(plan);
  return { plan, label, dynamic: undefined, origins: originsOf(kernels, grouped) };
}

function verify(plan: Plan): void {
  const problems = verifyPlan(plan);
  if (problems.length > 0) throw new CompilerBug(`the plan of @${plan.name} is broken`, problems);
}

export interface SizedKernel {
  readonly kernel: string;
  /** Of the dynamic dimension. */
  readonly name: string;
  readonly label: string;
  readonly span: Span | undefined;
  readonly graphAt: (size: number) => Graph;
  /** Lengths that do not change. */
  readonly fixed: readonly number[];
  readonly profile: DeviceProfile;
}

/** Sizes at which the kernel is held against the plans: small ones, powers of two and their neighbours, the ends of ranges. */
const PROBES: readonly number[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 255, 256, 257, 512],
  ...[1000, 1024, 2048, 4095, 4096, 10_000, 16_384, 65_536],
];

/**
 * @throws {TensorweftError} at the line that is to blame where one kernel cannot serve all sizes
 */
export function compileSizes(sized: SizedKernel): BuiltVariant {
  const { kernel, name, label, span } = sized;
  const made: SharedKernels[] = [];
  for (const sizes of SIZE_CLASSES) {
    const one = compileRange(sized, withoutFactors(sizes, sized.fixed));
    if (!("reason" in one)) {
      made.push(one);
      continue;
    }
    // Larger sizes may need tensors that no binding holds; then the smaller ones are all that there are.
    if (made.length > 0) break;
    return fail("value-dependent", `${name} of ${kernel} cannot be dynamic: ${one.reason}`, {
      span: one.span ?? span,
      help: `give ${name} its lengths in shapes, each of which is compiled for itself`,
    });
  }
  const [first] = made;
  if (first === undefined) throw new CompilerBug(`${kernel} has no sizes`, []);
  const origins = made.flatMap(({ kernels, grouped }) => [...originsOf(kernels, grouped)]);
  return { plan: first.plan.plan, label, dynamic: made.map(({ plan }) => plan), origins: new Map(origins) };
}

function compileRange(sized: SizedKernel, sizes: SizeClass): SharedKernels | Refusal {
  const { graphAt, profile } = sized;
  const standIns = findStandIns(graphAt, sizes, profile);
  if ("reason" in standIns) return standIns;
  const made = compileShared(standIns, { profile });
  if ("reason" in made) return made;
  verify(planAt(made.plan, made.plan.least));
  verify(planAt(made.plan, made.plan.most));
  probe(sized, standIns, made.plan);
  return made;
}

/** Sizes stand for others only where they divide nothing that is fixed: else a fixed length would be taken for a dynamic one. */
function withoutFactors(sizes: SizeClass, fixed: readonly number[]): SizeClass {
  const pairs = sizes.pairs.filter((pair) =>
    pair.every((size) => fixed.every((length) => length === 0 || length % size !== 0)),
  );
  return pairs.length === 0 ? sizes : { ...sizes, pairs };
}

/** The source is not there at run time to be held against the plan at each size, so some are tried now. */
function probe(
  { kernel, name, span, graphAt }: SizedKernel,
  { graphs, sizes }: StandIns,
  plan: DynamicPlan,
): void {
  for (const size of PROBES) {
    if (size < plan.least || size > plan.most) continue;
    const refuse = (reason: string, place: Span | undefined): never =>
      fail("value-dependent", `${name} of ${kernel} cannot be dynamic: ${reason}`, {
        span: place ?? span,
        help: `give ${name} its lengths in shapes, each of which is compiled for itself`,
      });
    try {
      if (isGraphAt(graphAt(size), size, graphs, sizes)) continue;
    } catch (error) {
      const [first] = error instanceof TensorweftError ? error.diagnostics : [];
      if (first === undefined) throw error;
      return refuse(`it is refused for ${name}=${size}: ${first.message}`, first.span);
    }
    return refuse(`it computes something else for ${name}=${size}`, undefined);
  }
}

/** The statements of kernels, by their text. */
function originsOf(
  kernels: readonly CompiledKernel[],
  { program: { statements } }: GroupedProgram,
): ReadonlyMap<string, readonly Origin[]> {
  const byName = new Map(statements.map((statement) => [statement.name, statement]));
  const origins = new Map<string, readonly Origin[]>();
  for (const { emitted, group } of kernels) {
    const own = group.statements.map((statement) => ({ statement, span: byName.get(statement)?.span }));
    origins.set(emitted.wgsl, [...(origins.get(emitted.wgsl) ?? []), ...own]);
  }
  return origins;
}

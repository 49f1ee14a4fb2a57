/**
 * Compiled kernels to a plan: buffers, distinct kernels, steps in order.
 *
 * Ensures: kernel texts that differ in names of bindings alone stand once, so that equal layers of a model are compiled
 *          once; temporaries get a buffer each (the runtime's pool reuses them between calls).
 */
import type { EmittedWgsl } from "./codegen/wgsl/emit-wgsl.ts";
import { spellBinding } from "./codegen/wgsl/spell-storage.ts";
import { CompilerBug } from "./diagnostics/diagnostic.ts";
import { elementCount, storageBytes } from "./ir/dtype.ts";
import type { Graph, ScalarNode } from "./ir/graph.ts";
import type { DispatchParts } from "./ir/dispatch-parts.ts";
import type { FusionGroup, GroupedProgram, IndexProgram } from "./ir/index-notation.ts";
import type { Kernel } from "./ir/kernel.ts";
import {
  bufferBytes,
  type Plan,
  type PlanBuffer,
  type PlanKernel,
  type PlanStep,
  type StepSource,
} from "./ir/plan.ts";
import { printStatement } from "./ir/print-index.ts";
import type { KernelSchedule } from "./ir/schedule.ts";
import { partScalars } from "./lower/split-kernel.ts";

export interface CompiledKernel {
  readonly group: FusionGroup;
  readonly schedule: KernelSchedule;
  /** Whether the compiler chose the schedule, a tuning record had it, or the caller gave it. */
  readonly origin: "chosen" | "tuned" | "given";
  /** All of the work, as if it were one dispatch. */
  readonly kernel: Kernel;
  /** Present where the kernel is dispatched in parts. */
  readonly parts: DispatchParts | undefined;
  /** What is dispatched: `kernel`, or the kernel of one of its parts. */
  readonly dispatched: Kernel;
  readonly emitted: EmittedWgsl;
}

/** Kernels name scalars as index notation does, in the same order; the plan names them as the caller does. */
type ScalarNames = ReadonlyMap<string, string>;

export function makePlan(
  source: Graph,
  { program }: GroupedProgram,
  compiled: readonly CompiledKernel[],
  options: { readonly sources?: boolean | undefined } = {},
): Plan {
  const scalars = source.nodes.filter((n): n is ScalarNode => n.op === "scalar");
  const scalarNames: ScalarNames = new Map(
    program.scalars.map((s, i) => [s.name, scalars[i]?.name ?? s.name]),
  );
  const { buffers, bufferOf } = placeTensors(program);
  const kernels: PlanKernel[] = [];
  const known = new Map<string, number>();
  const steps = compiled.flatMap((one): readonly PlanStep[] => {
    const key = keyOf(one);
    const kernel = known.get(key) ?? kernels.push(makeKernel(one, scalarNames)) - 1;
    known.set(key, kernel);
    const bound = one.kernel.bindings.map((b) => {
      const buffer = bufferOf.get(b.name);
      if (buffer === undefined) throw new CompilerBug("plan", [`no buffer for ${b.name}`]);
      return buffer;
    });
    const sources = options.sources === true ? sourcesOf(program, one.group) : undefined;
    return makeSteps(one, kernel, bound).map((step) =>
      sources === undefined || step.kind === "copy" ? step : { ...step, sources },
    );
  });
  return {
    version: 1,
    name: source.name,
    inputs: source.nodes.flatMap((n) => (n.op === "param" ? [{ name: n.name, ...n.type }] : [])),
    scalars: program.scalars.map((s) => ({ ...s, name: scalarNames.get(s.name) ?? s.name })),
    outputs: source.results.map((r) => ({
      name: r.name,
      ...(source.nodes[r.node]?.type ?? { dtype: "f32", shape: [] }),
    })),
    buffers,
    kernels,
    steps,
  };
}

/**
 * A plan that runs one kernel: what its group reads are inputs, what it stores outputs. The plans of a group under
 * different schedules have equal interfaces.
 *
 * Requires: `program` is the group's alone.
 */
export function planGroup(program: IndexProgram, compiled: CompiledKernel): Plan {
  const written = new Set(program.stores.map((s) => s.tensor));
  const tensors = program.tensors.map((t) => ({
    ...t,
    role: written.has(t.name) ? ("output" as const) : ("input" as const),
  }));
  const { buffers, bufferOf } = placeTensors({ ...program, tensors });
  const interfaceOf = (role: "input" | "output"): Plan["inputs"] =>
    tensors.filter((t) => t.role === role).map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  const bound = compiled.kernel.bindings.map((b) => {
    const buffer = bufferOf.get(b.name);
    if (buffer === undefined) throw new CompilerBug("plan of a group", [`no buffer for ${b.name}`]);
    return buffer;
  });
  return {
    version: 1,
    name: compiled.kernel.name,
    inputs: interfaceOf("input"),
    scalars: program.scalars,
    outputs: interfaceOf("output"),
    buffers,
    kernels: [makeKernel(compiled, new Map())],
    steps: makeSteps(compiled, 0, bound),
  };
}

function placeTensors({ tensors }: IndexProgram): {
  readonly buffers: readonly PlanBuffer[];
  readonly bufferOf: ReadonlyMap<string, number>;
} {
  const counts = { input: 0, output: 0 };
  const buffers = tensors.map(({ role, shape, dtype }): PlanBuffer =>
    role === "temporary"
      ? { kind: role, bytes: bufferBytes(elementCount(shape), storageBytes(dtype)) }
      : { kind: role, index: counts[role]++ },
  );
  return { buffers, bufferOf: new Map(tensors.map(({ name }, i) => [name, i])) };
}

const makeKernel = ({ kernel, dispatched, emitted }: CompiledKernel, names: ScalarNames): PlanKernel => ({
  name: dispatched.name,
  wgsl: emitted.wgsl,
  entryPoint: emitted.entryPoint,
  bindings: dispatched.bindings.map((b) => ({
    access: b.access,
    bytes: bufferBytes(b.elements, storageBytes(b.dtype)),
  })),
  scalars: dispatched.scalars.map(({ name, dtype }, i) => ({
    // Those behind the kernel's own are set by the steps.
    name: i < kernel.scalars.length ? (names.get(name) ?? name) : name,
    dtype,
  })),
  features: emitted.features,
});

function sourcesOf({ statements }: IndexProgram, group: FusionGroup): readonly StepSource[] {
  const members = new Set(group.statements);
  return statements.flatMap((statement) =>
    members.has(statement.name)
      ? [
          {
            statement: printStatement(statement),
            ...(statement.span === undefined ? {} : { span: statement.span }),
          },
        ]
      : [],
  );
}

/** The same for kernels of which one can stand for the other. */
function keyOf({ dispatched: { bindings }, emitted: { wgsl } }: CompiledKernel): string {
  const positions = new Map(bindings.map(({ name }, i) => [spellBinding(name), `binding ${String(i)}`]));
  // Texts that leave the length of a binding open are equal where lengths are not.
  const lengths = bindings.map(({ elements }) => elements).join(",");
  return `${lengths} ${wgsl.replaceAll(/\bb_\w+/g, (name) => positions.get(name) ?? name)}`;
}

/** One dispatch, or one for each part. */
function makeSteps(
  { kernel, dispatched, parts }: CompiledKernel,
  position: number,
  buffers: readonly number[],
): readonly PlanStep[] {
  const step = { kind: "dispatch", kernel: position, buffers } as const;
  if (parts === undefined) return [{ ...step, workgroups: dispatched.workgroups }];
  return parts.parts.map((part): PlanStep => {
    const offsets = kernel.bindings.map(
      ({ name }) => part.offsets[parts.windows.findIndex(({ binding }) => binding === name)] ?? 0,
    );
    return { ...step, workgroups: [part.count, 1, 1], offsets, values: partScalars(part) };
  });
}

/**
 * `weft bench`: fused kernels against unfused ones and against a copy of the same bytes, for the built-in workloads or a
 * kernel of a text program. With --explain nothing runs: the compiler's own figures make the table.
 */
import { explainWorkload } from "../bench/explain-workload.ts";
import { printShape } from "../bench/workload.ts";
import { WORKLOADS } from "../bench/workloads.ts";
import { fail } from "../diagnostics/diagnostic.ts";
import type { Graph } from "../ir/graph.ts";
import { type DeviceProfile, findProfile } from "../ir/profile.ts";
import { deriveShapes } from "./derive-shapes.ts";
import type { Shapes } from "./parse-options.ts";
import { printBytes, printTable } from "./print-table.ts";
import type { Session } from "./terminal.ts";
import { chooseKernel, instantiate, readProgram } from "./text-program.ts";

export interface BenchOptions {
  readonly kernel?: string;
  readonly shape?: Shapes;
  readonly dim?: ReadonlyMap<string, number>;
  readonly filter?: string;
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly explain?: boolean;
  readonly profile: string;
  readonly json?: string;
  readonly html?: string;
}

/** One graph to measure. */
interface Subject {
  readonly name: string;
  readonly shape: string;
  readonly lower: () => Graph;
}

/** Runs the command. */
export async function runBench(
  file: string | undefined,
  options: BenchOptions,
  session: Session,
): Promise<void> {
  const subjects =
    file === undefined ? chooseWorkloads(options) : [await readSubject(file, options, session)];
  const profile =
    findProfile(options.profile) ??
    fail("wrong-argument", `there is no profile ${options.profile}`, { help: "weft help bench lists them" });
  session.terminal.write(`${explainSubjects(subjects, profile).join("\n")}\n`);
}

function chooseWorkloads({ filter = "", quick = false }: BenchOptions): readonly Subject[] {
  const subjects = WORKLOADS.map(({ name, lower, ...workload }): Subject => {
    const shape = quick ? workload.quickShape : workload.shape;
    return { name, shape: printShape(shape), lower: () => lower(shape) };
  });
  const chosen = subjects.filter(({ name, shape }) => `${name} ${shape}`.includes(filter));
  if (chosen.length > 0) return chosen;
  return fail("wrong-argument", `no workload's name and shape hold "${filter}"`, {
    help: "weft bench --explain lists them",
  });
}

async function readSubject(path: string, options: BenchOptions, session: Session): Promise<Subject> {
  const module = await readProgram(path, session);
  const kernel = chooseKernel(module, options.kernel);
  const shapes = deriveShapes(
    kernel,
    options.shape ?? new Map<string, readonly number[]>(),
    options.dim ?? new Map<string, number>(),
  );
  const graph = instantiate(module, kernel, shapes, undefined, session);
  const first = graph.nodes.find((node) => node.op === "param")?.type.shape ?? [];
  return { name: kernel.name, shape: printShape(first), lower: () => graph };
}

const ratio = (bytes: number, floor: number): string => (floor === 0 ? "-" : (bytes / floor).toFixed(2));

function explainSubjects(subjects: readonly Subject[], profile: DeviceProfile): readonly string[] {
  const rows = subjects.map(({ name, shape, lower }) => {
    const { fused, unfused } = explainWorkload(lower(), profile);
    return [
      name,
      shape,
      String(fused.dispatches),
      String(unfused.dispatches),
      printBytes(fused.bytesFloor),
      ratio(fused.bytesMoved, fused.bytesFloor),
      ratio(unfused.bytesMoved, unfused.bytesFloor),
      fused.sectors.toFixed(2),
      fused.occupancy.toFixed(2),
    ];
  });
  const numbers = ["dispatches", "unfused", "floor", "moved/floor", "unfused", "sectors", "occupancy"];
  return [
    ...printTable(
      [
        { title: "workload" },
        { title: "shape" },
        ...numbers.map((title) => ({ title, align: "right" as const })),
      ],
      rows,
    ),
    "",
    `for ${profile.name}; sectors: 32-byte sectors touched over the least (1 = coalesced); occupancy: of the kernel that fills the device least`,
  ];
}

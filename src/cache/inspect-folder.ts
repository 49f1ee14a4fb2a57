/** A cache folder as people look at it: what its entries are, which of them are sound, and all of them as one file. */
import type { PlanTensor } from "../ir/plan.ts";
import { verifyDynamicPlan } from "../ir/verify-dynamic-plan.ts";
import { verifyPlan } from "../ir/verify-plan.ts";
import { entryPath, type FileInfo, hashOfEntry, listEntries } from "./disk-folder.ts";
import { readEntryFile } from "./entry-file.ts";
import { type EntryContent, planOfContent, readAnyEntry } from "./entry.ts";
import type { NodeModules } from "./node-modules.ts";

/** What a sound entry holds. */
export interface InspectedContent {
  readonly key: string;
  /** What was compiled, by its name in messages and dumps. */
  readonly program: string;
  /** Types as `x: f32[8,4]`, lengths that follow a dynamic size as `n` or `3n`. */
  readonly inputs: readonly { readonly name: string; readonly type: string }[];
  readonly kernels: number;
  /** Of the compiler that made it. */
  readonly version: string;
  readonly buildId: string;
  /** Of the device that it was made for. */
  readonly profile: string;
}

export type InspectedEntry = FileInfo &
  (
    | { readonly content: InspectedContent; readonly text: string; readonly problem: null }
    | { readonly content: null; readonly text: null; readonly problem: string }
  );

/** All entries, those used last first. */
export function* inspectFolder(node: NodeModules, folder: string): Generator<InspectedEntry> {
  const files = [...listEntries(node, folder)].sort(
    (a, b) => b.usedMs - a.usedMs || (a.file < b.file ? -1 : 1),
  );
  for (const info of files) {
    const inspected = inspectFile(node, info);
    if (inspected !== null) yield inspected;
  }
}

function inspectFile(node: NodeModules, info: FileInfo): InspectedEntry | null {
  const found = readEntryFile(node, info.file);
  if (found.kind === "missing") return null; // another process has removed it
  if (found.kind === "broken") return { ...info, content: null, text: null, problem: found.reason };
  const read = inspectText(found.text);
  if (typeof read === "string") return { ...info, content: null, text: null, problem: read };
  if (hashOfKey(node, read.key) !== hashOfEntry(node, info.file))
    return { ...info, content: null, text: null, problem: "has the key of another entry" };
  return { ...info, content: read, text: found.text, problem: null };
}

/** What the text of an entry holds, or what is wrong with it. */
export function inspectText(text: string): InspectedContent | string {
  const entry = readAnyEntry(text);
  if (entry === null) return "has no entry's form";
  const { key, content } = entry;
  const [problem] = verifyContent(content);
  if (problem !== undefined) return `has a plan that makes no sense: ${problem}`;
  const [, version, buildId] = /^tensorweft (\S+) build (\S+) format \d+\nprofile /.exec(key) ?? [];
  const [, profile = "?"] = /^profile .*?"name":"([^"]*)"/m.exec(key) ?? [];
  const [, program = "?"] = /^func @([^\s(]+)\(/m.exec(key) ?? [];
  if (version === undefined || buildId === undefined) return "has a key of another form";
  const plan = planOfContent(content);
  return {
    key,
    program: plan?.name ?? program,
    inputs: plan?.inputs.map((input, i) => ({ name: input.name, type: printInput(input, content, i) })) ?? [],
    kernels: plan?.kernels.length ?? 0,
    version,
    buildId,
    profile,
  };
}

function verifyContent(content: EntryContent): readonly string[] {
  if ("plan" in content) return verifyPlan(content.plan);
  return "dynamic" in content ? verifyDynamicPlan(content.dynamic) : [];
}

function printInput({ dtype, shape }: PlanTensor, content: EntryContent, index: number): string {
  const growth = "dynamic" in content ? (content.dynamic.inputs[index] ?? []) : [];
  const lengths = shape.map((length, d) => {
    const factor = growth[d] ?? 0;
    return factor === 0 ? String(length) : factor === 1 ? "n" : `${factor}n`;
  });
  return `${dtype}[${lengths.join(",")}]`;
}

const hashOfKey = ({ crypto }: Pick<NodeModules, "crypto">, key: string): string =>
  crypto.createHash("sha256").update(key).digest("hex");

export const pathOfKey = (node: NodeModules, folder: string, key: string): string =>
  entryPath(node, folder, hashOfKey(node, key));

/** A cache folder as people look at it: what its entries are, which of them are sound, and all of them as one file. */
import type { Plan } from "../ir/plan.ts";
import { verifyPlan } from "../ir/verify-plan.ts";
import { entryPath, type FileInfo, hashOfEntry, listEntries } from "./disk-folder.ts";
import { readEntryFile } from "./entry-file.ts";
import { readAnyEntry } from "./entry.ts";
import type { NodeModules } from "./node-modules.ts";

/** What a sound entry holds. */
export interface EntryContent {
  readonly key: string;
  readonly plan: Plan;
  /** Of the compiler that made it. */
  readonly version: string;
  readonly buildId: string;
  /** Of the device that it was made for. */
  readonly profile: string;
}

export type InspectedEntry = FileInfo &
  (
    | { readonly content: EntryContent; readonly text: string; readonly problem: null }
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
export function inspectText(text: string): EntryContent | string {
  const entry = readAnyEntry(text);
  if (entry === null) return "has no entry's form";
  const [problem] = verifyPlan(entry.plan);
  if (problem !== undefined) return `has a plan that makes no sense: ${problem}`;
  const [, version, buildId] = /^tensorweft (\S+) build (\S+) format \d+\nprofile /.exec(entry.key) ?? [];
  const [, profile = "?"] = /^profile .*?"name":"([^"]*)"/m.exec(entry.key) ?? [];
  if (version === undefined || buildId === undefined) return "has a key of another form";
  return { key: entry.key, plan: entry.plan, version, buildId, profile };
}

const hashOfKey = ({ crypto }: Pick<NodeModules, "crypto">, key: string): string =>
  crypto.createHash("sha256").update(key).digest("hex");

export const pathOfKey = (node: NodeModules, folder: string, key: string): string =>
  entryPath(node, folder, hashOfKey(node, key));

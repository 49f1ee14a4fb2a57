/**
 * `weft cache`: the folder of compiled programs, for people who want to see, check, clear or carry it.
 *
 * Ensures: only files that are the cache's own are touched; what other processes do meanwhile harms nobody.
 */
import { findBuildId } from "../cache/build-id.ts";
import { findPlansFolder } from "../cache/cache-folder.ts";
import { listEntries, listLists, removeFile } from "../cache/disk-folder.ts";
import { DiskLevel } from "../cache/disk-level.ts";
import { printEntryFile } from "../cache/entry-file.ts";
import { readExport } from "../cache/export-file.ts";
import { inspectFolder, inspectText, type InspectedEntry } from "../cache/inspect-folder.ts";
import { findNodeModules, type NodeModules } from "../cache/node-modules.ts";
import { DEFAULT_MAX_BYTES } from "../cache/open-cache.ts";
import { CompilerBug, fail } from "../diagnostics/diagnostic.ts";
import { createAtomicFile } from "./atomic-file.ts";
import { describeFileError } from "./file-errors.ts";
import { printBytes } from "../ir/print-bytes.ts";
import { type Column, printTable } from "./print-table.ts";
import type { Session } from "./terminal.ts";

export interface CacheCommandOptions {
  readonly folder?: string;
  readonly json?: boolean;
  readonly remove?: boolean;
  readonly days?: number;
  readonly otherBuilds?: boolean;
  readonly file?: string | undefined;
}

interface Context {
  readonly node: NodeModules;
  readonly folder: string;
  readonly options: CacheCommandOptions;
  readonly write: (text: string) => void;
}

const COMMANDS: Readonly<Record<string, (context: Context) => void | Promise<void>>> = {
  path: ({ folder, write }) => {
    write(`${folder}\n`);
  },
  ls: listPrograms,
  stats: showStatistics,
  verify: verifyEntries,
  clear: clearEntries,
  export: exportEntries,
  import: importEntries,
};

/** Runs one of the commands. */
export async function runCacheCommand(
  name: string,
  options: CacheCommandOptions,
  { terminal }: Session,
): Promise<void> {
  const node = findNodeModules();
  const run = COMMANDS[name];
  if (node === null || run === undefined) throw new CompilerBug("weft cache", [`there is no ${name}`]);
  const folder = options.folder === undefined ? findPlansFolder(node) : node.path.resolve(options.folder);
  await run({ node, folder, options, write: terminal.write });
}

const DAY_MS = 86_400_000;

function printAge(ms: number): string {
  const minutes = Math.max(0, ms) / 60_000;
  if (minutes < 60) return `${Math.floor(minutes)} min`;
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(ms / DAY_MS)} d`;
}

const printCount = (n: number, word: string): string =>
  `${n} ${n === 1 ? word : word.replace(/y$/, "ie") + "s"}`;

/** What `ls --json` says of an entry. */
function describeEntry(node: NodeModules, { content, file, bytes, usedMs, problem }: InspectedEntry) {
  if (content === null) return { file, bytes, usedMs, problem };
  const { program, inputs, kernels, profile, version, buildId } = content;
  return {
    file,
    bytes,
    usedMs,
    problem,
    program,
    inputs,
    kernels,
    profile,
    version,
    isThisBuild: buildId === findBuildId(node),
  };
}

function listPrograms({ node, folder, options, write }: Context): void {
  const entries = [...inspectFolder(node, folder)];
  if (options.json === true) {
    write(
      `${JSON.stringify(
        entries.map((entry) => describeEntry(node, entry)),
        null,
        2,
      )}\n`,
    );
    return;
  }
  const columns: readonly Column[] = [
    { title: "program" },
    { title: "inputs" },
    { title: "kernels", align: "right" },
    { title: "profile" },
    { title: "build" },
    { title: "size", align: "right" },
    { title: "used", align: "right" },
  ];
  const buildId = findBuildId(node);
  const rows = entries.map(({ content, bytes, usedMs, problem }) => {
    const last = [printBytes(bytes), printAge(Date.now() - usedMs)];
    if (content === null) return [`(${problem})`, "", "", "", "", ...last];
    const { program, profile, version, kernels } = content;
    const inputs = content.inputs.map(({ type }) => type).join(", ");
    const build = content.buildId === buildId ? "this" : `other, ${version}`;
    return [program, inputs, String(kernels), profile, build, ...last];
  });
  write(`${printTable(columns, rows).join("\n")}\n`);
}

function showStatistics({ node, folder, options, write }: Context): void {
  const groups = { thisBuild: { entries: 0, bytes: 0 }, otherBuilds: { entries: 0, bytes: 0 } };
  const damaged = { entries: 0, bytes: 0 };
  const buildId = findBuildId(node);
  for (const { content, bytes } of inspectFolder(node, folder)) {
    const group =
      content === null ? damaged : content.buildId === buildId ? groups.thisBuild : groups.otherBuilds;
    group.entries += 1;
    group.bytes += bytes;
  }
  const all = { ...groups, damaged };
  if (options.json === true) {
    write(`${JSON.stringify({ folder, maxBytes: DEFAULT_MAX_BYTES, ...all }, null, 2)}\n`);
    return;
  }
  const total = Object.values(all).reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = [
    ["this build", all.thisBuild],
    ["other builds", all.otherBuilds],
    ["damaged", all.damaged],
  ] as const;
  const lines = rows.map(([title, group]) => [
    title,
    printCount(group.entries, "entry"),
    printBytes(group.bytes),
  ]);
  const table = printTable(
    [{ title: "" }, { title: "", align: "right" }, { title: "", align: "right" }],
    lines,
  );
  write(`${[folder, ...table.slice(1)].join("\n")}\n`);
  write(`${printBytes(total)} of ${printBytes(DEFAULT_MAX_BYTES)}, the bound where programs set none\n`);
}

function verifyEntries({ node, folder, options, write }: Context): void {
  let [sound, broken, removed] = [0, 0, 0];
  for (const { file, problem } of inspectFolder(node, folder)) {
    if (problem === null) {
      sound += 1;
      continue;
    }
    broken += 1;
    write(`${file} ${problem}\n`);
    if (options.remove === true && removeFile(node, file)) removed += 1;
  }
  write(
    `${printCount(sound, "sound entry")}, ${broken} damaged${removed > 0 ? `, ${removed} removed` : ""}\n`,
  );
  if (broken > removed)
    fail(
      "invalid-file",
      `${broken - removed} of ${printCount(sound + broken, "entry")} in ${folder} are damaged`,
      {
        help: "they are harmless, since programs check what they take; weft cache verify --remove removes them",
      },
    );
}

function clearEntries({ node, folder, options, write }: Context): void {
  const { days, otherBuilds = false } = options;
  const isOld = ({ usedMs }: { readonly usedMs: number }): boolean =>
    days === undefined || Date.now() - usedMs > days * DAY_MS;
  const buildId = findBuildId(node);
  const chosen = otherBuilds
    ? [...inspectFolder(node, folder)].filter(({ content }) => content?.buildId !== buildId)
    : listEntries(node, folder);
  let [removed, freed] = [0, 0];
  for (const entry of chosen)
    if (isOld(entry) && removeFile(node, entry.file)) {
      removed += 1;
      freed += entry.bytes;
    }
  // Lists are of no use without their entries; small as they are, they count for nothing.
  if (days === undefined && !otherBuilds) for (const file of listLists(node, folder)) removeFile(node, file);
  write(`removed ${printCount(removed, "entry")}, ${printBytes(freed)}\n`);
}

async function exportEntries({ node, folder, options, write }: Context): Promise<void> {
  const path = options.file ?? "";
  const failWrite = (error: unknown): never =>
    fail("invalid-file", describeFileError("write", path, error), { help: "pass another file" });
  const file = await createAtomicFile(path).catch(failWrite);
  let [written, left] = [0, 0];
  try {
    for (const { text } of inspectFolder(node, folder)) {
      if (text === null) left += 1;
      else {
        await file.write(printEntryFile(node, text)).catch(failWrite);
        written += 1;
      }
    }
    await file.commit().catch(failWrite);
  } finally {
    await file.discard();
  }
  write(
    `${printCount(written, "entry")} written to ${path}${left > 0 ? `, ${left} damaged left out` : ""}\n`,
  );
}

function importEntries({ node, folder, options, write }: Context): void {
  const path = options.file ?? "";
  const level = new DiskLevel(node, { folder, maxBytes: DEFAULT_MAX_BYTES });
  const buildId = findBuildId(node);
  let [others, refused] = [0, 0];
  try {
    for (const part of readExport(node, path)) {
      if (part.kind === "broken")
        fail("invalid-file", `what is at byte ${part.at} of ${path} ${part.problem}`, {
          help: `pass a file that weft cache export has written; ${printCount(level.counts.writes, "entry")} before it were taken`,
        });
      const content = inspectText(part.text);
      if (typeof content === "string") {
        refused += 1;
        continue;
      }
      if (content.buildId !== buildId) others += 1;
      level.write(content.key, part.text);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    fail("invalid-file", describeFileError("read", path, error), { help: "pass another file" });
  }
  const { writes, failedWrites } = level.counts;
  const rest = [
    others > 0 ? `${others} of other builds, which this one will not use` : "",
    refused > 0 ? `${refused} refused: they make no sense` : "",
    failedWrites > 0 ? `${failedWrites} could not be written` : "",
  ].filter((text) => text !== "");
  write(`${[`${printCount(writes, "entry")} taken over`, ...rest].join("; ")}\n`);
}

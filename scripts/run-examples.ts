/**
 * Runs every example in a process of its own and compares what it prints with what it should:
 *
 *     examples/<name>.ts        prints  examples/<name>.expected.txt
 *     examples/<name>/main.ts   prints  examples/<name>/expected.txt
 *
 *     npm run examples                        all of them
 *     npm run examples -- weight-norm         those whose name contains a word
 *     UPDATE_GOLDENS=1 npm run examples       rewrites the expectations
 *
 * Modules that `weft build` made (`<name>.gen.ts` beside `<name>.ts`, `<name>.d.weft.ts` beside `<name>.weft`) are checked to be
 * what their sources give, and built again with UPDATE_GOLDENS=1.
 *
 * For authors: an example stands alone, imports "tensorweft" by name, as a user's program does, and runs unbuilt. Its
 * standard output is compared as text, so it prints numbers rounded (`toFixed(4)`), and no time, path or adapter name.
 * It ends by printing the WGSL of its kernel, compiled for a named built-in profile and not for the adapter at hand:
 * the text must be the same on every machine. Standard error is shown and not compared. It must end by itself; a
 * status other than 0 is a failure.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "examples");
const TIMEOUT_MS = 180_000;

interface Example {
  readonly name: string;
  readonly script: string;
  readonly expected: string;
}

function findExamples(): readonly Example[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry): readonly Example[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && existsSync(join(path, "main.ts")))
      return [{ name: entry.name, script: join(path, "main.ts"), expected: join(path, "expected.txt") }];
    if (!entry.isFile() || !entry.name.endsWith(".ts")) return [];
    const name = entry.name.slice(0, -".ts".length);
    return [{ name, script: path, expected: join(folder, `${name}.expected.txt`) }];
  });
}

/** What is wrong with the example, or undefined. */
function check({ script, expected }: Example, update: boolean): string | undefined {
  const run = spawnSync(process.execPath, [script], {
    encoding: "utf8",
    env: { TENSORWEFT_CACHE: "off", ...process.env }, // what is printed must not hang on earlier runs
    timeout: TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (run.error !== undefined) return `did not end well: ${run.error.message}`;
  if (run.status !== 0)
    return `ended with ${String(run.status ?? run.signal)} after printing:\n${run.stdout}`;
  if (update) {
    writeFileSync(expected, run.stdout);
    return undefined;
  }
  const file = relative(root, expected);
  const hint = "UPDATE_GOLDENS=1 npm run examples writes it; review the diff like code";
  if (!existsSync(expected)) return `has no ${file}: ${hint}`;
  const wanted = readFileSync(expected, "utf8");
  return wanted === run.stdout
    ? undefined
    : `does not print ${file}: ${hint}\n${firstDifference(wanted, run.stdout)}`;
}

interface BuiltFile {
  readonly source: string;
  readonly out: string;
}

/** What `weft build` made, with its source. */
const findBuilt = (): readonly BuiltFile[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).flatMap((name): readonly BuiltFile[] => {
    const source = name.replace(/\.gen\.ts$/, ".ts").replace(/\.d\.weft\.ts$/, ".weft");
    return source === name ? [] : [{ source: join("examples", source), out: join("examples", name) }];
  });

/** What is wrong with a built file, or undefined. */
function checkBuilt({ source, out }: BuiltFile, update: boolean): string | undefined {
  const script = join(root, "scripts", "weft.ts");
  const run = spawnSync(
    process.execPath,
    [script, "build", source, "--out", out, ...(update ? [] : ["--check"])],
    {
      cwd: root,
      encoding: "utf8",
      timeout: TIMEOUT_MS,
    },
  );
  return run.status === 0
    ? undefined
    : `is stale: UPDATE_GOLDENS=1 npm run examples builds it; review the diff like code\n${run.stderr}`;
}

function firstDifference(wanted: string, actual: string): string {
  const [wantedLines, actualLines] = [wanted.split("\n"), actual.split("\n")];
  const line = wantedLines.findIndex((text, index) => text !== actualLines[index]);
  const at = line < 0 ? wantedLines.length : line;
  const show = (lines: readonly string[]): string => lines[at] ?? "(end of output)";
  return `  line ${at + 1}\n  - ${show(wantedLines)}\n  + ${show(actualLines)}`;
}

const words = process.argv.slice(2);
const update = process.env["UPDATE_GOLDENS"] === "1";
const examples = findExamples().filter(({ name }) => words.every((word) => name.includes(word)));
let failed = 0;
for (const built of findBuilt().filter(({ out }) => words.every((word) => out.includes(word)))) {
  const problem = checkBuilt(built, update);
  if (problem === undefined) continue;
  failed += 1;
  console.log(`FAIL  ${built.out} ${problem}`);
}
for (const example of examples) {
  const problem = check(example, update);
  if (problem !== undefined) failed += 1;
  console.log(problem === undefined ? `ok    ${example.name}` : `FAIL  ${example.name} ${problem}`);
}
if (examples.length === 0 && words.length > 0) {
  console.error(`no example is named like "${words.join(" ")}": see examples/`);
  failed = 1;
}
console.log(
  `${examples.length - Math.min(failed, examples.length)} of ${examples.length} examples print what they should`,
);
if (failed > 0) process.exitCode = 1;

/** What a process finds that another one has left: its compiler does not run, counted, and shown by taking the passes away. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readAnyEntry } from "../../src/cache/entry.ts";
import { describeGpu } from "../support/gpu.ts";
import { filesIn, newFolder } from "./support.ts";

const SOURCE = pathToFileURL(fileURLToPath(new URL("../../src/index.ts", import.meta.url))).href;

const start = (body: string): string => `
import { f32, jit, layerNorm, openDevice, softmax } from "${SOURCE}";
const device = await openDevice({ backend: "webgpu" });
const rows = (n) => device.tensor(Float32Array.from({ length: 8 * n }, (_, i) => i % 7), [n, 8]);
const values = [];
${body}
const { place, counters } = device.cache;
console.log(JSON.stringify({ values, place, counters, timed: device.tuning.timedKernels }));
process.exit(0);
`;

const PROGRAM = start(`
const f = jit((x) => softmax(layerNorm(x, [8])), { name: "f" });
values.push(...(await f(rows(4)).read()));
`);

/** Sizes that share kernels, and a function whose sizes do not: it reduces them. */
const DYNAMIC = start(`
const f = jit((x) => softmax(layerNorm(x, [8])), { name: "f", dynamic: { x: [0] } });
for (const n of [2, 5, 3]) values.push(...(await f(rows(n)).read()));
const warnings = [];
const g = jit((x) => x.sub(x.exp().mean({ axis: 0 })), { name: "g", dynamic: { x: [0] }, warn: (text) => warnings.push(text) });
values.push(...(await g(rows(2)).read()));
if (warnings.length !== 1 || !warnings[0].includes("mean") && !warnings[0].includes("sum")) throw new Error(warnings.join());
`);

const TUNED = start(`
const f = jit((x) => x.div(x.sum()), { name: "f", tune: { candidates: 2 } });
values.push(...(await f(rows(1)).read()));
`);

/** Replaces what runs the passes of graphs by something that throws: who reaches it has compiled. */
const WITHOUT_PASSES = `
import { registerHooks } from "node:module";
registerHooks({
  load(url, context, next) {
    if (!url.endsWith("/src/ir/run-pass.ts")) return next(url, context);
    const source = "const refuse = () => { throw new Error('a pass ran') }; export { refuse as runPasses, refuse as runToFixpoint };";
    return { format: "module", source, shortCircuit: true };
  },
});
`;

interface Output {
  readonly values: readonly number[];
  readonly place: string | null;
  readonly counters: Readonly<Record<string, number>>;
  /** Kernels that tuning has timed. */
  readonly timed: number;
}

/** Runs in a process of its own. */
function run(source: string, cache: string, nodeArguments: readonly string[] = []) {
  const folder = newFolder();
  const program = join(folder, "program.mjs");
  writeFileSync(program, source);
  const { stdout, stderr } = spawnSync(process.execPath, [...nodeArguments, program], {
    encoding: "utf8",
    env: { ...process.env, TENSORWEFT_CACHE: cache },
  });
  const output = stdout === "" ? null : (JSON.parse(stdout) as Output);
  return { output, stderr };
}

/** A hook that makes passes throw. */
function withoutPasses(): readonly string[] {
  const hooks = join(newFolder(), "without-passes.mjs");
  writeFileSync(hooks, WITHOUT_PASSES);
  return ["--import", pathToFileURL(hooks).href];
}

describeGpu("a second process", () => {
  test("with a warm cache on disk does no pass work and gets the same bits", () => {
    const cache = newFolder();
    const cold = run(PROGRAM, cache).output;
    expect(cold?.counters).toMatchObject({ compiles: 1, storedHits: 0, writes: 1 });
    expect(cold?.place).toBe(join(cache, "plans"));
    expect(filesIn(cache)).toHaveLength(1);

    const warm = run(PROGRAM, cache, withoutPasses());
    expect(warm.stderr).toBe("");
    expect(warm.output?.counters).toMatchObject({ compiles: 0, storedHits: 1, writes: 0, dropped: 0 });
    expect(warm.output?.values).toEqual(cold?.values);

    const without = run(PROGRAM, newFolder(), withoutPasses());
    expect(without.output).toBeNull();
    expect(without.stderr).toContain("a pass ran");
  });

  test("runs no pass for dynamic dimensions, shared or refused", () => {
    const cache = newFolder();
    const cold = run(DYNAMIC, cache);
    expect(cold.stderr).toBe("");
    // One for the sizes of f, one for the only size of g, which is refused before any pass.
    expect(cold.output?.counters).toMatchObject({ compiles: 2, writes: 2 });
    const warm = run(DYNAMIC, cache, withoutPasses());
    expect(warm.stderr).toBe("");
    expect(warm.output?.counters).toMatchObject({ compiles: 0, storedHits: 2, writes: 0, dropped: 0 });
    expect(warm.output?.values).toEqual(cold.output?.values);
  });

  test("runs no pass and times nothing for tuned functions", () => {
    const cache = newFolder();
    const cold = run(TUNED, cache);
    expect(cold.stderr).toBe("");
    expect(cold.output?.timed).toBeGreaterThan(0);
    // The standard plan, and what tuning makes.
    expect(cold.output?.counters).toMatchObject({ compiles: 2, writes: 2 });
    const answers = filesIn(join(cache, "plans")).map((file) => {
      const text = readFileSync(join(cache, "plans", file), "utf8");
      return [...(readAnyEntry(text.slice(text.indexOf("\n") + 1))?.answers.values() ?? [])];
    });
    expect(answers.flat().length).toBe(cold.output?.timed); // the schedules that tuning has found
    expect(answers.flat()).not.toContain(null);
    const warm = run(TUNED, cache, withoutPasses());
    expect(warm.stderr).toBe("");
    expect(warm.output?.counters).toMatchObject({ compiles: 0, storedHits: 2, writes: 0, dropped: 0 });
    expect(warm.output?.timed).toBe(0);
    expect(warm.output?.values).toEqual(cold.output?.values);

    // Without the record, the kept plan does not count: its schedules may be another device's.
    rmSync(join(cache, "tuning"), { recursive: true });
    expect(run(TUNED, cache).output).toMatchObject({ timed: cold.output?.timed, counters: { compiles: 1 } });
  });

  test("keeps nothing with TENSORWEFT_CACHE=off", () => {
    const { output } = run(PROGRAM, "off");
    expect(output).toMatchObject({ place: null, counters: { compiles: 1, writes: 0 } });
  });
});

/** What a process finds that another one has left: its compiler does not run, counted, and shown by taking the passes away. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { describeGpu } from "../support/gpu.ts";
import { filesIn, newFolder } from "./support.ts";

const SOURCE = pathToFileURL(fileURLToPath(new URL("../../src/index.ts", import.meta.url))).href;

const PROGRAM = `
import { jit, layerNorm, openDevice, softmax } from "${SOURCE}";
const device = await openDevice({ backend: "webgpu" });
const f = jit((x) => softmax(layerNorm(x, [8])), { name: "f" });
const y = f(device.tensor(Float32Array.from({ length: 32 }, (_, i) => i % 7), [4, 8]));
const values = [...(await y.read())];
console.log(JSON.stringify({ values, place: device.cache.place, counters: device.cache.counters }));
process.exit(0);
`;

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
}

function start(cache: string, nodeArguments: readonly string[] = []) {
  const folder = newFolder();
  const program = join(folder, "program.ts");
  writeFileSync(program, PROGRAM);
  const { stdout, stderr } = spawnSync(process.execPath, [...nodeArguments, program], {
    encoding: "utf8",
    env: { ...process.env, TENSORWEFT_CACHE: cache },
  });
  const output = stdout === "" ? null : (JSON.parse(stdout) as Output);
  return { output, stderr };
}

describeGpu("a second process", () => {
  test("with a warm cache on disk does no pass work and gets the same bits", () => {
    const cache = newFolder();
    const cold = start(cache).output;
    expect(cold?.counters).toMatchObject({ compiles: 1, storedHits: 0, writes: 1 });
    expect(cold?.place).toBe(join(cache, "plans"));
    expect(filesIn(cache)).toHaveLength(1);

    const hooks = join(newFolder(), "without-passes.mjs");
    writeFileSync(hooks, WITHOUT_PASSES);
    const warm = start(cache, ["--import", pathToFileURL(hooks).href]);
    expect(warm.stderr).toBe("");
    expect(warm.output?.counters).toMatchObject({ compiles: 0, storedHits: 1, writes: 0, dropped: 0 });
    expect(warm.output?.values).toEqual(cold?.values);

    const without = start(newFolder(), ["--import", pathToFileURL(hooks).href]);
    expect(without.output).toBeNull();
    expect(without.stderr).toContain("a pass ran");
  });

  test("keeps nothing with TENSORWEFT_CACHE=off", () => {
    const { output } = start("off");
    expect(output).toMatchObject({ place: null, counters: { compiles: 1, writes: 0 } });
  });
});

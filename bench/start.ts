/**
 * How soon a process has its first result: with an empty cache folder, with one that an earlier process has filled, and with
 * `prewarm` beside it. Needs `npm run build`: what users load is timed.
 *
 *     npm run bench -- start [--rounds N]
 *
 * The cases are interleaved, and the table shows medians.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../src/runtime/statistics.ts";
import { printTable } from "../src/cli/print-table.ts";

const ROUNDS = 9;
const DIST = fileURLToPath(new URL("../dist/index.js", import.meta.url));

/** What a process runs, by name: `make(tensorweft, device)` gives a call. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "layer norm": `({ jit, layerNorm }, device) => {
    const f = jit((x) => layerNorm(x, { normalizedShape: [256] }));
    const x = device.tensor(Float32Array.from({ length: 16384 }, (_, i) => i % 17), [64, 256]);
    return () => f(x);
  }`,
  "gradients of a weight norm": `({ jit, vjp, weightNorm }, device) => {
    const f = jit((v, g, d) => vjp(weightNorm, v, g)[1](d));
    const v = device.tensor(Float32Array.from({ length: 9216 }, (_, i) => (i % 17) - 8), [32, 32, 9]);
    const g = device.tensor(new Float32Array(32).fill(2), [32, 1, 1]);
    return () => f(v, g, v);
  }`,
  "12 residual blocks": `({ jit, layerNorm, gelu }, device) => {
    const block = (x, w, b) => x.add(gelu(layerNorm(x, { normalizedShape: [256], weight: w, bias: b }).mul(w).add(b)));
    const f = jit((x, ...p) => { for (let i = 0; i < 12; i++) x = block(x, p[2 * i], p[2 * i + 1]); return x; });
    const x = device.tensor(Float32Array.from({ length: 16384 }, (_, i) => i % 17), [64, 256]);
    const p = Array.from({ length: 24 }, (_, i) => device.tensor(new Float32Array(256).fill(1 / (i + 1))));
    return () => f(x, ...p);
  }`,
};

const script = (program: string, prewarm: boolean): string => `
const tensorweft = await import(${JSON.stringify(pathToFileURL(DIST).href)});
const device = await tensorweft.openDevice({ backend: "webgpu", prewarm: ${String(prewarm)} });
const call = (${program})(tensorweft, device);
const start = performance.now();
const leaf = (r) => (typeof r.read === "function" ? r : leaf(Object.values(r)[0]));
const result = leaf(call());
const host = performance.now() - start;
await result.read();
const end = performance.now();
console.log(JSON.stringify({ host, call: end - start, process: end, passes: device.cache.counters.compiles }));
process.exit(0);
`;

interface Sample {
  readonly host: number;
  readonly call: number;
  readonly process: number;
  readonly passes: number;
}

function runOnce(folder: string, program: string, cache: string, prewarm: boolean): Sample {
  const file = join(folder, "program.mjs");
  writeFileSync(file, script(program, prewarm));
  const env = { ...process.env, TENSORWEFT_CACHE: cache };
  const { stdout, stderr, status } = spawnSync(process.execPath, [file], { encoding: "utf8", env });
  if (status !== 0) throw new Error(`a process failed: ${stderr}`);
  return JSON.parse(stdout) as Sample;
}

export async function runStartBenchmark(given: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...given], options: { rounds: { type: "string" } } });
  const rounds = Number(values.rounds ?? ROUNDS);
  if (!existsSync(DIST)) {
    console.error("there is no dist/: npm run build");
    return 1;
  }
  const rows: (readonly string[])[] = [];
  const folder = mkdtempSync(join(tmpdir(), "weft-start-"));
  try {
    for (const [name, program] of Object.entries(PROGRAMS)) {
      const samples: Readonly<Record<string, Sample[]>> = { cold: [], warm: [], prewarmed: [] };
      const [warm, ahead] = [join(folder, `${name} warm`), join(folder, `${name} ahead`)];
      runOnce(folder, program, warm, false);
      runOnce(folder, program, ahead, true);
      for (let round = 0; round < rounds; round++) {
        samples["cold"]?.push(runOnce(folder, program, join(folder, `${name} cold ${round}`), false));
        samples["warm"]?.push(runOnce(folder, program, warm, false));
        samples["prewarmed"]?.push(runOnce(folder, program, ahead, true));
      }
      const cold = samples["cold"] ?? [];
      for (const [kind, taken] of Object.entries(samples)) {
        const of = (what: keyof Sample): number => median(taken.map((sample) => sample[what]));
        const shareOf = (what: keyof Sample): string =>
          median(taken.map((sample, i) => sample[what] / (cold[i]?.[what] ?? Number.NaN))).toFixed(2);
        rows.push([
          name,
          kind,
          String(of("passes")),
          of("host").toFixed(1),
          shareOf("host"),
          of("call").toFixed(1),
          shareOf("call"),
          of("process").toFixed(1),
          shareOf("process"),
        ]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const columns = [
    "program",
    "cache",
    "passes",
    "host ms",
    "of cold",
    "result ms",
    "of cold",
    "process ms",
    "of cold",
  ];
  console.log(
    printTable(
      columns.map((title, i) => ({ title, align: i < 2 ? "left" : "right" })),
      rows,
    ).join("\n"),
  );
  return Promise.resolve(0);
}

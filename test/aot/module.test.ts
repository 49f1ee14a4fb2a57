/** What `weft build` writes, in a Node process of its own that never sees the compiler. */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { makeFolder, runWeft } from "../cli/run-weft.ts";
import { describeGpu } from "../support/gpu.ts";
import { BUILT_CALLS, type BuiltResult, expectRight, SOURCE } from "./norm-cases.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

describeGpu("a built module in a process of its own", () => {
  test("computes what the oracle says, and loads the runtime and nothing else of the package", async () => {
    const folder = makeFolder();
    const out = join(folder, "norms.gen.ts");
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(root, join(folder, "node_modules", "tensorweft"), "dir");
    expect(await runWeft("build", join(root, SOURCE), "--out", out)).toMatchObject({ status: 0, err: "" });
    const run = spawnSync(process.execPath, [join(root, "test/aot/sources/run-built.ts"), out], {
      input: JSON.stringify(BUILT_CALLS),
      encoding: "utf8",
      timeout: 120_000,
    });
    expect(run.stderr).toBe("");
    const { results, loaded } = JSON.parse(run.stdout) as {
      readonly results: readonly BuiltResult[];
      readonly loaded: readonly string[];
    };
    expect(BUILT_CALLS.length).toBeGreaterThanOrEqual(6);
    for (const [i, call] of BUILT_CALLS.entries()) expectRight(call, results[i] ?? []);
    expect(loaded.some((url) => url.endsWith("norms.gen.ts"))).toBe(true);
    expect(loaded.filter((url) => /chevrotain|ts-morph|typescript/.test(url))).toEqual([]);
    const direct = loaded.flatMap((url) => /\/src\/([^/]+\.ts)$/.exec(url)?.[1] ?? []);
    expect(direct).toEqual(["runtime-entry.ts"]);
    const folders = loaded.flatMap((url) => /\/src\/([^/]+)\/[^/]+\.ts$/.exec(url)?.[1] ?? []);
    expect([...new Set(folders)].sort()).toEqual(["diagnostics", "ir", "runtime", "slim"]);
  });
});

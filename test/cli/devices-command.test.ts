import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { describeGpu } from "../support/gpu.ts";
import { runWeft } from "./run-weft.ts";

describeGpu("weft devices --calibrate", () => {
  test("shows what it measured, and keeps it in the cache folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tensorweft-"));
    vi.stubEnv("XDG_CACHE_HOME", folder);
    vi.stubEnv("LOCALAPPDATA", folder);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    });
    const run = await runWeft("devices", "--calibrate");
    expect(run).toMatchObject({ status: 0, err: "" });
    expect(run.out).toMatch(/\n {2}copy +[\d.]+ GB\/s, read and written\n/);
    expect(run.out).toMatch(/\n {2}barrier +[\d.]+ us\n/);
    expect(readdirSync(join(folder, "tensorweft", "profiles")).length).toBeLessThanOrEqual(1);
  });
});

/** `weft tune`: the table, the JSON contract, and the record that other commands read. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeGpu } from "../support/gpu.ts";
import { makeFolder, runWeft } from "./run-weft.ts";

const KERNEL = ["test/data/cli/norms.weft", "--kernel", "weight_norm", "--dim", "O=16,I=3,K=3"];

describeGpu("on a device", () => {
  test("tunes once, stores the record, and explain reads it", async () => {
    const folder = makeFolder();
    const [cache, record] = [join(folder, "cache"), join(folder, "record.json")];
    const options = ["--candidates", "3", "--cache", cache];
    const first = await runWeft("tune", ...KERNEL, ...options, "--out", record);
    expect([first.status, first.err]).toEqual([0, ""]);
    expect(first.out).toMatch(
      /^weight_norm on [^\n]+: 1 timed now and stored\n\nkernel +default us +best us +gain +tried +rejected +schedule\n/,
    );
    expect(first.out).toMatch(/\nk0 +\d+\.\d +\d+\.\d +\d+\.\d\dx +[23] +0 +\S/);
    expect(readdirSync(cache)).toHaveLength(1);

    const again = await runWeft("tune", ...KERNEL, ...options, "--json");
    const report: unknown = JSON.parse(again.out);
    expect(report).toMatchObject({
      kernel: "weight_norm",
      kernels: [{ kernel: "k0", status: "known", rejected: 0 }],
    });
    const profile = (report as { readonly profile: string }).profile;
    expect(JSON.parse(readFileSync(record, "utf8"))).toMatchObject({
      version: 1,
      kernels: [{ us: expect.any(Number) as number }],
    });

    const explained = await runWeft("explain", ...KERNEL, "--profile", profile, "--record", record);
    expect(explained.out).toContain(", from the tuning record\n");
    const without = await runWeft("explain", ...KERNEL, "--profile", profile);
    expect(without.out).not.toContain("record");
  });
});

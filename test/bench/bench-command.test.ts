/** `weft bench` without a device: choosing workloads, programs of the user, mistakes. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeFolder, runWeft } from "../cli/run-weft.ts";

test("--explain lists the chosen workloads with their traffic", async () => {
  const { status, out } = await runWeft("bench", "--explain", "--quick", "--filter", "dynamic tanh");
  expect(status).toBe(0);
  const [titles = "", row = "", ...rest] = out.split("\n");
  expect(titles).toMatch(/^workload +shape +kernels +unfused +floor +moved\/floor/);
  expect(row).toMatch(/^dynamic tanh +128x256 +1 +4 +25\d KiB +1\.00 +3\.98/);
  expect(rest[0]).toBe("");
});

test("a kernel of the user's file is a workload like any other", async () => {
  const file = join(makeFolder(), "twice.weft");
  writeFileSync(file, "kernel twice(x: f32[N, M]) = x * 2\n");
  const { status, out } = await runWeft("bench", file, "--explain", "--shape", "x=8,32");
  expect(status).toBe(0);
  expect(out.split("\n")[1]).toMatch(/^twice +8x32 +1 +1 +2\.00 KiB +1\.00/);
});

test("a filter that fits nothing, and options that make no sense, say so before anything is measured", async () => {
  const none = await runWeft("bench", "--filter", "no such workload");
  expect(none.status).toBe(1);
  expect(none.err).toContain('no workload\'s name and shape hold "no such workload"');
  const odd = await runWeft("bench", "--rounds", "0");
  expect(odd.status).toBe(2);
  expect(odd.err).toContain("Write a whole number, 1 or more.");
  const mixed = await runWeft("bench", "--explain", "--html", "report.html");
  expect(mixed.status).toBe(2);
  expect(mixed.err).toContain("cannot be used with option '--html <file>'");
});

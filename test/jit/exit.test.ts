import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { describeGpu } from "../support/gpu.ts";

/** What Dawn says of an adapter's limits when it opens it. */
const DRIVER_NOTES = /^Warning: max\w+ artificially reduced .*\n/gm;

/** Runs a module; a process that does not end by itself is killed and fails the test. */
function runScript(script: string) {
  const source = JSON.stringify(new URL("../../src/index.ts", import.meta.url).href);
  const prelude = `import { jit, openDevice, scalar } from ${source};\n`;
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module-typescript", "--eval", prelude + script],
    { cwd: fileURLToPath(new URL("../..", import.meta.url)), encoding: "utf8", timeout: 30_000 },
  );
  return { status, signal, stdout: stdout.trim(), stderr: stderr.replace(DRIVER_NOTES, "") };
}

describeGpu("a process that used jit", () => {
  test.each(["device.dispose();", ""])("ends by itself (%o at its end)", (end) => {
    const result = runScript(`
      const device = await openDevice({ backend: "webgpu" });
      const f = jit((x, by) => x.mul(by));
      const x = device.tensor([1, 2]);
      const y = device.batch(() => f(f(x, scalar(2)), scalar(3)));
      console.log(String(await y.read()));
      f(y, scalar(1)); // nobody waits for it
      ${end}`);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "6,12", stderr: "" });
  });
});

test("a process that used jit on the CPU ends by itself", () => {
  const result = runScript(`
    const device = await openDevice({ backend: "cpu" });
    console.log(String(await jit((x) => x.sum())(device.tensor([1, 2])).read()));`);
  expect(result).toMatchObject({ status: 0, stdout: "3", stderr: "" });
});

/** Opening devices in processes of their own: exit, garbage collection, and machines without an adapter. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";
import { failureOf } from "./support.ts";

const source = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
const PRELUDE = `
import { openDevice } from ${source("../../src/runtime/open-device.ts")};
import { scalePlan, scaleGraph } from ${source("./plans.ts")};
const program = { plan: scalePlan({ count: 2 }), graph: scaleGraph(2) };
const turn = () => new Promise((resolve) => setTimeout(resolve, 10));
`;

/** Runs a module; a process that does not end by itself is killed and fails the test. */
function runScript(script: string, env: Readonly<Record<string, string>> = {}) {
  const command = ["--expose-gc", "--input-type=module-typescript", "--eval", PRELUDE + script];
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 30_000,
  });
  return { status, signal, stdout: stdout.trim(), stderr };
}

const NO_ADAPTER = { VK_ICD_FILENAMES: "/dev/null", VK_DRIVER_FILES: "/dev/null" };

describeGpu("a process that used a GPU", () => {
  test("ends by itself, with and without dispose()", () => {
    const result = runScript(`
      for (const disposes of [true, false]) {
        const device = await openDevice({ backend: "webgpu" });
        const [y] = device.load(program).run([device.tensor([1, 2])], { factor: 2 });
        console.log(String(await y.read()));
        if (disposes) device.dispose();
      }`);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "2,4\n2,4" });
  });

  test("outlives collections: of tensors, which gives their memory back, and of all but the device", () => {
    const result = runScript(`
      const device = await openDevice({ backend: "webgpu" });
      const fill = () => { for (let i = 0; i < 5; i++) device.tensor([1, 2]); };
      fill();
      console.log(device.memory().tensors);
      for (let i = 0; i < 5; i++) { globalThis.gc(); await turn(); }
      console.log(device.memory().tensors, device.memory().bytes);
      const [y] = device.load(program).run([device.tensor([1, 2])], { factor: 2 });
      console.log(String(await y.read()));`);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "5\n0 0\n2,4" });
  });

  test("outlives the collection of a whole device, also when only its GPUDevice is kept", () => {
    const result = runScript(`
      const use = async () => {
        const device = await openDevice({ backend: "webgpu" });
        await device.tensor([1]).read();
        return device.gpuDevice;
      };
      await use();
      const kept = await use();
      for (let i = 0; i < 5; i++) { globalThis.gc(); await turn(); }
      kept.createBuffer({ size: 16, usage: 128 });
      await kept.queue.onSubmittedWorkDone();
      const again = await openDevice({ backend: "webgpu" });
      console.log(String(await again.tensor([3]).read()));`);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "3" });
  });
});

test('without an adapter, "auto" runs on the CPU and says so once', () => {
  const result = runScript(
    `
    const said = [];
    const device = await openDevice({ warn: (message) => said.push(message) });
    const [y] = device.load(program).run([device.tensor([1, 2])], { factor: 2 });
    console.log(device.backend, String(await y.read()), said.length, said[0]);`,
    NO_ADAPTER,
  );
  expect(result.stdout).toMatch(/^cpu 2,4 1 tensorweft runs on the CPU: there is no WebGPU adapter: /);
  expect(result.status).toBe(0);
});

test("without an adapter, the default warning goes to console.warn", () => {
  const result = runScript("await openDevice();", NO_ADAPTER);
  expect(result.stderr.match(/tensorweft runs on the CPU/g)).toHaveLength(1);
});

test('without an adapter, "webgpu" is an error that says what to do', () => {
  const result = runScript(
    `await openDevice({ backend: "webgpu" }).catch((error) => console.log(JSON.stringify(error.diagnostics)));`,
    NO_ADAPTER,
  );
  expect(JSON.parse(result.stdout)).toMatchObject([
    { code: "no-adapter", help: expect.stringContaining('backend "auto" or "cpu"') as string },
  ]);
});

test("an unknown backend is refused", async () => {
  expect((await failureOf(() => openDevice({ backend: "cuda" as "cpu" }))).help).toBe(
    'use "auto", "webgpu", "cpu"',
  );
});

/** `weft build --watch` as a process of its own: it builds again, survives mistakes, and ends when it is told to. */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { makeFolder } from "./run-weft.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/weft.ts", import.meta.url));

/** Long beyond need: machines may be busy. */
const TURNS = 3000;

interface Watching {
  readonly child: ChildProcess;
  readonly printed: { out: string; err: string };
  /** Waits until what it printed or wrote has something. */
  readonly until: (holds: () => boolean) => Promise<void>;
  readonly ended: Promise<readonly [number | null, NodeJS.Signals | null]>;
}

function startWatching(source: string): Watching {
  const child = spawn(process.execPath, [SCRIPT, "build", source, "--watch"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const printed = { out: "", err: "" };
  child.stdout.on("data", (data: Buffer) => (printed.out += data.toString()));
  child.stderr.on("data", (data: Buffer) => (printed.err += data.toString()));
  const ended = new Promise<readonly [number | null, NodeJS.Signals | null]>((resolve) => {
    child.once("close", (status, signal) => {
      resolve([status, signal]);
    });
  });
  const until = async (holds: () => boolean): Promise<void> => {
    for (let turn = 0; !holds(); turn++) {
      if (turn > TURNS || child.exitCode !== null)
        throw new Error(`it never came: ${JSON.stringify(printed)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, printed, until, ended };
}

const KERNEL = `import { kernel, type Tensor } from "tensorweft/aot";
export const twice = kernel((x: Tensor<[4]>) => x * 2);
`;

const count = (text: string, part: string): number => text.split(part).length - 1;

test("builds again after changes, shows mistakes and goes on, ends at SIGINT", async () => {
  const folder = makeFolder();
  const [source, out] = [join(folder, "twice.ts"), join(folder, "twice.gen.ts")];
  writeFileSync(source, KERNEL);
  const { child, printed, until, ended } = startWatching(source);
  await until(() => printed.out.includes(`written to ${out}: twice (1 shape)`));
  const first = readFileSync(out, "utf8");

  writeFileSync(source, KERNEL.replace("x * 2", "x * 3"));
  await until(() => count(printed.out, "written to") === 2);
  expect(readFileSync(out, "utf8")).not.toBe(first);

  // A mistake is shown at its place, and the module stays as it was.
  writeFileSync(source, KERNEL.replace("x * 2", "y * 2"));
  await until(() => printed.err.includes("twice.ts:2:49: error[unknown-name]: there is no y at build time"));
  expect(readFileSync(out, "utf8")).not.toBe(first);
  writeFileSync(source, KERNEL);
  await until(() => count(printed.out, "written to") === 3);
  expect(readFileSync(out, "utf8")).toBe(first);

  // A file that is missing is waited for, and then followed.
  const helped = KERNEL.replace("x * 2", "half(x)").replace("\n", '\nimport { half } from "./half.ts";\n');
  writeFileSync(source, helped);
  await until(() => printed.err.includes("error[invalid-file]: cannot read"));
  writeFileSync(join(folder, "half.ts"), "export const half = (x: number): number => x * 0.5;\n");
  await until(() => count(printed.out, "written to") === 4);
  expect(readFileSync(out, "utf8")).toContain("0.5");
  writeFileSync(join(folder, "half.ts"), "export const half = (x: number): number => x * 0.25;\n");
  await until(() => count(printed.out, "written to") === 5);
  expect(readFileSync(out, "utf8")).toContain("0.25");

  child.kill("SIGINT");
  expect(await ended).toEqual([0, null]);
  expect(readdirSync(folder).sort()).toEqual(["half.ts", "twice.gen.ts", "twice.ts"]);
});

test("a source that is wrong from the start is waited for; SIGTERM ends it as well", async () => {
  const folder = makeFolder();
  const source = join(folder, "scale.weft");
  writeFileSync(source, "kernel scale(x: f32[4]) = x * two\n");
  const { child, printed, until, ended } = startWatching(source);
  await until(() => printed.err.includes("scale.weft:1:31: error[unknown-name]"));
  expect(readdirSync(folder)).toEqual(["scale.weft"]);
  writeFileSync(source, "kernel scale(x: f32[4]) = x * 2\n");
  await until(() => printed.out.includes("scale.gen.ts: scale (1 shape)"));
  child.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(printed.err).not.toContain("    at "); // no stack
});

/** Files that appear whole or not at all: after commit, after a failure, after a signal. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createAtomicFile } from "../../src/cli/atomic-file.ts";
import { makeFolder } from "./run-weft.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const listeners = (): number => SIGNALS.reduce((n, signal) => n + process.listenerCount(signal), 0);

test("the file is there when it is committed, and not before", async () => {
  const folder = makeFolder();
  const path = join(folder, "out");
  const before = listeners();
  const file = await createAtomicFile(path);
  await file.write(bytes("one "));
  await file.write(new Uint8Array());
  await file.write(bytes("two"));
  expect(existsSync(path)).toBe(false);
  await file.commit();
  expect(readFileSync(path, "utf8")).toBe("one two");
  expect(readdirSync(folder)).toEqual(["out"]);
  await file.discard();
  expect(readFileSync(path, "utf8")).toBe("one two");
  expect(listeners()).toBe(before);
});

test("what is discarded leaves nothing, and the file that was there stays", async () => {
  const folder = makeFolder();
  const path = join(folder, "out");
  writeFileSync(path, "old");
  const before = listeners();
  const file = await createAtomicFile(path);
  await file.write(bytes("new"));
  await file.discard();
  await file.discard();
  expect(readFileSync(path, "utf8")).toBe("old");
  expect(readdirSync(folder)).toEqual(["out"]);
  expect(listeners()).toBe(before);
});

test("permissions and symbolic links outlive the file", async () => {
  const folder = makeFolder();
  const [path, link] = [join(folder, "out"), join(folder, "link")];
  writeFileSync(path, "old");
  chmodSync(path, 0o640);
  symlinkSync(path, link);
  const file = await createAtomicFile(link);
  await file.write(bytes("new"));
  await file.commit();
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(path, "utf8")).toBe("new");
  expect(statSync(path).mode & 0o777).toBe(0o640);
});

test("two writers of one file do not meet", async () => {
  const path = join(makeFolder(), "out");
  const [first, second] = [await createAtomicFile(path), await createAtomicFile(path)];
  await first.write(bytes("first"));
  await second.write(bytes("second"));
  await first.commit();
  await second.commit();
  expect(readFileSync(path, "utf8")).toBe("second");
});

test("folders and devices are not replaced", async () => {
  const folder = makeFolder();
  await expect(createAtomicFile(folder)).rejects.toThrow("it is not a file");
  if (existsSync("/dev/null"))
    await expect(createAtomicFile("/dev/null")).rejects.toThrow("it is not a file");
  await expect(createAtomicFile(join(folder, "nowhere", "out"))).rejects.toThrow("ENOENT");
  expect(readdirSync(folder)).toEqual([]);
});

test.skipIf(process.platform === "win32").each(["SIGINT", "SIGTERM"] as const)(
  "%s ends the process and removes the temporary file",
  async (signal) => {
    const folder = makeFolder();
    const module = new URL("../../src/cli/atomic-file.ts", import.meta.url).href;
    const program = `
      import { createAtomicFile } from ${JSON.stringify(module)};
      const file = await createAtomicFile(${JSON.stringify(join(folder, "out"))});
      await file.write(new Uint8Array(1000));
      console.log("written");
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    expect(readdirSync(folder)).toHaveLength(1);
    child.kill(signal);
    expect(await once(child, "exit")).toEqual([null, signal]);
    expect(readdirSync(folder)).toEqual([]);
  },
);

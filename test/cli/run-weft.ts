/** Runs command lines inside the test's process, with what they print. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { main } from "../../src/cli/main.ts";

export interface WeftRun {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export async function runWeft(...argv: readonly string[]): Promise<WeftRun> {
  const out: string[] = [];
  const err: string[] = [];
  const status = await main(argv, {
    write: (text) => void out.push(text),
    writeError: (text) => void err.push(text),
    style: undefined,
  });
  return { status, out: out.join(""), err: err.join("") };
}

/** A folder that is removed when the running test ends. */
export function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "weft-"));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

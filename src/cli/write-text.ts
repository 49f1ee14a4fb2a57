/** Files that commands write beside what they print. */
import { writeFile } from "node:fs/promises";
import { fail } from "../diagnostics/diagnostic.ts";
import { describeFileError } from "./file-errors.ts";
import type { Session } from "./terminal.ts";

/** @throws {TensorweftError} `invalid-file` */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((error: unknown) =>
    fail("invalid-file", describeFileError("write", path, error), { help: "pass another file" }),
  );
}

/** Says where it was written. */
export async function writeTextAndSay(path: string, text: string, { terminal }: Session): Promise<void> {
  await writeText(path, text);
  terminal.write(`written to ${path}\n`);
}

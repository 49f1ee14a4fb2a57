/** Tuning records from files, for commands that only look: of whatever device, since legality is asked at compilation. */
import { readFile } from "node:fs/promises";
import { fail } from "../diagnostics/diagnostic.ts";
import type { TunedSchedules } from "../index.ts";
import { readTuningRecord } from "../ir/tuning-record.ts";
import { describeFileError } from "./file-errors.ts";

/** @throws {TensorweftError} `invalid-file` */
export async function readRecord(path: string): Promise<TunedSchedules> {
  const help = "pass a file that weft tune --out has written";
  const text = await readFile(path, "utf8").catch((error: unknown) =>
    fail("invalid-file", describeFileError("read", path, error), { help }),
  );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const record = readTuningRecord(value);
  if (record === null) return fail("invalid-file", `${path} is no tuning record of this version`, { help });
  const schedules = new Map(record.kernels.map((kernel) => [kernel.group, kernel]));
  return { size: schedules.size, find: (group) => schedules.get(group) };
}

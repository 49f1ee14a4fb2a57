/** Many processes that fill one folder at once: all get the right plans, and the folder is sound. */
import { expect, test } from "vitest";
import { filesIn, newFolder } from "../cache/support.ts";
import { brokenEntries, rounds, startWorker, writePrograms } from "./support.ts";

const PROGRAMS = 12;
const CROWD = rounds(8, 200);

interface Counters {
  readonly storedHits: number;
  readonly compiles: number;
  readonly dropped: number;
  readonly failedWrites: number;
  readonly evicted: number;
}

/** The workers at once; what each of them counted. */
async function runCrowd(folder: string, maxBytes: number): Promise<readonly Counters[]> {
  const programs = writePrograms(PROGRAMS);
  const ended = await Promise.all(
    Array.from({ length: CROWD }, (_, i) =>
      startWorker(["fill", folder, programs, String(i), String(maxBytes)]),
    ),
  );
  expect(ended.filter(({ status, err }) => status !== 0 || err !== "")).toEqual([]);
  expect(brokenEntries(folder)).toEqual([]);
  expect(filesIn(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  return ended.map(({ out }) => JSON.parse(out) as Counters);
}

test(`${CROWD} processes fill an empty folder`, async () => {
  const folder = newFolder();
  for (const counters of await runCrowd(folder, 2 ** 20)) {
    expect(counters.storedHits + counters.compiles).toBe(PROGRAMS);
    expect(counters).toMatchObject({ dropped: 0, failedWrites: 0, evicted: 0 });
  }
  expect(filesIn(folder)).toHaveLength(PROGRAMS);
  const [after] = await runCrowdOfOne(folder);
  expect(after).toMatchObject({ storedHits: PROGRAMS, compiles: 0 });
});

async function runCrowdOfOne(folder: string): Promise<readonly Counters[]> {
  const { out } = await startWorker(["fill", folder, writePrograms(PROGRAMS), "0", String(2 ** 20)]);
  return [JSON.parse(out) as Counters];
}

test(`${CROWD} processes in a folder that holds half of what they need`, async () => {
  const folder = newFolder();
  await runCrowd(folder, 2 ** 20);
  const sizes = filesIn(folder).length;
  const half = newFolder();
  const counters = await runCrowd(half, 12_000);
  for (const each of counters) expect(each).toMatchObject({ dropped: 0, failedWrites: 0 });
  expect(sizes).toBe(PROGRAMS);
  expect(counters.some(({ evicted }) => evicted > 0)).toBe(true);
  expect(filesIn(half).length).toBeLessThan(PROGRAMS);
});

/** Processes that are killed while they write: what is in the folder is whole, and the next one works as ever. */
import { describe, expect, test } from "vitest";
import { DiskLevel } from "../../src/cache/disk-level.ts";
import { createRandom } from "../support/random-values.ts";
import { filesIn, newFolder, nodeModules } from "../cache/support.ts";
import { largeText } from "./large-text.ts";
import { brokenEntries, isLong, rounds, startWorker } from "./support.ts";

const drafts = (folder: string): number => filesIn(folder).filter((name) => name.endsWith(".tmp")).length;

describe.skipIf(process.platform === "win32")("a process that is killed", () => {
  const MOMENTS = {
    "before the draft": { text: "old text", drafts: 0 },
    "within the draft": { text: "old text", drafts: 1 },
    "behind the draft": { text: "old text", drafts: 1 },
    "behind the move": { text: "new text", drafts: 0 },
  } as const;

  test.each(Object.entries(MOMENTS))("%s leaves the old entry or the new one", async (moment, left) => {
    const folder = newFolder();
    const level = new DiskLevel(nodeModules(), { folder, maxBytes: 2 ** 30 });
    level.write("key", "old text");
    expect(await startWorker(["die", folder, moment])).toMatchObject({ signal: "SIGKILL", out: "", err: "" });
    expect(level.read("key")).toBe(left.text);
    expect(drafts(folder)).toBe(left.drafts);
    level.write("key", "newer text");
    expect(level.read("key")).toBe("newer text");
    expect(level.counts).toMatchObject({ dropped: 0, failedWrites: 0 });
  });

  test(`at ${rounds(10, 100)} moments by chance leaves whole entries, and nothing locked`, async () => {
    const folder = newFolder();
    const random = createRandom(7);
    const level = new DiskLevel(nodeModules(), { folder, maxBytes: 2 ** 30 });
    let left = 0;
    for (let round = 0; round < rounds(10, 100); round++) {
      const wait = random() * 40;
      const ended = await startWorker(["write", folder], {
        onOutput: (kill) => void setTimeout(kill, wait),
      });
      expect(ended).toMatchObject({ signal: "SIGKILL", err: "" });
      expect(brokenEntries(folder)).toEqual([]);
      for (let i = 0; i < 4; i++) {
        const text = level.read(`key ${i}`);
        expect(text === null || text === largeText(`key ${i}`), `key ${i} in round ${round}`).toBe(true);
      }
      level.write("key 0", largeText("key 0"));
      expect(level.read("key 0") === largeText("key 0")).toBe(true);
      const now = drafts(folder);
      expect(now - left).toBeLessThanOrEqual(1);
      left = now;
    }
    if (isLong) console.log(`${left} of ${rounds(10, 100)} kills left a draft`);
    expect(level.counts).toMatchObject({ dropped: 0, failedWrites: 0 });
  });
});

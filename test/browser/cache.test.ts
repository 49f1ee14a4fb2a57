/** Compiled plans in IndexedDB: what one load of a page has compiled, the next one finds. */
import { beforeEach, describe, expect, test } from "vitest";
import { describeBrowser } from "./describe-browser.ts";
import type { Visit } from "./pages/cases/cache.ts";
import type { Site, Tab, Where } from "./site.ts";

const VALUES = [1.2, 1.6];

describeBrowser("the cache in Chromium", (browser) => {
  describe.each<Where>(["page", "worker"])("in a %s", (where) => {
    let site: Site; // an origin of its own, and so a database
    beforeEach(async () => {
      site = await browser().serve();
    });

    /** Loads the page again. */
    async function load<R = Visit>(name: string, argument: unknown = {}): Promise<R> {
      const tab = await site.open(where);
      const result = await tab.call<R>("cache", name, argument);
      await tab.close();
      return result;
    }

    test("the second load of a page compiles nothing", async () => {
      const first = await load("visit");
      expect(first).toMatchObject({
        values: VALUES,
        place: "IndexedDB kernels",
        problem: null,
        counters: { compiles: 1, storedHits: 0, writes: 1, failedWrites: 0 },
      });
      expect(await load("visit")).toMatchObject({
        values: VALUES,
        counters: { compiles: 0, storedHits: 1, writes: 0, dropped: 0 },
      });
      expect(await load("visit", { factors: [3] })).toMatchObject({
        values: [1.8, 2.4],
        counters: { compiles: 1, storedHits: 0, writes: 1 },
      });
    });

    test("prewarming compiles the kernels of the last load", async () => {
      const options = { factors: [2, 3], prewarm: "app" };
      expect(await load("visit", options)).toMatchObject({ prewarmed: 0, counters: { compiles: 2 } });
      expect(await load("visit", options)).toMatchObject({
        prewarmed: 2,
        pipelines: 2,
        counters: { compiles: 0, storedHits: 2 },
      });
      expect(await load("visit", { prewarm: "app" })).toMatchObject({ prewarmed: 2, values: VALUES });
      expect(await load("visit", { prewarm: "app" })).toMatchObject({ prewarmed: 1 });
    });

    test.each(["text", "plan", "all"])("damaged entries are compiled again (%s)", async (what) => {
      await load("visit", { factors: [2, 3] });
      expect(await load("damage", what)).toBe(2);
      expect(await load("visit", { factors: [2, 3] })).toMatchObject({
        values: [...VALUES, 1.8, 2.4],
        counters: { compiles: 2, storedHits: 0, dropped: 2, writes: 2 },
      });
      expect(await load("visit")).toMatchObject({ counters: { compiles: 0, storedHits: 1, dropped: 0 } });
    });

    test.each(["WGSL", "form"])(
      "forged entries with a right checksum are compiled again (%s)",
      async (what) => {
        await load("visit");
        await load("forge", what);
        expect(await load("visit")).toMatchObject({
          values: VALUES,
          counters: { compiles: 1, storedHits: what === "WGSL" ? 1 : 0, dropped: 1, writes: 1 },
        });
        expect(await load("visit")).toMatchObject({ counters: { compiles: 0, storedHits: 1, dropped: 0 } });
      },
    );

    test("a database that was cleared is filled again, also under an open page", async () => {
      const tab = await site.open(where);
      await tab.call("cache", "stay", {});
      expect(await load("clear")).toBe("cleared"); // the open page does not keep it
      expect(await tab.call<Visit>("cache", "goOn", { factors: [2, 3] })).toMatchObject({
        values: [...VALUES, 1.8, 2.4],
        problem: "the database was deleted",
        counters: { compiles: 2, writes: 1, failedWrites: 1 },
      });
      await tab.close();
      expect(await load("visit")).toMatchObject({ counters: { compiles: 1, writes: 1 } });
      expect(await load("visit")).toMatchObject({ counters: { compiles: 0, storedHits: 1 } });
    });

    test("goes on where there is no database, and says so", async () => {
      for (const how of ["refused", "missing"]) {
        const tab = await site.open(where);
        await tab.call("cache", "refuseDatabases", how);
        const visit = await tab.call<Visit>("cache", "visit", {});
        expect(visit).toMatchObject({
          values: VALUES,
          counters: { compiles: 1, writes: 0, failedWrites: 1 },
        });
        expect(visit.problem).toMatch(
          /^IndexedDB cannot be used: (?:SecurityError: denied|this browser has none)$/,
        );
        await tab.close();
      }
    });

    test("goes on where there is no room", async () => {
      await load("visit");
      const tab = await site.open(where);
      await tab.call("cache", "refuseWrites");
      expect(await tab.call<Visit>("cache", "visit", { factors: [3] })).toMatchObject({
        values: [1.8, 2.4],
        problem: null,
        counters: { compiles: 1, writes: 0, failedWrites: 1 },
      });
    });
  });

  test("pages and workers that fill one database at once, and evict what the others keep", async () => {
    const site = await browser().serve();
    const tabs: Tab[] = [];
    for (const where of ["page", "worker", "page"] as const) tabs.push(await site.open(where));
    const options = { factors: [2, 3, 4, 5], maxBytes: 8000 }; // three programs
    const run = (): Promise<readonly Visit[]> =>
      Promise.all(tabs.map((tab) => tab.call<Visit>("cache", "visit", options)));
    for (const visits of [await run(), await run()])
      for (const { values, counters, problem } of visits) {
        expect(values).toEqual([1.2, 1.6, 1.8, 2.4, 2.4, 3.2, 3, 4]);
        expect(problem).toBeNull();
        expect(counters).toMatchObject({ failedWrites: 0, dropped: 0 });
        expect(counters.compiles + counters.storedHits).toBe(4);
      }
    const [last] = await run();
    expect(last?.counters.storedHits).toBeGreaterThan(0);
    expect(last?.counters.compiles).toBeGreaterThan(0);
  });
});

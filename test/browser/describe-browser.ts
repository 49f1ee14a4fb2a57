/**
 * A `describe` whose tests run in a real browser.
 *
 *     describeBrowser("norms", (browser) => {
 *       test("in a page", async () => {
 *         const site = await browser().serve();
 *         const tab = await site.open("page"); // or "worker"
 *         expect(await tab.call("norms", "twice", [1, 2])).toEqual([2, 4]); // pages/cases/norms.ts exports twice
 *       });
 *     });
 *
 * The files of a worker of vitest share one browser and one build of the pages; sites are closed after their suite. Where
 * no Chromium can run, the tests skip with the reason, or fail with REQUIRE_GPU=1 where one should run.
 */
import { afterAll, beforeAll, beforeEach, describe } from "vitest";
import { GPU_NOTE } from "../support/reporter.ts";
import { buildPages } from "./build-pages.ts";
import { launchChromium, NO_CHROMIUM } from "./chromium.ts";
import { Site, type SiteOptions } from "./site.ts";

export interface TestBrowser {
  readonly serve: (options?: SiteOptions) => Promise<Site>;
  /** The modules that a script of the pages was made of, by its path. */
  readonly modules: ReadonlyMap<string, readonly string[]>;
}

type Opened = Awaited<ReturnType<typeof openBrowser>>;

/** That of this worker. */
let shared: Promise<Opened> | undefined;

async function openBrowser() {
  const [chromium, site] = await Promise.all([launchChromium(), buildPages()]);
  return { chromium, ...site };
}

export function describeBrowser(name: string, define: (browser: () => TestBrowser) => void): void {
  describe(name, () => {
    let opened: Opened | undefined;
    const sites: Site[] = [];
    beforeAll(async () => {
      if (NO_CHROMIUM === null) opened = await (shared ??= openBrowser());
    });
    afterAll(async () => {
      await Promise.all(sites.map((site) => site.close()));
    });
    beforeEach((context) => {
      if (NO_CHROMIUM !== null) context.skip(`${GPU_NOTE} in a browser: ${NO_CHROMIUM}`);
    });
    define(() => {
      if (opened === undefined) throw new Error("browser() was called outside a test or hook");
      const { chromium, files, modules } = opened;
      return {
        modules,
        serve: async (options) => {
          const site = await Site.open(chromium, files, options);
          sites.push(site);
          return site;
        },
      };
    });
  });
}

/** The same API on `navigator.gpu`: in a page and in a dedicated worker, under a policy that forbids eval. */
import { beforeAll, describe, expect, test } from "vitest";
import { describeBrowser } from "./describe-browser.ts";
import type { Tab, Where } from "./site.ts";

describeBrowser("in Chromium", (browser) => {
  describe.each<Where>(["page", "worker"])("in a %s", (where) => {
    let tab: Tab;
    beforeAll(async () => {
      tab = await (await browser().serve()).open(where);
    });

    test("opens a device of the browser's own WebGPU", async () => {
      expect(await tab.call("basics", "describeDevice")).toEqual({
        backend: "webgpu",
        isSoftware: true,
        hasGpuDevice: true,
        hasDocument: where === "page",
        hasProcess: false,
      });
    });

    test("the policy is in force: code cannot be made of text", async () => {
      expect(await tab.call("basics", "makeCode")).toBe("refused");
    });

    test("runs traced functions, the library, text and templates", async () => {
      const expected = [6, 8, 0, -1];
      expect(await tab.call("basics", "normalize")).toEqual({
        traced: expected,
        library: expected,
        text: expected,
        template: expected,
        dispatches: 4,
      });
    });

    test("reports mistakes as in Node", async () => {
      expect(await tab.call("basics", "makeMistakes")).toMatchObject([
        [{ code: "shape-mismatch" }],
        [
          {
            code: "unknown-name",
            span: { file: "<text>", line: 1, column: 23 },
            help: expect.stringContaining("sqrt") as string,
          },
        ],
        [{ code: "disposed-tensor" }],
      ]);
    });

    test("chooses the backend as in Node", async () => {
      expect(await tab.call("basics", "open", {})).toEqual({
        backend: "webgpu",
        result: [-1, 1],
        warnings: [],
      });
      expect(await tab.call("basics", "open", { backend: "cpu" })).toEqual({
        backend: "cpu",
        result: [-1, 1],
        warnings: [],
      });
      expect(await tab.call("basics", "open", { backend: "cuda" })).toMatchObject([
        { code: "wrong-argument" },
      ]);
    });
  });

  test("without navigator.gpu, a typed error says what to do, and the CPU serves where it may", async () => {
    const tab = await (await browser().serve()).open("page");
    await tab.call("basics", "hideGpu");
    expect(await tab.call("basics", "open", { backend: "webgpu" })).toMatchObject([
      {
        code: "no-adapter",
        message: expect.stringContaining("navigator.gpu") as string,
        help: expect.stringContaining("https") as string,
      },
    ]);
    expect(await tab.call("basics", "open", {})).toEqual({
      backend: "cpu",
      result: [-1, 1],
      warnings: [
        expect.stringMatching(/^tensorweft runs on the CPU: there is no WebGPU adapter: this browser/),
      ],
    });
  });
});

/** What `weft build` writes, in a page and in a worker that never load the compiler. */
import { expect, test } from "vitest";
import { BUILT_CALLS, type BuiltResult, expectRight } from "../aot/norm-cases.ts";
import { describeBrowser } from "./describe-browser.ts";
import type { Where } from "./site.ts";

const isCompiler = (id: string): boolean =>
  /\/src\/(?:passes|schedule|lower|codegen|frontend|library|autodiff|build)\//.test(id) ||
  /\/src\/(?!runtime-entry)[^/]+\.ts$/.test(id) ||
  /node_modules\/(?:@?chevrotain|ts-morph|typescript)/.test(id);

describeBrowser("a built module in Chromium", (browser) => {
  test.each<Where>(["page", "worker"])("in a %s", async (where) => {
    const { serve, modules } = browser();
    const tab = await (await serve()).open(where);
    const results = await tab.call<readonly BuiltResult[]>("built", "callKernels", BUILT_CALLS);
    for (const [i, call] of BUILT_CALLS.entries()) expectRight(call, results[i] ?? []);

    const scripts = await tab.call<readonly string[]>("built", "listScripts");
    const loaded = scripts.flatMap((path) => modules.get(path) ?? [`unknown: ${path}`]);
    expect(loaded.some((id) => id.endsWith("/norms.gen.ts"))).toBe(true);
    expect(loaded.filter(isCompiler)).toEqual([]);
    // The other cases do have the compiler: it is known when it is seen.
    expect([...modules.values()].flat().some(isCompiler)).toBe(true);
  });
});

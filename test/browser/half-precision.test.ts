/** f16 in browsers with Float16Array and in those before 2025, which lack it. */
import { describe, expect, test } from "vitest";
import { describeBrowser } from "./describe-browser.ts";
import type { Where } from "./site.ts";

interface Read {
  readonly array: string;
  readonly words: readonly number[];
}

interface RoundTrip {
  readonly hasFloat16Array: boolean;
  readonly expected: readonly number[];
  readonly negated: readonly number[];
  readonly isF16: boolean;
  readonly reads: readonly Read[];
  readonly results: readonly Read[];
  readonly odd: Read;
  readonly refusal: string;
}

describeBrowser("tensors of f16 in Chromium", (browser) => {
  describe.each<Where>(["page", "worker"])("in a %s", (where) => {
    test.each([
      ["with", "Float16Array", []],
      ["without", "Uint16Array", ["Float16Array"]],
    ] as const)("%s Float16Array come and go as %s", async (_, array, without) => {
      const tab = await (await browser().serve()).open(where, { without });
      const found = await tab.call<RoundTrip>("half-precision", "roundTrip");
      expect(found).toMatchObject({ hasFloat16Array: without.length === 0, isF16: true });
      for (const read of found.reads) expect(read).toEqual({ array, words: found.expected });
      for (const result of found.results) expect(result).toEqual({ array, words: found.negated });
      expect(found.odd).toEqual({ array, words: found.expected.slice(0, 3) });
      expect(found.refusal).toContain('say which: { dtype: "f16" } or { dtype: "bf16" }');
    });
  });
});

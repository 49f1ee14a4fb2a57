import { expect, test } from "vitest";
import { packBlock } from "../../src/runtime/uniform-block.ts";

test("scalars take 4 bytes each, in order, padded to 16", () => {
  const layout = [
    { name: "a", dtype: "f32" },
    { name: "b", dtype: "i32" },
    { name: "c", dtype: "u32" },
    { name: "d", dtype: "bool" },
    { name: "e", dtype: "f32" },
  ] as const;
  const bytes = packBlock(layout, [1, -1, 2 ** 32 - 1, 7, -Infinity]);
  expect(bytes).toHaveLength(32);
  const words = [...new Uint32Array(bytes.buffer)].map((word) => word.toString(16));
  expect(words).toEqual(["3f800000", "ffffffff", "ffffffff", "1", "ff800000", "0", "0", "0"]);
});

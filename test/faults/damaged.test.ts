/** Entries with flipped bits, as a program meets them: it gets the right numbers, and the next one finds a sound entry. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Device, jit, openDevice, type TracedTensor } from "tensorweft";
import { describeGpu } from "../support/gpu.ts";
import { filesIn, newFolder } from "../cache/support.ts";
import { rounds } from "./support.ts";

async function open(folder: string): Promise<Device> {
  const device = await openDevice({ backend: "webgpu", cache: { folder } });
  onTestFinished(() => {
    device.dispose();
  });
  return device;
}

async function run(device: Device): Promise<readonly number[]> {
  const f = jit((x: TracedTensor) => x.mul(x).sum({ axis: 1 }), { name: "squares" });
  const y = f(device.tensor([1, 2, 3, 4], [2, 2]));
  return [...((await y.read()) as Float32Array)];
}

/** A place of each kind in the text of an entry. */
const PLACES: Readonly<Record<string, (text: string) => number>> = {
  "the first byte": () => 0,
  "the name of the format": (text) => text.indexOf("cache"),
  "the number of the format": (text) => text.indexOf(" 1 ") + 1,
  "the checksum": (text) => text.indexOf(" 1 ") + 10,
  "the length": (text) => text.indexOf("\n") - 2,
  "the end of the header": (text) => text.indexOf("\n"),
  "a brace": (text) => text.indexOf("{"),
  "the key's build": (text) => text.indexOf(" build ") + 9,
  "the key's profile": (text) => text.indexOf("maxBufferSize") + 2,
  "the key's graph": (text) => text.indexOf("func @") + 8,
  "the answers": (text) => text.indexOf('"answers"') + 11,
  "a shape": (text) => text.indexOf('"shape":[') + 9,
  "a size": (text) => text.indexOf('"bytes":') + 8,
  "the WGSL": (text) => text.indexOf("@compute") + 4,
  "a position of a buffer": (text) => text.indexOf('"buffers":[', text.indexOf('"steps"')) + 11,
  "the workgroups": (text) => text.indexOf('"workgroups":[') + 14,
  "the last byte": (text) => text.length - 1,
};

describeGpu("a flipped bit", () => {
  test.each(Object.entries(PLACES))("in %s is noticed", async (_, placeIn) => {
    const folder = newFolder();
    expect(await run(await open(folder))).toEqual([5, 25]);
    const file = join(folder, filesIn(folder)[0] ?? "");
    const sound = readFileSync(file);
    const at = placeIn(sound.toString("latin1"));
    expect(at).toBeGreaterThanOrEqual(0);
    const damaged = Buffer.from(sound);
    damaged.writeUInt8((sound[at] ?? 0) ^ 4, at);
    writeFileSync(file, damaged);
    const device = await open(folder);
    expect(await run(device)).toEqual([5, 25]);
    expect(device.cache?.counters).toMatchObject({ dropped: 1, compiles: 1, storedHits: 0, writes: 1 });
    expect(readFileSync(file)).toEqual(sound);
  });

  test(`anywhere, in ${rounds(8, 300)} places`, async () => {
    const folder = newFolder();
    await run(await open(folder));
    const file = join(folder, filesIn(folder)[0] ?? "");
    const sound = readFileSync(file);
    const count = rounds(8, 300);
    for (let i = 0; i < count; i++) {
      const at = Math.floor((i * sound.length) / count);
      const damaged = Buffer.from(sound);
      damaged.writeUInt8((sound[at] ?? 0) ^ (1 << (i % 8)), at);
      writeFileSync(file, damaged);
      const device = await openDevice({ backend: "webgpu", cache: { folder } });
      expect(await run(device), `byte ${at}`).toEqual([5, 25]);
      expect(device.cache?.counters, `byte ${at}`).toMatchObject({ dropped: 1, compiles: 1 });
      device.dispose();
    }
  });
});

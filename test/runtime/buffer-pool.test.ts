import { expect, test } from "vitest";
import { BufferPool, sizeClass } from "../../src/runtime/buffer-pool.ts";
import { newCounters } from "../../src/runtime/counters.ts";
import { BUFFER_USAGE } from "../../src/runtime/gpu-flags.ts";
import { MemoryPressure } from "../../src/runtime/memory-pressure.ts";
import { describeGpu } from "../support/gpu.ts";
import { failureOf } from "./support.ts";

test("size classes waste at most a quarter, and are their own class", () => {
  for (const bytes of [1, 256, 257, 300, 1000, 4096, 5000, 2 ** 20, 2 ** 20 + 16, 12_345_678]) {
    const size = sizeClass(bytes);
    expect(size).toBeGreaterThanOrEqual(bytes);
    if (bytes > 256 && bytes <= 2 ** 20) expect(size).toBeLessThanOrEqual(bytes * 1.25);
    expect(size % 4).toBe(0);
    expect(sizeClass(size)).toBe(size);
  }
});

describeGpu("buffer pool", (gpu) => {
  const newPool = (maxIdleBytes: number) => {
    const counters = newCounters();
    let id = 0;
    const pressure = new MemoryPressure();
    const settings = { usage: BUFFER_USAGE.storage, maxBufferSize: 2 ** 20, maxIdleBytes, pressure };
    const pool = new BufferPool(gpu().device, counters, settings, () => ++id);
    return { pool, counters };
  };

  test("a released buffer serves the next request of its class", () => {
    const { pool, counters } = newPool(2 ** 20);
    const first = pool.acquire(1000, "a");
    pool.release(first);
    expect(pool.usage).toEqual({ buffers: 0, bytes: 0, idleBytes: 1024 });
    expect(pool.acquire(900, "b")).toBe(first);
    expect(counters.buffersCreated).toBe(1);
    expect(pool.acquire(900, "c")).not.toBe(first);
    expect(pool.usage).toEqual({ buffers: 2, bytes: 2048, idleBytes: 0 });
  });

  test("a buffer with two holders stays in use until both let go", () => {
    const { pool } = newPool(2 ** 20);
    const buffer = pool.acquire(256, "a");
    pool.retain(buffer);
    pool.release(buffer);
    expect(pool.acquire(256, "b")).not.toBe(buffer);
    pool.release(buffer);
    expect(pool.acquire(256, "c")).toBe(buffer);
  });

  test("idle buffers stay below the bound, the longest idle goes first", () => {
    const { pool } = newPool(1024);
    const buffers = [256, 512, 512].map((bytes) => pool.acquire(bytes, "a"));
    for (const buffer of buffers) pool.release(buffer);
    expect(pool.usage.idleBytes).toBe(1024);
    expect(pool.acquire(256, "b")).not.toBe(buffers[0]);
    expect(pool.acquire(512, "c")).toBe(buffers[2]);
    pool.trim();
    expect(pool.usage.idleBytes).toBe(0);
    expect(pool.acquire(512, "d")).not.toBe(buffers[1]);
  });

  test("more than a buffer can hold is refused with both sizes", async () => {
    const { pool } = newPool(0);
    const failure = await failureOf(() => pool.acquire(2 ** 21, "tensor f32[524288]"));
    expect(failure.code).toBe("too-large");
    expect(failure.message).toBe(
      "tensor f32[524288] needs 2 MiB, but buffers of this device hold at most 1 MiB",
    );
  });
});

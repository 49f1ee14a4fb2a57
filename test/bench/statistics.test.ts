/** Medians, spreads, and how often work is repeated, on numbers and stopwatches without a device. */
import { expect, test } from "vitest";
import { interleave } from "../../src/bench/measure-workload.ts";
import type { PreparedPlan } from "../../src/runtime/prepare-plan.ts";
import { median, quantile, spreadOf } from "../../src/runtime/statistics.ts";
import { countExecutions, type Stopwatch } from "../../src/runtime/stopwatch.ts";

test("quantiles lie between neighbours by straight lines, whatever the order", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([10, 0], 0.25)).toBe(2.5);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});

test("one slow round moves neither the median nor the spread far", () => {
  expect(spreadOf([1, 1, 1, 1, 1000])).toEqual({ median: 1, iqr: 0 });
});

const plan = (): PreparedPlan => ({
  hasCopies: false,
  record: () => undefined,
  destroy: () => undefined,
});

/** A stopwatch on which every execution takes `us`, and which writes down what it is asked. */
function fixedStopwatch(
  us: number,
  asked: (readonly [PreparedPlan, number])[] = [],
): Stopwatch & { readonly asked: (readonly [PreparedPlan, number])[] } {
  return {
    clock: "host",
    asked,
    time: (which, executions) => {
      asked.push([which, executions]);
      return Promise.resolve(us);
    },
    destroy: () => undefined,
  };
}

test("work is repeated until a sample is long enough, and no more than allowed", async () => {
  const count = async (us: number): Promise<number> => countExecutions(fixedStopwatch(us), plan(), 3000, 500);
  expect(await count(5000)).toBe(1);
  expect(await count(100)).toBeGreaterThanOrEqual(30);
  expect(await count(100)).toBeLessThan(60);
  // A sample that the machine made long is not believed before it comes twice.
  const times = [100, 5000, 100, 100, 100, 100, 100];
  const hiccup: Stopwatch = { ...fixedStopwatch(100), time: () => Promise.resolve(times.shift() ?? 100) };
  expect(await countExecutions(hiccup, plan(), 3000, 500)).toBeGreaterThanOrEqual(30);
  // A clock too coarse to see anything says 0.
  expect(await count(0)).toBe(500);
});

test("every round runs every variant once, each time another one first", async () => {
  const plans = [plan(), plan(), plan()];
  const stopwatch = fixedStopwatch(5000);
  const samples = await interleave(plans, { stopwatch, rounds: 3 });
  expect(samples.map((times) => times.length)).toEqual([3, 3, 3]);
  // Three calls per plan went to finding the number of executions.
  const order = stopwatch.asked.slice(9).map(([which]) => plans.indexOf(which));
  expect(order).toEqual([0, 1, 2, 1, 2, 0, 2, 0, 1]);
});

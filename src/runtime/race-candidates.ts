/**
 * Finds the fastest of several plans that compute the same: the first is the standard, and wins unless another one is
 * faster by more than the noise.
 *
 * Each plan is run once and its results are judged; what is wrong is never timed. The others run in turns, every round in
 * another order, so that what disturbs the machine for a while disturbs all alike; what counts is the median of each
 * round's ratio to the standard. Plans that are three times slower than the best drop out early. The few best then run
 * against the standard again: those figures, which played no part in the selection, decide.
 *
 * Requires: plans of equal inputs and outputs, without steps that copy.
 */
import type { Plan } from "../ir/plan.ts";
import { preparePlan, type BufferSet, type PreparedPlan } from "./prepare-plan.ts";
import { median, ratioTo, spreadOf } from "./statistics.ts";
import { countExecutions, LEAST_SAMPLE_US, MOST_EXECUTIONS, type Stopwatch } from "./stopwatch.ts";

/** Rounds in which all take part, and those of the few best. */
const ROUNDS = 5;
const FINAL_ROUNDS = 9;
const FINALISTS = 3;
/** Slower than the best by this factor: no schedule to look at any longer. */
const HOPELESS = 3;
/** A gain that is smaller is not worth a record, whatever the noise. */
const LEAST_GAIN = 0.03;
/** Half width of a median's 95 % interval, in quartile distances over the root of the count (McGill et al., 1978). */
const NOTCH = 1.57;

export interface RaceContext {
  readonly gpu: GPUDevice;
  readonly stopwatch: Stopwatch;
  readonly sets: readonly BufferSet[];
  /** Whether the results in the first set of buffers are right. */
  readonly isRight: () => Promise<boolean>;
  /** Told after each step, of about `total`. */
  readonly onStep?: ((step: number, total: number) => void) | undefined;
}

export interface RaceOutcome {
  /** Position of the winner among the plans. */
  readonly best: number;
  /** Microseconds of an execution: medians of the last rounds. */
  readonly standardUs: number;
  readonly bestUs: number;
  /** Median of the winner's rounds over those of the standard, 1 where the standard won. */
  readonly bestRatio: number;
  /** Plans with wrong results, and those that the device does not take. */
  readonly rejected: number;
  /** By position: the first five rounds over those of the standard; null where a plan was rejected or dropped out. */
  readonly ratios: readonly (number | null)[];
}

interface Runner {
  readonly position: number;
  readonly plan: PreparedPlan;
  executions: number;
}

/** Null where the standard itself does not run. */
export async function raceCandidates(
  plans: readonly Plan[],
  context: RaceContext,
): Promise<RaceOutcome | null> {
  const { stopwatch, onStep } = context;
  const total = plans.length * (2 + ROUNDS) + (FINALISTS + 1) * FINAL_ROUNDS;
  let steps = 0;
  const step = (count = 1): void => {
    steps += count;
    onStep?.(Math.min(steps, total), total);
  };
  const runners: Runner[] = [];
  try {
    for (const [position, plan] of plans.entries()) {
      const prepared = await admit(plan, context);
      if (prepared !== null) runners.push({ position, plan: prepared, executions: 1 });
      else if (position === 0) return null;
      step();
    }
    const rejected = plans.length - runners.length;
    const hopeful = await dropHopeless(runners, stopwatch, step);
    const rounds = ratiosOf(await runInTurns(hopeful, ROUNDS, stopwatch, step));
    const ratios = plans.map((): number | null => null);
    const finalists = hopeful
      .map((runner, i) => ({ runner, ratio: (ratios[runner.position] = median(rounds[i] ?? [])) }))
      .slice(1)
      .sort((a, b) => a.ratio - b.ratio)
      .slice(0, FINALISTS)
      .filter(({ ratio }) => ratio < 1);
    const last = [...hopeful.slice(0, 1), ...finalists.map(({ runner }) => runner)];
    const samples = await runInTurns(last, FINAL_ROUNDS, stopwatch, step);
    const finals = ratiosOf(samples);
    const winner = chooseWinner(finals);
    return {
      best: last[winner]?.position ?? 0,
      standardUs: median(samples[0] ?? []),
      bestUs: median(samples[winner] ?? []),
      bestRatio: median(finals[winner] ?? []),
      rejected,
      ratios,
    };
  } finally {
    for (const { plan } of runners) plan.destroy();
  }
}

/** The plan, ready to be timed, or null where the device refuses it or its results are wrong. */
async function admit(plan: Plan, { gpu, sets, isRight }: RaceContext): Promise<PreparedPlan | null> {
  const prepared = await preparePlan(gpu, plan, sets).catch(() => null);
  if (prepared === null) return null;
  gpu.pushErrorScope("validation");
  const encoder = gpu.createCommandEncoder();
  // What an earlier plan has written must not pass for the results of this one.
  for (const output of sets[0]?.outputs ?? []) encoder.clearBuffer(output);
  prepared.record(encoder, 1);
  gpu.queue.submit([encoder.finish()]);
  const error = await gpu.popErrorScope();
  if (error === null && (await isRight())) return prepared;
  prepared.destroy();
  return null;
}

/** Finds out how often each plan runs in a sample, and leaves those that need three times as long as the best. */
async function dropHopeless(
  runners: readonly Runner[],
  stopwatch: Stopwatch,
  step: () => void,
): Promise<readonly Runner[]> {
  let best = Infinity;
  const timed: { readonly runner: Runner; readonly us: number }[] = [];
  for (const runner of runners) {
    // One execution says enough of a plan that is far too slow.
    const first = Math.min(await stopwatch.time(runner.plan, 1), await stopwatch.time(runner.plan, 1));
    if (first > HOPELESS * Math.max(best, LEAST_SAMPLE_US)) {
      timed.push({ runner, us: first });
    } else {
      runner.executions = await countExecutions(stopwatch, runner.plan, LEAST_SAMPLE_US, MOST_EXECUTIONS);
      const us = await stopwatch.time(runner.plan, runner.executions);
      timed.push({ runner, us });
      best = Math.min(best, us);
    }
    step();
  }
  return timed.filter(({ us }, i) => i === 0 || us <= HOPELESS * best).map(({ runner }) => runner);
}

/** Samples by runner, one per round. */
async function runInTurns(
  runners: readonly Runner[],
  rounds: number,
  stopwatch: Stopwatch,
  step: () => void,
): Promise<readonly (readonly number[])[]> {
  const samples = runners.map((): number[] => []);
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < runners.length; turn++) {
      const at = (round + turn) % runners.length;
      const runner = runners[at];
      if (runner === undefined) continue;
      samples[at]?.push(await stopwatch.time(runner.plan, runner.executions));
      step();
    }
  return samples;
}

/** Each round's ratio to the standard, by runner. */
function ratiosOf(samples: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const [standard = []] = samples;
  return samples.map((own) => own.map((us, round) => ratioTo(standard[round] ?? Number.NaN, us)));
}

/** The least ratio, where it is below 1 by more than the noise of its rounds; else the standard, 0. */
export function chooseWinner(ratios: readonly (readonly number[])[]): number {
  let [winner, least] = [0, 1];
  for (const [position, own] of ratios.entries()) {
    if (position === 0) continue;
    const { median: middle, iqr } = spreadOf(own);
    const noise = (NOTCH * iqr) / Math.sqrt(own.length);
    if (middle < least && middle < 1 - Math.max(LEAST_GAIN, noise)) [winner, least] = [position, middle];
  }
  return winner;
}

/**
 * Closes a run with the tests that were skipped for want of a GPU, each reason once, and with one line of counts that
 * scripts can read: `12 passed, 0 failed, 3 skipped`.
 */
import type { Reporter, TestCase, TestModule } from "vitest/node";

/** How the note of a skipped GPU test begins. */
export const GPU_NOTE = "needs a GPU";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

export function summarize(modules: readonly TestModule[], unhandledErrors: number): readonly string[] {
  const counts: Counts = { passed: 0, failed: unhandledErrors, skipped: 0 };
  const skippedByNote = new Map<string, string[]>();
  for (const module of modules) {
    // A file that does not load, or whose hooks throw, has no failed test to count but has failed.
    if (module.errors().length > 0) counts.failed += 1;
    for (const suite of module.children.allSuites()) if (suite.errors().length > 0) counts.failed += 1;
    for (const test of module.children.allTests()) {
      countTest(test, counts);
      const note = gpuNote(test);
      if (note === undefined) continue;
      const names = skippedByNote.get(note) ?? [];
      names.push(`${module.relativeModuleId}: ${test.fullName}`);
      skippedByNote.set(note, names);
    }
  }
  const lines = [...skippedByNote].flatMap(([note, names]) => [
    `skipped, ${note}`,
    ...names.map((name) => `  ${name}`),
  ]);
  return [
    ...lines,
    `${String(counts.passed)} passed, ${String(counts.failed)} failed, ${String(counts.skipped)} skipped`,
  ];
}

function countTest(test: TestCase, counts: Counts): void {
  const { state } = test.result();
  // A test that never came to a result (its worker died) has not passed.
  counts[state === "pending" ? "failed" : state] += 1;
}

function gpuNote(test: TestCase): string | undefined {
  const result = test.result();
  return result.state === "skipped" && result.note?.startsWith(GPU_NOTE) === true ? result.note : undefined;
}

export default class ClosingLines implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    console.log(summarize(modules, unhandledErrors.length).join("\n"));
  }
}

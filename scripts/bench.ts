/**
 * Benchmarks: `npm run bench -- compile` times the compiler, `npm run bench -- race FOLDER` races hand-written kernels,
 * `npm run bench -- schedules` races the default schedules against the other ones of their space,
 * `npm run bench -- host` times warm calls against raw ones, `npm run bench -- accuracy` holds reductions against float64,
 * `npm run bench -- start` starts processes with and without a warm cache, `npm run bench -- large` fills the largest buffers, and anything else goes to `weft bench`. bench/README.md says how to read them.
 */
const [which, ...rest] = process.argv.slice(2);

if (which === "compile") {
  const { runCompileBenchmarks } = await import("../bench/compile.ts");
  process.exitCode = await runCompileBenchmarks(rest);
} else if (which === "race") {
  const { runRace } = await import("../bench/race.ts");
  process.exitCode = await runRace(rest);
} else if (which === "schedules") {
  const { runSchedulesBenchmark } = await import("../bench/schedules.ts");
  process.exitCode = await runSchedulesBenchmark(rest);
} else if (which === "accuracy") {
  const { runAccuracyBenchmark } = await import("../bench/accuracy.ts");
  process.exitCode = await runAccuracyBenchmark(rest);
} else if (which === "large") {
  const { runLargeBenchmark } = await import("../bench/large.ts");
  process.exitCode = await runLargeBenchmark(rest);
} else if (which === "start") {
  const { runStartBenchmark } = await import("../bench/start.ts");
  process.exitCode = await runStartBenchmark(rest);
} else if (which === "host") {
  const { runHostBenchmark } = await import("../bench/host.ts");
  process.exitCode = await runHostBenchmark(rest);
} else {
  const { main } = await import("../src/cli/main.ts");
  process.exitCode = await main(["bench", ...process.argv.slice(2)]);
}

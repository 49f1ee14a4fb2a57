/**
 * Benchmarks: `npm run bench -- compile` times the compiler, `race` races hand-written kernels, and anything else goes to
 * `weft bench`. bench/README.md says how to read them.
 */
import { main } from "../src/cli/main.ts";

process.exitCode = await main(["bench", ...process.argv.slice(2)]);

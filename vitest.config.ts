import { defineConfig } from "vitest/config";

const CONDITION = "tensorweft-source";

export default defineConfig({
  // Tests may import "tensorweft" as users do and get src/index.ts (see "exports" in package.json).
  resolve: { conditions: [CONDITION] },
  ssr: { resolve: { conditions: [CONDITION, "node", "import", "module", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    // What a test compiles must not hang on what an earlier run left in the user's cache: tests of the cache name a folder.
    env: { TENSORWEFT_CACHE: "off" },
    // Dawn is a native module: a crash takes its process along, and threads of one process would share it.
    pool: "forks",
    maxWorkers: 2,
    // Files run one after another in their worker, with one module graph: sources are loaded once, and the device
    // that test/support/gpu.ts keeps is opened once per worker. Nothing in src/ may hold module state anyway.
    isolate: false,
    // A first dispatch on a software adapter compiles its pipeline on the CPU.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 10_000,
    reporters: ["default", "./test/support/reporter.ts"],
  },
});

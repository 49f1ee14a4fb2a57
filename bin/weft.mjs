#!/usr/bin/env node
/**
 * The command `weft`. Published, it is the built dist/cli/main.js. In a checkout, which alone has src/, it runs the
 * sources, on the Node that `npm ci` installed and with a software GPU where the machine has none.
 */
import { existsSync } from "node:fs";

/** @typedef {{ main: (argv: readonly string[]) => Promise<number> }} Cli */

const source = new URL("../src/cli/main.ts", import.meta.url);
const args = process.argv.slice(2);

if (existsSync(source)) {
  const { launch } = await import("../scripts/launch.mjs");
  const { fileURLToPath } = await import("node:url");
  const entry = fileURLToPath(new URL("../scripts/weft.ts", import.meta.url));
  process.exitCode = await launch([entry, ...args], { gpu: true });
} else {
  const built = /** @type {unknown} */ (await import(new URL("../dist/cli/main.js", import.meta.url).href));
  const cli = /** @type {Cli} */ (built);
  process.exitCode = await cli.main(args);
}

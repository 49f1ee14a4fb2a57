/** The command line interface, run from its sources. Started by bin/weft.mjs. */
import { main } from "../src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));

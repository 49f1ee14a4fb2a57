/**
 * What commands print, as text: `; run:` is the command line, run from the repository's root. The expectation is standard
 * output, then standard error behind a line `stderr:`, then the exit status.
 */
import { testGoldens } from "../support/golden.ts";
import { runWeft } from "./run-weft.ts";

for (const folder of ["cli/help", "cli/explain", "cli/fold", "cli/errors"])
  testGoldens(folder, async ({ header, path }) => {
    const [line = ""] = header.get("run") ?? [];
    const [command, ...argv] = line.split(/ +/);
    if (command !== "weft") throw new Error(`${path} needs a line "; run: weft ..."`);
    const { status, out, err } = await runWeft(...argv);
    return [out.trimEnd(), ...(err === "" ? [] : ["stderr:", err.trimEnd()]), `exit status ${status}`].join(
      "\n",
    );
  });

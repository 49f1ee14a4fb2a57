/** The command line of `weft bench`. */
import { type Command, Option } from "commander";
import { PROFILE_NAMES } from "../ir/profile.ts";
import type { BenchOptions } from "./bench-command.ts";
import { collectDims, collectShapes, parseCount } from "./parse-options.ts";
import type { Session } from "./terminal.ts";

export function addBench(program: Command, session: Session): void {
  program
    .command("bench")
    .showHelpAfterError("(weft bench --help shows its options)")
    .description("time fused kernels against unfused ones and against a copy of the same bytes")
    .argument("[file]", "a .weft file (default: the built-in workloads)")
    .option("-k, --kernel <name>", "the kernel to take (may be left out where the file has one)")
    .option(
      "--shape <param=lengths>",
      "shape of a tensor parameter, v=512,512,3; may be repeated",
      collectShapes,
    )
    .option("--dim <name=length,...>", "length of a named dimension; may be repeated", collectDims)
    .option("-f, --filter <text>", 'only workloads whose name and shape hold the text, as in "softmax 64x"')
    .option("--quick", "small shapes and few rounds")
    .option("--rounds <n>", "how often everything is measured (default: 15, quick: 5)", parseCount)
    .addOption(
      new Option(
        "--explain",
        "the same table without any device: dispatches, traffic, sectors, occupancy",
      ).conflicts(["rounds", "json", "html"]),
    )
    .addOption(
      new Option("--profile <name>", "device that --explain compiles for")
        .choices(PROFILE_NAMES)
        .default("default"),
    )
    .option("--json <file>", "write the measurements to a file")
    .option("--html <file>", "write a report with charts to a file")
    .addHelpText(
      "after",
      [
        "\nExamples:",
        "  weft bench --quick",
        "  weft bench --filter softmax --html report.html",
        "  weft bench norms.weft --kernel weight_norm --shape v=512,512,3 --shape g=512,1,1",
        "  weft bench --explain --profile nvidia",
      ].join("\n"),
    )
    .action(async (file: string | undefined, options: BenchOptions) => {
      const { runBench } = await import("./bench-command.ts");
      await runBench(file, options, session);
    });
}

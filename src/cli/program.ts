/** The commands, their options and their help. What a command needs is loaded when it runs: `weft --help` stays quick. */
import { Command, Option } from "commander";
import { DTYPES, isFloat } from "../ir/dtype.ts";
import { PROFILE_NAMES } from "../ir/profile.ts";
import { addBench } from "./bench-options.ts";
import { addCache } from "./cache-options.ts";
import { STAGES } from "./explain-stages.ts";
import type { ExplainOptions } from "./explain-command.ts";
import { addFold } from "./fold-options.ts";
import {
  collectBindings,
  collectDims,
  collectFiles,
  collectScalars,
  collectShapes,
  parseCount,
} from "./parse-options.ts";
import type { RunOptions } from "./run-command.ts";
import type { BuildCommandOptions } from "./build-command.ts";
import type { Session } from "./terminal.ts";
import type { TuneCommandOptions } from "./tune-command.ts";

const HELP_WIDTH = 100;

const examples = (lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}`).join("\n")}`;

/** The command line of one session. Mistakes in it throw `CommanderError` after they were printed. */
export function createProgram(session: Session): Command {
  const { terminal } = session;
  const program = new Command("weft")
    .description("Compile tensor expressions to WebGPU kernels, run them, and see why they are fast or slow.")
    .exitOverride()
    .showHelpAfterError("(weft --help lists the commands)")
    .configureOutput({
      writeOut: terminal.write,
      writeErr: terminal.writeError,
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
    })
    .addHelpText(
      "after",
      examples([
        "weft run norms.weft --in model.safetensors --bind v=conv.weight_v,g=conv.weight_g --out w.safetensors",
        "weft fold generator.safetensors --out folded.safetensors",
        "weft explain norms.weft --kernel weight_norm --shape v=512,512,3 --shape g=512,1,1",
        "weft help run",
      ]),
    );
  addRun(program, session);
  addFold(program, session);
  addExplain(program, session);
  addCheck(program, session);
  addBuild(program, session);
  addBench(program, session);
  addTune(program, session);
  addDevices(program, session);
  addCache(program, session);
  return program;
}

const kernelOption = (): Option =>
  new Option("-k, --kernel <name>", "the kernel to take (may be left out where the file has one)");
const dtypeOption = (): Option =>
  new Option("--dtype <dtype>", "stands for f32 where the program declares f32").choices(
    DTYPES.filter(isFloat),
  );

/** A command whose mistakes point at its own help. */
const addCommand = (program: Command, name: string): Command =>
  program.command(name).showHelpAfterError(`(weft ${name} --help shows its options)`);

function addRun(program: Command, session: Session): void {
  addCommand(program, "run")
    .description("run a kernel on tensors of safetensors files")
    .argument("<file>", "a .weft file")
    .addOption(kernelOption())
    .requiredOption("-i, --in <file>", "safetensors file with inputs; may be repeated", collectFiles)
    .option(
      "-b, --bind <param=tensor,...>",
      "which tensor each parameter takes (default: the one of its name)",
      collectBindings,
    )
    .option("-o, --out <file>", "safetensors file to write the results to; it appears whole or not at all")
    .option("-s, --set <name=number,...>", "values of scalar parameters", collectScalars)
    .addOption(dtypeOption())
    .addOption(
      new Option("-d, --device <device>", "where to run").choices(["auto", "webgpu", "cpu"]).default("auto"),
    )
    .addHelpText(
      "after",
      examples([
        "weft run norms.weft --in model.safetensors",
        "weft run norms.weft --kernel weight_norm --in model.safetensors \\",
        "    --bind v=encoder.weight_v,g=encoder.weight_g --set eps=1e-5 --out result.safetensors",
      ]),
    )
    .action(async (file: string, options: RunOptions) => {
      const { runKernel } = await import("./run-command.ts");
      await runKernel(file, options, session);
    });
}

function addExplain(program: Command, session: Session): void {
  addCommand(program, "explain")
    .description("show what a kernel compiles to and why; opens no device")
    .argument("<file>", "a .weft file")
    .addOption(kernelOption())
    .option(
      "--shape <param=lengths>",
      "shape of a tensor parameter, v=512,512,3; may be repeated",
      collectShapes,
    )
    .option("--dim <name=length,...>", "length of a named dimension; may be repeated", collectDims)
    .addOption(dtypeOption())
    .addOption(new Option("--stage <stage>", "print one stage as text").choices(STAGES))
    .addOption(
      new Option("--profile <name>", "device to compile for").choices(PROFILE_NAMES).default("default"),
    )
    .option("--record <file>", "take schedules from a record that weft tune --out has written")
    .option("--json", "print the explanation as JSON")
    .addHelpText(
      "after",
      examples([
        "weft explain norms.weft --kernel weight_norm --shape v=512,512,3 --shape g=512,1,1",
        "weft explain norms.weft --kernel weight_norm --dim O=512,I=512,K=3 --stage wgsl",
        "weft explain norms.weft --kernel weight_norm --dim O=512,I=512,K=3 --profile nvidia --json",
      ]),
    )
    .action(async (file: string, options: ExplainOptions) => {
      const { explainKernel } = await import("./explain-command.ts");
      await explainKernel(file, options, session);
    });
}

function addTune(program: Command, session: Session): void {
  addCommand(program, "tune")
    .description("time the schedules of a kernel on this device and keep the fastest for later runs")
    .argument("<file>", "a .weft file")
    .addOption(kernelOption())
    .option(
      "--shape <param=lengths>",
      "shape of a tensor parameter, v=512,512,3; may be repeated",
      collectShapes,
    )
    .option("--dim <name=length,...>", "length of a named dimension; may be repeated", collectDims)
    .addOption(dtypeOption())
    .option(
      "--candidates <n>",
      "schedules per kernel at most, the default included (default: 24)",
      parseCount,
    )
    .option("--renew", "time again what is known from before")
    .option("--cache <folder>", "where the record is kept (default: the user's cache folder)")
    .option("-o, --out <file>", "also write the record to a file")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      examples([
        "weft tune norms.weft --kernel weight_norm --shape v=512,512,3 --shape g=512,1,1",
        "weft tune norms.weft --kernel weight_norm --dim O=512,I=512,K=3 --out record.json",
      ]),
    )
    .action(async (file: string, options: TuneCommandOptions) => {
      const { tuneKernel } = await import("./tune-command.ts");
      await tuneKernel(file, options, session);
    });
}

function addCheck(program: Command, session: Session): void {
  addCommand(program, "check")
    .description("report the mistakes of a program")
    .argument("<file>", "a .weft file")
    .addHelpText("after", examples(["weft check norms.weft"]))
    .action(async (file: string) => {
      const { checkProgram } = await import("./check-command.ts");
      await checkProgram(file, session);
    });
}

function addBuild(program: Command, session: Session): void {
  addCommand(program, "build")
    .description("compile the kernels of a source file ahead of time, to a module without a compiler")
    .argument("<file>", "a .ts file (kernels of tensorweft/aot) or a .weft file")
    .option(
      "-o, --out <file>",
      "the module to write, or declarations: norms.d.weft.ts (default: norms.gen.ts for norms.ts)",
    )
    .addOption(
      new Option("--profile <name>", "devices to compile for; default runs on all")
        .choices(PROFILE_NAMES)
        .default("default"),
    )
    .option("--check", "write nothing; fail where the module is not what the source gives")
    .option("-w, --watch", "build again whenever the source changes")
    .addHelpText(
      "after",
      examples(["weft build src/norms.ts --out src/norms.gen.ts", "weft build src/norms.ts --check"]),
    )
    .action(async (file: string, options: BuildCommandOptions) => {
      const { runBuild } = await import("./build-command.ts");
      await runBuild(file, options, session);
    });
}

function addDevices(program: Command, { terminal }: Session): void {
  addCommand(program, "devices")
    .description("list the adapters, their limits and features, and the profile chosen for each")
    .option("--calibrate", "measure the adapter that programs run on, and keep its costs for later runs")
    .addHelpText("after", examples(["weft devices", "weft devices --calibrate"]))
    .action(async (options: { readonly calibrate?: boolean }) => {
      const { showDevices } = await import("./devices-command.ts");
      await showDevices(terminal, options);
    });
}

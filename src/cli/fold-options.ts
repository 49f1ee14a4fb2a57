/** The options of `weft fold`. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { WeightNormRule } from "../fold-weight-norm.ts";
import { DTYPES, isFloat } from "../ir/dtype.ts";
import { collectFiles } from "./parse-options.ts";
import type { FoldCommandOptions } from "./fold-plan.ts";
import type { Session } from "./terminal.ts";

const PATTERN_HELP = "names may hold * for any text";

/** `--dim "decoder.*=1"`, `--dim all`: a value for the weights of a pattern, or for all of them. */
function splitRule(text: string): { readonly names: string; readonly value: string } {
  const at = text.lastIndexOf("=");
  return { names: at < 0 ? "*" : text.slice(0, at), value: text.slice(at + 1) };
}

function collectDimRules(text: string, previous: readonly WeightNormRule[] = []): readonly WeightNormRule[] {
  const { names, value } = splitRule(text);
  if (value !== "all" && !/^-?\d+$/.test(value))
    throw new InvalidArgumentError(`"${value}" is no dim: write a whole number, or all.`);
  return [...previous, { names, dim: value === "all" ? null : Number(value) }];
}

function collectEpsRules(text: string, previous: readonly WeightNormRule[] = []): readonly WeightNormRule[] {
  const { names, value } = splitRule(text);
  const eps = Number(value);
  if (value === "" || !Number.isFinite(eps) || eps < 0)
    throw new InvalidArgumentError(`"${value}" is no epsilon: write a number such as 1e-7.`);
  return [...previous, { names, eps }];
}

const MIB = 2 ** 20;

function parseChunk(text: string): number {
  const bytes = Math.floor(Number(text) * MIB);
  if (!(bytes >= 1 && bytes <= 1024 * MIB))
    throw new InvalidArgumentError(`"${text}" is no size in MiB: write a number up to 1024.`);
  return bytes;
}

export function addFold(program: Command, session: Session): void {
  program
    .command("fold")
    .showHelpAfterError("(weft fold --help shows its options)")
    .description("fold the weight norms of a checkpoint into plain weights, or take weights apart")
    .argument("<file>", "a safetensors file; it is only read")
    .option("-o, --out <file>", "safetensors file to write; it appears whole or not at all")
    .option("--dry-run", "print what would become of each tensor, and write nothing")
    .option("--skip <names>", `weights to leave as they are; ${PATTERN_HELP}; may be repeated`, collectFiles)
    .option(
      "--dim <[names=]dim>",
      "the axis of v that g belongs to, or all (default: read off the shape of g); may be repeated",
      collectDimRules,
    )
    .option("--eps <[names=]eps>", "added to the norm (default: 0); may be repeated", collectEpsRules)
    .addOption(
      new Option("--dtype <dtype>", "of the folded weights (default: that of v)").choices(
        DTYPES.filter(isFloat),
      ),
    )
    .option("--unfold", "split weights into g and v instead; needs --names")
    .option("--names <names>", `weights to split; ${PATTERN_HELP}; may be repeated`, collectFiles)
    .addOption(
      new Option(
        "--form <form>",
        "how --unfold names g and v: NAME_g, or parametrizations.NAME.original0",
      ).choices(["suffix", "parametrization"]),
    )
    .option("--json", "print what was done as JSON")
    .option("--chunk <MiB>", "most that is read of a tensor at a time (default: 2)", parseChunk)
    .addOption(
      new Option("-d, --device <device>", "where to run").choices(["auto", "webgpu", "cpu"]).default("auto"),
    )
    .addHelpText(
      "after",
      `\nExamples:\n${[
        "weft fold generator.safetensors --dry-run",
        "weft fold generator.safetensors -o folded.safetensors",
        'weft fold model.safetensors -o folded.safetensors --skip "text_encoder.*" --eps 1e-7 --dtype f16',
        'weft fold folded.safetensors -o split.safetensors --unfold --names "*.conv.weight"',
      ]
        .map((line) => `  ${line}`)
        .join("\n")}`,
    )
    .action(async (file: string, options: FoldCommandOptions) => {
      session.terminal.saveMemory?.(); // before the compiler is loaded
      const { foldFile } = await import("./fold-command.ts");
      await foldFile(file, options, session);
    });
}

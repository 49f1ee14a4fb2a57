/** The command line of `weft cache`. */
import { type Command, Option } from "commander";
import type { CacheCommandOptions } from "./cache-command.ts";
import { parseCount } from "./parse-options.ts";
import type { Session } from "./terminal.ts";

interface Subcommand {
  readonly name: string;
  readonly description: string;
  readonly argument?: readonly [name: string, description: string];
  readonly options?: readonly Option[];
}

const jsonOption = new Option("--json", "print as JSON");

const SUBCOMMANDS: readonly Subcommand[] = [
  { name: "path", description: "print the folder" },
  { name: "ls", description: "list the programs in it, those used last first", options: [jsonOption] },
  {
    name: "stats",
    description: "count entries and bytes, by the build that made them",
    options: [jsonOption],
  },
  {
    name: "verify",
    description: "read every entry and report those that are damaged",
    options: [new Option("--remove", "remove them")],
  },
  {
    name: "clear",
    description: "remove entries",
    options: [
      new Option("--days <n>", "only those that were not used for so many days").argParser(parseCount),
      new Option("--other-builds", "only those of other builds of tensorweft"),
    ],
  },
  {
    name: "export",
    description: "write all sound entries to one file",
    argument: ["<file>", "where to; it appears whole or not at all"],
  },
  {
    name: "import",
    description: "take over the entries of such a file",
    argument: ["<file>", "what weft cache export has written"],
  },
];

export function addCache(program: Command, session: Session): void {
  const cache = program
    .command("cache")
    .showHelpAfterError("(weft cache --help lists its commands)")
    .description("look after the folder in which compiled programs are kept");
  for (const { name, description, argument, options = [] } of SUBCOMMANDS) {
    const command = cache
      .command(name)
      .showHelpAfterError(`(weft cache ${name} --help shows its options)`)
      .description(description)
      .option(
        "--folder <folder>",
        "the cache (default: $TENSORWEFT_CACHE/plans, or the user's cache folder)",
      );
    if (argument !== undefined) command.argument(...argument);
    for (const option of options) command.addOption(option);
    command.action(async (...given: readonly unknown[]) => {
      const { runCacheCommand } = await import("./cache-command.ts");
      const file = argument === undefined ? undefined : String(given[0]);
      await runCacheCommand(name, { ...command.opts<CacheCommandOptions>(), file }, session);
    });
  }
}

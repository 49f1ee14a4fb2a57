/** The dynamic call that a call of a traced function is, where one of its dimensions is dynamic. */
import { type DynamicDimensions, findDynamicSize, typeAt } from "./dynamic-dimensions.ts";
import type { DynamicCall } from "./dynamic-programs.ts";
import { flattenArguments, mapArguments } from "./frontend/trace/arguments.ts";
import type { TracedOutput } from "./frontend/trace/outputs.ts";
import { trace } from "./frontend/trace/trace.ts";

interface TracedCall {
  readonly fn: (...args: never) => TracedOutput;
  readonly name: string;
  /** Names of the parameters. */
  readonly names: readonly string[];
  readonly args: readonly unknown[];
}

export function dynamicCallOf(
  { fn, name, names, args }: TracedCall,
  dynamic: DynamicDimensions | undefined,
): DynamicCall | undefined {
  if (dynamic === undefined) return undefined;
  const leaves = args.flatMap((arg, argument) =>
    flattenArguments([arg], [names[argument] ?? `arg${String(argument)}`]).leaves.flatMap(({ path, spec }) =>
      "kind" in spec ? [] : [{ path, argument, type: spec }],
    ),
  );
  const found = findDynamicSize(dynamic, leaves, name);
  if (found === undefined) return undefined;
  const argsAt = (size: number): readonly unknown[] =>
    mapArguments(args, names, ({ path, spec }) => ("kind" in spec ? spec : typeAt(found, path, spec, size)));
  return {
    name,
    dimensions: found.dimensions,
    // No tensor that runs has length 0 there.
    family: flattenArguments(argsAt(0), names).key,
    size: found.size,
    graphAt: (size) => trace(fn, argsAt(size) as never, { name, parameterNames: names }).graph,
  };
}

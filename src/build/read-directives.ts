/**
 * Comments of text programs that say at which shapes kernels are built:
 *
 *     // @shapes weight_norm O=512 I=512 K=3
 *     // @shapes weight_norm v=256,256,7 g=256,1,1 dtype=f16
 *     // @shapes layer_norm N=dynamic D=512
 *
 * A name is a dimension, a tensor parameter (with its lengths), or `dtype`, which stands for f32. `dynamic` stands for every
 * length, the same one wherever it is written.
 */
import { fail, type Span } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import { type DType, isDType, isFloat } from "../ir/dtype.ts";

type Length = number | "dynamic";

export interface Directive {
  readonly shapes: ReadonlyMap<string, readonly Length[]>;
  readonly dims: ReadonlyMap<string, Length>;
  /** What has no length of its own, as in `N`. */
  readonly dynamic: string | undefined;
  readonly dtype: DType | undefined;
  readonly label: string;
  readonly span: Span | undefined;
}

const DIRECTIVE = /^\s*(?:\/\/|#)\s*@shapes\b(.*)$/;
const HELP = "write // @shapes KERNEL N=512 x=8,256 dtype=f16";

/** The directives of a text by kernel. */
export function readDirectives(
  text: string,
  file: string,
  kernels: readonly string[],
): ReadonlyMap<string, readonly Directive[]> {
  const found = new Map<string, Directive[]>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [, rest] = DIRECTIVE.exec(line) ?? [];
    if (rest === undefined) continue;
    const column = line.indexOf("@shapes") + 1;
    const span = { file, line: index + 1, column, length: line.trimEnd().length - column + 1 };
    const [kernel = "", ...items] = rest.trim().split(/\s+/);
    if (!kernels.includes(kernel))
      fail(
        "unknown-kernel",
        `@shapes names ${kernel === "" ? "no kernel" : kernel}, which this file does not have`,
        {
          span,
          help: didYouMean(kernel, kernels) ?? HELP,
        },
      );
    const of = found.get(kernel) ?? [];
    of.push(readItems(items, span));
    found.set(kernel, of);
  }
  return found;
}

function readItems(items: readonly string[], span: Span): Directive {
  const shapes = new Map<string, readonly Length[]>();
  const dims = new Map<string, Length>();
  let dtype: DType | undefined;
  for (const item of items) {
    const [, name = "", value = ""] = /^(\w+)=(\S*)$/.exec(item) ?? [];
    const lengths =
      value === ""
        ? []
        : value
            .replace(/,$/, "")
            .split(",")
            .map((part): Length =>
              part === "dynamic" ? part : /^\d+$/.test(part) ? Number(part) : Number.NaN,
            );
    if (name === "dtype") {
      if (!isDType(value) || !isFloat(value))
        return fail("unsupported-dtype", `${item} names no float dtype`, {
          span,
          help: "write f32, f16 or bf16",
        });
      dtype = value;
    } else if (
      name === "" ||
      !lengths.every((length) => length === "dynamic" || Number.isSafeInteger(length))
    )
      return fail("wrong-argument", `${item} is no length and no shape`, { span, help: HELP });
    else {
      const [only] = lengths;
      // One number is a dimension; the shape of a tensor of one dimension ends in a comma: x=8,
      if (!value.includes(",") && only !== undefined) dims.set(name, only);
      else shapes.set(name, lengths);
    }
  }
  const dynamic =
    [...dims].find(([, length]) => length === "dynamic")?.[0] ??
    [...shapes].find(([, lengths]) => lengths.includes("dynamic"))?.[0];
  return { shapes, dims, dynamic, dtype, label: items.join(", "), span };
}

/** The lengths, with this one for those that are dynamic. */
export const lengthsAt = (
  { shapes, dims }: Directive,
  size: number,
): {
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly dims: ReadonlyMap<string, number>;
} => {
  const at = (length: Length): number => (length === "dynamic" ? size : length);
  return {
    shapes: new Map([...shapes].map(([name, lengths]) => [name, lengths.map(at)])),
    dims: new Map([...dims].map(([name, length]) => [name, at(length)])),
  };
};

/** Numbers that stand in it. */
export const fixedLengths = ({ shapes, dims }: Directive): readonly number[] =>
  [...dims.values(), ...[...shapes.values()].flat()].filter((length) => length !== "dynamic");

/** The inverse of weight-norm-pairs.ts: which weights of a state dict are split into the halves of a weight norm. */
import { type Diagnostic, errorAt, fail, TensorweftError } from "../diagnostics/diagnostic.ts";
import { didYouMean } from "../diagnostics/suggest.ts";
import { matchesPattern, spellHalf, type WeightNormForm } from "./weight-norm-names.ts";
import { COMPUTED, printInfo, type TensorInfo, type WeightNormPair } from "./weight-norm-pairs.ts";

export interface UnfoldChoice {
  /** Names of weights, `*` for any text. */
  readonly names: readonly string[];
  /** Default 0; null or -1: one norm over the whole tensor, other negative numbers count from the end. */
  readonly dim?: number | null | undefined;
  /** Added to the norm when the halves are merged again. Default 0. */
  readonly eps?: number | undefined;
  /** Default "suffix". */
  readonly form?: WeightNormForm | undefined;
}

export type UnfoldStep =
  | { readonly kind: "keep"; readonly name: string }
  | { readonly kind: "split"; readonly pair: WeightNormPair };

/** What becomes of each tensor when the named weights are split; `pair.name` is the weight. */
export function planUnfold(
  tensors: ReadonlyMap<string, TensorInfo>,
  { names, dim = 0, eps = 0, form = "suffix" }: UnfoldChoice,
): readonly UnfoldStep[] {
  for (const pattern of names)
    if (![...tensors.keys()].some((name) => matchesPattern(name, pattern)))
      fail("missing-tensor", `no tensor is named like ${pattern}`, {
        help: didYouMean(pattern, tensors.keys()) ?? "* stands for any text",
      });
  const problems: Diagnostic[] = [];
  const steps = [...tensors].map(([name, info]): UnfoldStep => {
    if (!names.some((pattern) => matchesPattern(name, pattern))) return { kind: "keep", name };
    const outcome = checkSplit(name, info, { dim, eps, form }, tensors);
    if ("kind" in outcome) return outcome;
    problems.push(outcome);
    return { kind: "keep", name };
  });
  if (problems.length > 0) throw new TensorweftError(problems);
  return steps;
}

function checkSplit(
  name: string,
  info: TensorInfo,
  { dim, eps, form }: { dim: number | null; eps: number; form: WeightNormForm },
  tensors: ReadonlyMap<string, TensorInfo>,
): UnfoldStep | Diagnostic {
  const help = "choose other names";
  const rank = info.shape.length;
  const kept = dim === null || dim === -1 ? null : dim < 0 ? dim + rank : dim;
  if (!COMPUTED.has(info.dtype))
    return errorAt(
      "unsupported-dtype",
      `${name} ${printInfo(info)} cannot be split: it is no f32, f16 or bf16`,
      {
        help,
      },
    );
  if (rank === 0)
    return errorAt("invalid-shape", `${name} ${printInfo(info)} cannot be split: it has no axes`, { help });
  if (kept !== null && !(Number.isInteger(kept) && kept >= 0 && kept < rank))
    return errorAt("invalid-axis", `dim ${String(dim)} is out of range for ${name} ${printInfo(info)}`, {
      help: `dim runs from ${-rank} to ${rank - 1}; null or -1 takes the norm of the whole tensor`,
    });
  const g = spellHalf(name, form, "g");
  const v = spellHalf(name, form, "v");
  const taken = [g, v].find((half) => tensors.has(half));
  if (taken !== undefined)
    return errorAt("broken-pair", `${name} cannot be split: there is ${taken} already`, { help });
  return { kind: "split", pair: { name, form, g, v, dim: kept, eps } };
}

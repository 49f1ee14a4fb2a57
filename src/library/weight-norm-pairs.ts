/**
 * Finds the weight norms of a state dict by the names and shapes of its tensors; no tensor is read.
 *
 *     conv.weight_g f32[4,1,1]  \
 *     conv.weight_v f32[4,3,5]  / =>  conv.weight f32[4,3,5], dim 0
 *     conv.bias f32[4]            =>  kept
 *
 * Ensures: each tensor is kept, or is half of exactly one pair; the weight takes the place of its v. What looks like a
 *          weight norm and is none, or could be several, is refused: all such pairs together, by name, with a way out.
 *          Integers are never halves.
 */
import { type Diagnostic, errorAt, TensorweftError } from "../diagnostics/diagnostic.ts";
import { fitsDim, inferDim } from "./weight-norm-dim.ts";
import {
  type Half,
  isModuleParameter,
  matchesPattern,
  parametrizationOf,
  readHalf,
  spellHalf,
  type WeightNormForm,
} from "./weight-norm-names.ts";

/** What is known of a tensor without reading it. */
export interface TensorInfo {
  /** "f32", "bf16", ... in lower case; others than f32, f16 and bf16 are known by name only. */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What holds for weights whose name fits the pattern. Of several rules that say something, the last one counts. */
export interface WeightNormRule {
  /** Name of the weight with its modules, `*` for any text: "decoder.*.weight". */
  readonly names: string;
  /** The axis that g belongs to; null or -1: one norm over the whole tensor, other negative numbers count from the end. */
  readonly dim?: number | null | undefined;
  /** Added to the norm. */
  readonly eps?: number | undefined;
  /** Leaves these tensors as they are, whatever their names. */
  readonly skip?: boolean | undefined;
}

export interface WeightNormPair {
  /** Name of the weight. */
  readonly name: string;
  readonly form: WeightNormForm;
  readonly g: string;
  readonly v: string;
  readonly dim: number | null;
  readonly eps: number;
}

export type FoldStep =
  { readonly kind: "keep"; readonly name: string } | { readonly kind: "fold"; readonly pair: WeightNormPair };

interface Halves {
  readonly weight: string;
  readonly form: WeightNormForm;
  readonly g?: string;
  readonly v?: string;
}

/** What kernels compute with, of floats. */
export const COMPUTED: ReadonlySet<string> = new Set(["f32", "f16", "bf16"]);
const isWholeNumber = (dtype: string): boolean => /^(?:[iu]\d+|bool)$/.test(dtype);
export const printInfo = ({ dtype, shape }: TensorInfo): string => `${dtype}[${shape.join(",")}]`;
/** How messages say what the caller can do: rules by default, a command line has options. */
export interface WaysOut {
  readonly skip: (weight: string) => string;
  readonly chooseDim: (weight: string, dims: readonly number[]) => string;
}

const RULES: WaysOut = {
  skip: (weight) => `leave it as it is with a rule { names: "${weight}", skip: true }`,
  chooseDim: (weight, dims) => `say which with a rule { names: "${weight}", dim: ${dims.join(" or ")} }`,
};

/** What all checks of one state dict share. */
interface Survey {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly rules: readonly WeightNormRule[];
  readonly ways: WaysOut;
  readonly found: readonly Halves[];
}

/** What becomes of each tensor, in their order. */
export function planFold(
  tensors: ReadonlyMap<string, TensorInfo>,
  rules: readonly WeightNormRule[] = [],
  ways: WaysOut = RULES,
): readonly FoldStep[] {
  const problems: Diagnostic[] = [];
  const pairs = new Map<string, WeightNormPair>();
  const found = collectHalves(tensors, rules);
  for (const halves of found) {
    const outcome = checkPair(halves, { tensors, rules, ways, found });
    if (outcome === undefined) continue;
    if ("severity" in outcome) problems.push(outcome);
    else pairs.set(outcome.g, outcome).set(outcome.v, outcome);
  }
  if (problems.length > 0) throw new TensorweftError(problems);
  return [...tensors.keys()].flatMap((name): readonly FoldStep[] => {
    const pair = pairs.get(name);
    if (pair === undefined) return [{ kind: "keep", name }];
    return name === pair.v ? [{ kind: "fold", pair }] : [];
  });
}

/** Halves by weight and form. */
function collectHalves(
  tensors: ReadonlyMap<string, TensorInfo>,
  rules: readonly WeightNormRule[],
): readonly Halves[] {
  const found = new Map<string, Halves>();
  for (const [name, { dtype }] of tensors) {
    const half = readHalf(name);
    if (half === undefined || isWholeNumber(dtype)) continue;
    const { weight, form } = half;
    if (findRule(rules, weight, "skip") === true) continue;
    const key = spellHalf(weight, form, "v");
    found.set(key, { ...(found.get(key) ?? { weight, form }), [half.half]: name });
  }
  return [...found.values()];
}

/** The last value that a rule has for the weight. */
function findRule<K extends "dim" | "eps" | "skip">(
  rules: readonly WeightNormRule[],
  weight: string,
  key: K,
): WeightNormRule[K] {
  return rules.findLast((rule) => rule[key] !== undefined && matchesPattern(weight, rule.names))?.[key];
}

/** The pair, what is wrong with it, or undefined where the names have nothing to do with weight norm. */
function checkPair(
  { weight, form, g, v }: Halves,
  { tensors, rules, ways, found }: Survey,
): WeightNormPair | Diagnostic | undefined {
  const gain = g === undefined ? undefined : tensors.get(g);
  const direction = v === undefined ? undefined : tensors.get(v);
  if (g === undefined || v === undefined || gain === undefined || direction === undefined) {
    if (form === "suffix" && !isModuleParameter(weight)) return undefined;
    return missingHalf(weight, form, g === undefined ? "g" : "v", ways);
  }
  const names = `${g} ${printInfo(gain)} and ${v} ${printInfo(direction)}`;
  const taken =
    findTaken(weight, form, tensors) ??
    found.find((other) => other.weight === weight && other.form !== form && other.v !== undefined)?.v;
  if (taken !== undefined)
    return errorAt("broken-pair", `${names} are a weight norm, but there is ${taken} beside them`, {
      help: `remove what is out of date, or ${ways.skip(weight)}`,
    });
  const odd = [gain, direction].find(({ dtype }) => !COMPUTED.has(dtype));
  if (odd !== undefined)
    return errorAt(
      "unsupported-dtype",
      `${names} cannot be folded: WebGPU cannot compute with ${odd.dtype}`,
      {
        help: `convert them to f32, f16 or bf16, or ${ways.skip(weight)}`,
      },
    );
  const dim = chooseDim(
    { weight, names, g: gain.shape, v: direction.shape },
    findRule(rules, weight, "dim"),
    ways,
  );
  if (typeof dim === "object" && dim !== null) return dim;
  return { name: weight, form, g, v, dim, eps: findRule(rules, weight, "eps") ?? 0 };
}

function missingHalf(weight: string, form: WeightNormForm, missing: Half, ways: WaysOut): Diagnostic {
  const present = spellHalf(weight, form, missing === "g" ? "v" : "g");
  const absent = spellHalf(weight, form, missing);
  return errorAt("broken-pair", `${present} is half of a weight norm, and ${absent} is missing`, {
    help: `add it (are there more files of this checkpoint?), or ${ways.skip(weight)}`,
  });
}

/** A tensor that says that the weight is something else as well: itself, or a further parametrization. */
function findTaken(
  weight: string,
  form: WeightNormForm,
  tensors: ReadonlyMap<string, TensorInfo>,
): string | undefined {
  if (tensors.has(weight)) return weight;
  if (form === "suffix") return undefined;
  const own = new Set([spellHalf(weight, form, "g"), spellHalf(weight, form, "v")]);
  const prefix = parametrizationOf(weight);
  for (const name of tensors.keys()) if (name.startsWith(prefix) && !own.has(name)) return name;
  return undefined;
}

interface Shapes {
  readonly weight: string;
  /** Both halves as messages name them. */
  readonly names: string;
  readonly g: readonly number[];
  readonly v: readonly number[];
}

function chooseDim(
  { weight, names, g, v }: Shapes,
  given: number | null | undefined,
  ways: WaysOut,
): number | null | Diagnostic {
  if (given !== undefined) {
    const rank = v.length;
    const dim = given === null || given === -1 ? null : given < 0 ? given + rank : given;
    if (dim !== null && !(Number.isInteger(dim) && dim >= 0 && dim < rank))
      return errorAt("invalid-axis", `dim ${String(given)} is out of range for ${names}`, {
        help: `dim runs from ${-rank} to ${rank - 1}; null or -1 takes the norm of the whole tensor`,
      });
    if (rank > 0 && fitsDim(v, g, dim)) return dim;
    return errorAt("broken-pair", `${names} are no weight norm of dim ${String(given)}`, {
      help: `leave the dim out, or ${ways.skip(weight)}`,
    });
  }
  const inferred = inferDim(v, g);
  if (inferred.kind === "known") return inferred.dim;
  if (inferred.kind === "ambiguous")
    return errorAt("ambiguous-dim", `${names} may be a weight norm of dim ${inferred.dims.join(" or ")}`, {
      help: ways.chooseDim(weight, inferred.dims),
    });
  return errorAt(
    "broken-pair",
    `${names} are named as a weight norm, but their shapes are not those of one`,
    {
      help: `g has one number for each position of one axis of v, or one for all; else ${ways.skip(weight)}`,
    },
  );
}

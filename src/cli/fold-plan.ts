/** What `weft fold` will do with each tensor: as data for --json, and as a table for --dry-run. */
import { fail } from "../diagnostics/diagnostic.ts";
import {
  planFold,
  planUnfold,
  type TensorInfo,
  type WaysOut,
  type WeightNormPair,
  type WeightNormRule,
} from "../fold-weight-norm.ts";
import { printTable } from "./print-table.ts";

export interface FoldCommandOptions {
  readonly out?: string;
  readonly dryRun?: boolean;
  readonly skip?: readonly string[];
  readonly dim?: readonly WeightNormRule[];
  readonly eps?: readonly WeightNormRule[];
  readonly dtype?: "f32" | "f16" | "bf16";
  readonly unfold?: boolean;
  readonly names?: readonly string[];
  readonly form?: "suffix" | "parametrization";
  readonly json?: boolean;
  readonly chunk?: number;
  readonly device: "auto" | "webgpu" | "cpu";
}

/** One tensor, or the two halves of one. */
export interface PlannedTensor extends TensorInfo {
  readonly action: "keep" | "fold" | "split";
  /** Of the weight, where it is folded or split. */
  readonly name: string;
  readonly form?: string;
  readonly g?: string;
  readonly v?: string;
  readonly dim?: number | null;
  readonly eps?: number;
}

type Infos = ReadonlyMap<string, TensorInfo>;

const WAYS: WaysOut = {
  skip: (weight) => `leave it as it is with --skip "${weight}"`,
  chooseDim: (weight, dims) => dims.map((dim) => `--dim "${weight}=${dim}"`).join(" or ") + " says which",
};

/** The rules that options make. */
export const rulesOf = ({ skip = [], dim = [], eps = [] }: FoldCommandOptions): readonly WeightNormRule[] => [
  ...skip.map((names) => ({ names, skip: true })),
  ...dim,
  ...eps,
];

const lastFor = <K extends "dim" | "eps">(
  key: K,
  rules: readonly WeightNormRule[] = [],
): WeightNormRule[K] => {
  const special = rules.find(({ names }) => names !== "*");
  if (special !== undefined)
    fail("wrong-argument", `--${key} names ${special.names}, but --unfold takes one ${key} for all`, {
      help: "split weights of another kind in a run of their own",
    });
  return rules[rules.length - 1]?.[key];
};

/** The choice that options of --unfold make. */
export const unfoldChoice = ({ names = [], dim, eps, form }: FoldCommandOptions) => ({
  names,
  dim: lastFor("dim", dim),
  eps: lastFor("eps", eps),
  form,
});

const changed = (
  action: "fold" | "split",
  { name, form, g, v, dim, eps }: WeightNormPair,
  info: TensorInfo,
): PlannedTensor => ({ action, name, ...info, form, g, v, dim, eps });

/** Every tensor in the order of the output. */
export function planOf(infos: Infos, options: FoldCommandOptions): readonly PlannedTensor[] {
  const infoOf = (name: string): TensorInfo => {
    const { dtype, shape } = infos.get(name) ?? { dtype: "", shape: [] };
    return { dtype, shape };
  };
  const kept = (name: string): PlannedTensor => ({ action: "keep", name, ...infoOf(name) });
  if (options.unfold === true)
    return planUnfold(infos, unfoldChoice(options)).map((step) =>
      step.kind === "keep" ? kept(step.name) : changed("split", step.pair, infoOf(step.pair.name)),
    );
  return planFold(infos, rulesOf(options), WAYS).map((step) => {
    if (step.kind === "keep") return kept(step.name);
    const { dtype, shape } = infoOf(step.pair.v);
    return changed("fold", step.pair, { dtype: options.dtype ?? dtype, shape });
  });
}

/** Those that do not stay as they are. */
export const listChanges = (plan: readonly PlannedTensor[]): readonly PlannedTensor[] =>
  plan.filter(({ action }) => action !== "keep");

/** The plan as lines. */
export function printPlan(plan: readonly PlannedTensor[]): readonly string[] {
  const columns = ["tensor", "form", "dim", "dtype", "shape", "action"].map((title) => ({ title }));
  const rows = plan.map(({ name, form = "", dim, dtype, shape, action }) => [
    name,
    form,
    dim === undefined ? "" : dim === null ? "all" : String(dim),
    dtype,
    `[${shape.join(",")}]`,
    action,
  ]);
  return printTable(columns, rows);
}

/**
 * How PyTorch names the two halves of a weight norm in a state dict, both ways. MLX code uses the first form.
 *
 *     suffix             NAME_g, NAME_v                                         torch.nn.utils.weight_norm
 *     parametrization    parametrizations.NAME.original0 (g), .original1 (v)    torch.nn.utils.parametrizations.weight_norm
 *
 * Ensures: `spellHalf` and `readHalf` are each other's inverse, at any depth of modules.
 */

export type WeightNormForm = "suffix" | "parametrization";
export type Half = "g" | "v";

export interface NamedHalf {
  readonly form: WeightNormForm;
  readonly half: Half;
  /** Of the weight, with the modules around it: "decoder.conv.weight". */
  readonly weight: string;
}

const SUFFIX = /^(.+)_([gv])$/s;
const PARAMETRIZED = /^((?:.*\.)?)parametrizations\.([^.]+)\.original([01])$/s;

/** What a tensor's name says, or undefined where it can be no half of a weight norm. */
export function readHalf(name: string): NamedHalf | undefined {
  const [, modules = "", parameter, index] = PARAMETRIZED.exec(name) ?? [];
  if (parameter !== undefined)
    return { form: "parametrization", half: index === "0" ? "g" : "v", weight: `${modules}${parameter}` };
  const [, weight, half] = SUFFIX.exec(name) ?? [];
  if (weight === undefined || weight.endsWith(".")) return undefined;
  return { form: "suffix", half: half === "g" ? "g" : "v", weight };
}

/** The name of one half. */
export function spellHalf(weight: string, form: WeightNormForm, half: Half): string {
  if (form === "suffix") return `${weight}_${half}`;
  return `${parametrizationOf(weight)}original${half === "g" ? 0 : 1}`;
}

/** What all names of a weight's parametrizations begin with. */
export function parametrizationOf(weight: string): string {
  const at = weight.lastIndexOf(".") + 1;
  return `${weight.slice(0, at)}parametrizations.${weight.slice(at)}.`;
}

/**
 * Whether a lone `NAME_g` or `NAME_v` must be half of a weight norm: PyTorch's modules call what they normalise weight,
 * weight_ih_l0, in_proj_weight, bias, bias_hh_l0. Other names may end in _v for reasons of their own (pos_bias_v).
 */
export const isModuleParameter = (weight: string): boolean =>
  /(?:^|\.)(?:(?:\w+_)?weight|weight_[ih]h_l\d+(?:_reverse)?|bias|bias_[ih]h_l\d+(?:_reverse)?)$/.test(
    weight,
  );

/** A pattern in which `*` stands for any text, dots included. */
export function matchesPattern(name: string, pattern: string): boolean {
  const parts = pattern.split("*");
  const [first = ""] = parts;
  const last = parts[parts.length - 1] ?? "";
  if (parts.length === 1) return name === pattern;
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last))
    return false;
  // Leftmost matches of the parts in between suffice; no regular expression, whose backtracking has no bound.
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

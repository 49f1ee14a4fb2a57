/**
 * Matches the arguments of a call with parameters: positional ones first, then named ones, as in Python.
 *
 * Ensures: every mistake of the call is reported, once; `bound` holds what could be matched.
 */
import { errorAt, type Diagnostic, type Note, type Span } from "../../diagnostics/diagnostic.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import type { Argument, Declaration, Expr } from "./ast.ts";
import type { Callee } from "./environment.ts";

export interface Signature {
  readonly params: readonly { readonly name: string; readonly required: boolean }[];
  /** Where the function is declared; undefined for a built-in one. */
  readonly span: Span | undefined;
}

export interface BoundArguments {
  readonly bound: ReadonlyMap<string, Expr>;
  readonly diagnostics: readonly Diagnostic[];
}

const signatureOfDeclaration = ({ params, name }: Declaration): Signature => ({
  params: params.map((param) => ({ name: param.name.text, required: param.default === undefined })),
  span: name.span,
});

/** The argument of a vjp that takes the cotangent of the result. */
export const COTANGENT = "ct";

export function signatureOf(callee: Callee): Signature {
  switch (callee.kind) {
    case "user":
      return signatureOfDeclaration(callee.fn.declaration);
    case "builtin":
      return { params: callee.fn.params, span: undefined };
    case "derivative": {
      const { params, span } = signatureOf(callee.of);
      if (callee.transform !== "vjp") return { params, span };
      // A required parameter may follow optional ones here: it is given by name then.
      return { params: [...params, { name: COTANGENT, required: true }], span };
    }
  }
}

const plural = (count: number, word: string): string => `${String(count)} ${word}${count === 1 ? "" : "s"}`;

/** Binds the arguments of one call. */
export function bindArguments(
  name: string,
  signature: Signature,
  args: readonly Argument[],
  span: Span,
): BoundArguments {
  const { params } = signature;
  const known = new Set(params.map((param) => param.name));
  const usage = `${name}(${params.map((p) => (p.required ? p.name : `${p.name}=...`)).join(", ")})`;
  const notes: readonly Note[] =
    signature.span === undefined ? [] : [{ message: `${name} is declared here`, span: signature.span }];
  const bound = new Map<string, Expr>();
  const diagnostics: Diagnostic[] = [];
  const positional = args.filter((arg) => arg.name === undefined);
  for (const [k, { value }] of positional.entries()) {
    const param = params[k];
    if (param !== undefined) bound.set(param.name, value);
  }
  const extra = positional[params.length];
  if (extra !== undefined) {
    const given = positional.length === 1 ? "1 is given" : `${String(positional.length)} are given`;
    const message = `${name} takes ${plural(params.length, "argument")} but ${given}`;
    diagnostics.push(
      errorAt("wrong-arity", message, { span: extra.value.span, notes, help: `call it as ${usage}` }),
    );
  }
  for (const arg of args) {
    if (arg.name === undefined) continue;
    const { text, span: at } = arg.name;
    if (!known.has(text)) {
      const help = didYouMean(text, known) ?? `call it as ${usage}`;
      diagnostics.push(
        errorAt("unknown-argument", `${name} has no argument named ${text}`, { span: at, notes, help }),
      );
    } else if (bound.has(text)) {
      const message = `${text} is given twice in the call of ${name}`;
      diagnostics.push(
        errorAt("wrong-argument", message, { span: at, notes, help: "leave one of them out" }),
      );
    } else {
      bound.set(text, arg.value);
    }
  }
  const missing = params
    .filter((param) => param.required && !bound.has(param.name))
    .map((param) => param.name);
  if (missing.length > 0 && diagnostics.length === 0) {
    const message = `${name} needs ${missing.length === 1 ? "an argument" : "arguments"} for ${missing.join(" and ")}`;
    diagnostics.push(errorAt("wrong-arity", message, { span, notes, help: `call it as ${usage}` }));
  }
  return { bound, diagnostics };
}

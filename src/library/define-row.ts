/** Rows of the registry: a function's name, its parameters in order, and how their values reach it. */
import type { Span } from "../diagnostics/diagnostic.ts";
import type { GraphBuilder, Value } from "../ir/graph-builder.ts";
import { readArguments } from "./arguments.ts";
import type { ArgumentReader, LibraryFunction, LibraryParameter, LibraryParameterKind } from "./arguments.ts";

type Signature = Readonly<Record<string, LibraryParameterKind | `${LibraryParameterKind}?`>>;
export type Row = readonly [string, LibraryFunction];

/** A question mark makes a parameter optional. */
export function defineRow(
  name: string,
  signature: Signature,
  build: (b: GraphBuilder, args: ArgumentReader, span: Span | undefined) => Value | readonly Value[],
): Row {
  const params = Object.entries(signature).map(([param, spec]): LibraryParameter => {
    // What is left without the question mark is a kind, by the type of a signature.
    const kind = spec.replace("?", "") as LibraryParameterKind;
    return { name: param, kind, required: kind === spec };
  });
  return [name, { params, build: (b, args, span) => build(b, readArguments(name, args, span), span) }];
}

/** Options that the rows of several families read. */
export const readEps = (a: ArgumentReader) => ({ eps: a.operand("eps") });
export const readAffine = (a: ArgumentReader) => ({
  weight: a.optionalTensor("weight"),
  bias: a.optionalTensor("bias"),
  ...readEps(a),
});

export const EPS = { eps: "operand?" } as const;
export const AFFINE = { weight: "operand?", bias: "operand?", eps: "operand?" } as const;

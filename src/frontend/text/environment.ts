/**
 * What a name that is called can mean: a function of the program, or one that is not written in the language. Functions
 * carry the environment that they were declared in, so that a template can be used inside another.
 */
import type { Declaration, Module } from "./ast.ts";
import { BUILTINS, type BuiltinFunction, type Builtins } from "./builtins.ts";

export interface Environment {
  readonly functions: ReadonlyMap<string, UserFunction>;
  readonly kernels: ReadonlyMap<string, Declaration>;
  /** Numbers by name: what `${2.5}` in a template became. */
  readonly constants: ReadonlyMap<string, number>;
  /** Functions that the joining code adds; the program may declare its own under their names. */
  readonly builtins: Builtins;
}

export interface UserFunction {
  readonly declaration: Declaration;
  readonly environment: Environment;
}

export type Transform = "grad" | "valueAndGrad" | "vjp";

/** The derivative of a function, which is a function. */
export interface Derivative {
  readonly kind: "derivative";
  readonly transform: Transform;
  readonly of: Callee;
  /** What messages call the function that is differentiated. */
  readonly inner: string;
  /** `grad(f)`, as messages call it. */
  readonly name: string;
  /** Parameters to differentiate by. */
  readonly wrt: readonly string[];
  /** Whether `wrt` was a list: results are a tuple then. */
  readonly isList: boolean;
}

export type Callee =
  | { readonly kind: "user"; readonly fn: UserFunction }
  | { readonly kind: "builtin"; readonly fn: BuiltinFunction }
  | Derivative;

/** What `name(...)` calls; undefined when nothing of that name can be called. */
export function findCallee(name: string, environment: Environment): Callee | undefined {
  const user = environment.functions.get(name);
  if (user !== undefined) return { kind: "user", fn: user };
  const builtin = BUILTINS.get(name) ?? environment.builtins.get(name);
  return builtin === undefined ? undefined : { kind: "builtin", fn: builtin };
}

/** Every name that can be called, for "did you mean". */
export function callableNames(environment: Environment): readonly string[] {
  return [...environment.functions.keys(), ...BUILTINS.keys(), ...environment.builtins.keys()];
}

/** The environment of a module. The first of several declarations of one name counts; the others are reported. */
export function environmentOf(module: Module, builtins: Builtins = new Map()): Environment {
  const functions = new Map<string, UserFunction>();
  const kernels = new Map<string, Declaration>();
  const environment: Environment = { functions, kernels, constants: new Map(), builtins };
  for (const declaration of module.declarations) {
    const { text } = declaration.name;
    if (functions.has(text) || kernels.has(text)) continue;
    if (declaration.kind === "kernel") kernels.set(text, declaration);
    else functions.set(text, { declaration, environment });
  }
  return environment;
}

/** A declaration and all that it calls, directly or not, itself first; in the order in which they are found. */
export function reachableFrom(
  root: UserFunction,
  callsOf: (fn: UserFunction) => readonly UserFunction[],
): readonly UserFunction[] {
  const seen = new Set<Declaration>([root.declaration]);
  const order = [root];
  for (const fn of order) {
    for (const called of callsOf(fn)) {
      if (seen.has(called.declaration)) continue;
      seen.add(called.declaration);
      order.push(called);
    }
  }
  return order;
}

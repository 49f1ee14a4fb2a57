/**
 * Node's own modules where the program runs in Node: by a call that is not async, because compilation is not, and that no
 * bundler follows.
 */
import type * as Crypto from "node:crypto";
import type * as Fs from "node:fs";
import type * as Os from "node:os";
import type * as Path from "node:path";
import type * as Url from "node:url";

export interface NodeModules {
  readonly fs: typeof Fs;
  readonly path: typeof Path;
  readonly os: typeof Os;
  readonly crypto: typeof Crypto;
  readonly url: typeof Url;
  readonly process: NodeJS.Process;
}

/** The modules, or null in browsers. */
export function findNodeModules(): NodeModules | null {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> };
  if (typeof process?.getBuiltinModule !== "function") return null;
  const load = process.getBuiltinModule.bind(process);
  return {
    fs: load("node:fs"),
    path: load("node:path"),
    os: load("node:os"),
    crypto: load("node:crypto"),
    url: load("node:url"),
    process: process as NodeJS.Process,
  };
}

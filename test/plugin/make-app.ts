/** A copy of app/ in a folder of its own, where "tensorweft" is installed. It is removed when the running test ends. */
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { InlineConfig } from "vite";
import { tensorweft } from "../../src/plugin/vite-entry.ts";
import { makeFolder } from "../cli/run-weft.ts";

const repository = fileURLToPath(new URL("../../", import.meta.url));

export interface App {
  readonly folder: string;
  readonly path: (name: string) => string;
  readonly read: (name: string) => string;
  readonly write: (name: string, text: string) => void;
  /** Writes a file again with a part of its text replaced. */
  readonly edit: (name: string, from: string, to: string) => void;
}

/** `import "tensorweft/runtime"` means src/. */
export const CONDITIONS = ["tensorweft-source", "browser", "import", "module", "default"];

export function makeApp(): App {
  const folder = realpathSync(makeFolder());
  const path = (name: string): string => join(folder, name);
  cpSync(fileURLToPath(new URL("app", import.meta.url)), folder, { recursive: true });
  mkdirSync(path("node_modules"));
  symlinkSync(repository, path("node_modules/tensorweft"), "dir");
  const read = (name: string): string => readFileSync(path(name), "utf8");
  const write = (name: string, text: string): void => {
    writeFileSync(path(name), text);
  };
  return {
    folder,
    path,
    read,
    write,
    edit: (name, from, to) => {
      const text = read(name);
      if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
      write(name, text.replace(from, to));
    },
  };
}

export const viteConfig = ({ folder }: App): InlineConfig => ({
  root: folder,
  configFile: false,
  logLevel: "silent",
  plugins: [tensorweft()],
  resolve: { conditions: CONDITIONS },
});

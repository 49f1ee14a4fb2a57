/**
 * The package's `./vite`:
 *
 *     import { tensorweft } from "tensorweft/vite";
 *     export default defineConfig({ plugins: [tensorweft()] });
 */
import type { Plugin } from "vite";
import { weftPlugin, type WeftPluginOptions } from "./weft-plugin.ts";

export type { WeftPluginOptions };

/** Compiles what is imported from `.weft` files, and keeps generated modules up to date. */
export const tensorweft = (options?: WeftPluginOptions): Plugin | Plugin[] => weftPlugin.vite(options);

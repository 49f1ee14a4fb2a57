/** The package's `./unplugin`: the plugin for every bundler that unplugin knows. The only entry, with `./vite`, that loads it. */
export { weftPlugin, type WeftPluginOptions } from "./weft-plugin.ts";

/**
 * A program of its own: `node run-built.ts MODULE` runs the calls that it is sent on standard input, and says what they gave
 * and which files Node loaded for it.
 */
import { registerHooks } from "node:module";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import type { BuiltModule } from "../call-built.ts";
import type { BuiltCall } from "../norm-cases.ts";

const loaded: string[] = [];
registerHooks({
  load: (url, context, next) => {
    loaded.push(url);
    return next(url, context);
  },
});

const calls = JSON.parse(await text(process.stdin)) as readonly BuiltCall[];
const module = (await import(pathToFileURL(process.argv[2] ?? "").href)) as BuiltModule;
const { openDevice } = await import("tensorweft/runtime");
const { callBuilt } = await import("../call-built.ts");
using device = await openDevice();
const results = [];
for (const call of calls) results.push(await callBuilt(module, device, call));
console.log(JSON.stringify({ results, loaded }));

/** The adapters that WebGPU offers, for tools that show them (`weft devices`); programs call `openDevice`. */
export { listAdapters, type AdapterSummary } from "./runtime/adapter.ts";

/** Answers the calls of a test, in the page or in a worker as its address says. */
import { answerCalls } from "./answer-calls.ts";

const address = new URLSearchParams(location.search);
const tab = address.get("tab") ?? "";
const without = address.getAll("without");
if (address.get("where") === "worker") {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ tab, without });
} else await answerCalls(tab, without);

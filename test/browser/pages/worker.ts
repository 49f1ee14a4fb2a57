/** The same in a dedicated worker: there is no document and no window. */
import { answerCalls } from "./answer-calls.ts";

interface Start {
  readonly tab: string;
  readonly without: readonly string[];
}

addEventListener("message", ({ data: { tab, without } }: MessageEvent<Start>) => {
  void answerCalls(tab, without);
});

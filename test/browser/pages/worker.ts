/** The same in a dedicated worker: there is no document and no window. */
import { answerCalls } from "./answer-calls.ts";

addEventListener("message", ({ data }: MessageEvent<string>) => {
  void answerCalls(data);
});

/** A curve of losses on a logarithmic scale, as SVG text. Observable Plot draws on a DOM made of data: no browser is needed. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

export function drawLosses(losses: readonly number[]): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const points = losses.map((loss, step) => ({ step, loss }));
  const chart = Plot.plot({
    document,
    width: 640,
    height: 320,
    y: { type: "log", label: "loss", grid: true },
    x: { label: "step" },
    marks: [Plot.line(points, { x: "step", y: "loss", stroke: "steelblue", strokeWidth: 2 })],
  });
  return chart.outerHTML;
}

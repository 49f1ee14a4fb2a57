/**
 * The report's charts, as SVG text. Observable Plot draws them on a DOM made of data (linkedom): no browser is needed.
 * Colours are CSS variables of the page, so that the charts follow light and dark.
 *
 * Ensures: the same measurements give the same text.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { SAVED_GOAL, type WorkloadMeasurement } from "./measurement.ts";

const WIDTH = 900;
const ROW_HEIGHT = 20;
const LABEL_WIDTH = 270;
/** Beyond this share of `saved` more is only told in words: devices bound by instructions save many times the bytes. */
const MOST_SAVED = 4;

interface Point {
  readonly workload: string;
  readonly variant: "fused" | "unfused";
  readonly value: number;
}

export const labelOf = ({ name, shape }: { readonly name: string; readonly shape: string }): string =>
  `${name} ${shape.replaceAll("x", "×")}`;

const COLOURS = {
  domain: ["fused", "unfused"],
  range: ["var(--fused)", "var(--unfused)"],
};

/** Each workload's share of the speed at which the device copies as many bytes, fused and unfused. */
export function drawCopyFractions(workloads: readonly WorkloadMeasurement[]): string {
  const rows = workloads.map((w) => ({
    workload: labelOf(w),
    fused: w.copyFraction,
    unfused: w.copyFraction / w.speedup,
  }));
  const points = rows.flatMap(({ workload, fused, unfused }): Point[] => [
    { workload, variant: "unfused", value: unfused },
    { workload, variant: "fused", value: fused },
  ]);
  const most = Math.max(1, ...points.map(({ value }) => value));
  return draw({
    ...frame(rows.length, 1),
    x: {
      domain: [0, most * 1.05],
      label: "share of the speed of a copy →",
      tickFormat: (share: number) => `${Math.round(share * 100)}%`,
      grid: true,
      labelOffset: 38,
      axis: "both",
    },
    y: { domain: rows.map(({ workload }) => workload), label: null, tickSize: 0 },
    color: COLOURS,
    marks: [
      Plot.ruleX([1], { stroke: "var(--accent)", strokeDasharray: "4 3", strokeWidth: 1.5 }),
      Plot.link(rows, { x1: "unfused", x2: "fused", y: "workload", stroke: "var(--line)", strokeWidth: 3 }),
      Plot.dot(points, { x: "value", y: "workload", fill: "variant", r: 5 }),
    ],
  });
}

/** Times of both variants in multiples of the copy's time, so that large and small workloads share one axis. */
export function drawTimes(workloads: readonly WorkloadMeasurement[]): string {
  const points = workloads.flatMap((w): Point[] => [
    { workload: labelOf(w), variant: "fused", value: 1 / w.copyFraction },
    { workload: labelOf(w), variant: "unfused", value: w.speedup / w.copyFraction },
  ]);
  // A logarithmic bar has no zero to start from: half the shortest keeps every bar visible.
  const least = Math.min(1, ...points.map(({ value }) => value)) / 2;
  return draw({
    ...frame(workloads.length, 1.4),
    x: {
      type: "log",
      domain: [least, Math.max(2, ...points.map(({ value }) => value)) * 1.1],
      label: "time, in multiples of a copy's (logarithmic) →",
      tickFormat: (times: number) => `${Number(times.toPrecision(2))}×`,
      ticks: 6,
      grid: true,
      labelOffset: 38,
      axis: "both",
    },
    fy: { domain: workloads.map(labelOf), label: null, axis: "left", padding: 0.25 },
    y: { axis: null, domain: ["fused", "unfused"], padding: 0 },
    color: COLOURS,
    marks: [
      Plot.barX(points, { x1: least, x2: "value", fy: "workload", y: "variant", fill: "variant" }),
      Plot.ruleX([1], { stroke: "var(--accent)", strokeDasharray: "4 3", strokeWidth: 1.5 }),
    ],
  });
}

/** Time saved over that of the bytes saved, of workloads in which fusion saves bytes. Bars end where the axis does. */
export function drawSaved(workloads: readonly WorkloadMeasurement[]): string {
  const rows = workloads.flatMap((w) => (w.saved === null ? [] : [{ workload: labelOf(w), saved: w.saved }]));
  const most = Math.min(MOST_SAVED, Math.max(1, ...rows.map(({ saved }) => saved)));
  const bars = rows.map((row) => ({ ...row, shown: Math.min(most, Math.max(0, row.saved)) }));
  return draw({
    ...frame(rows.length, 1),
    x: {
      domain: [0, most * 1.08],
      label: "time saved over that of the bytes saved →",
      tickFormat: (share: number) => `${Math.round(share * 100)}%`,
      grid: true,
      labelOffset: 38,
      axis: "both",
    },
    y: { domain: rows.map(({ workload }) => workload), label: null, tickSize: 0, padding: 0.3 },
    marks: [
      Plot.barX(bars, { x: "shown", y: "workload", fill: "var(--fused)", rx: 2 }),
      Plot.text(bars, {
        x: "shown",
        y: "workload",
        text: ({ saved }: { readonly saved: number }) => `${Math.round(saved * 100)}%`,
        textAnchor: "start",
        dx: 4,
        fill: "var(--faint)",
        fontSize: 10,
      }),
      Plot.ruleX([SAVED_GOAL], { stroke: "var(--accent)", strokeDasharray: "4 3", strokeWidth: 1.5 }),
    ],
  });
}

const frame = (rows: number, perRow: number): Plot.PlotOptions => ({
  width: WIDTH,
  height: rows * ROW_HEIGHT * perRow + 85,
  marginLeft: LABEL_WIDTH,
  marginRight: 20,
  marginTop: 40,
  marginBottom: 45,
  className: "chart",
  style: { background: "transparent", color: "inherit", fontSize: "12px" },
});

function draw(options: Plot.PlotOptions): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const figure = Plot.plot({ ...options, document: document });
  // Inside a page SVG needs no namespace; as a file of its own it would.
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return figure.outerHTML;
}

/**
 * A run of the benchmark as one HTML page: summary, charts, all figures. Self-contained (no script, no font, no request),
 * light and dark.
 *
 * Ensures: the same run gives the same text.
 */
import { type BenchmarkRun, SAVED_GOAL, type WorkloadMeasurement } from "./measurement.ts";
import { drawCopyFractions, drawSaved, drawTimes } from "./report-charts.ts";
import { REPORT_STYLE } from "./report-style.ts";

export function renderReport(run: BenchmarkRun): string {
  const { device, workloads } = run;
  const title = `Kernel fusion on ${device.description}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${REPORT_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(describeRun(run))}</p>
</header>
${workloads.length === 0 ? "<p>Nothing was measured.</p>" : renderResults(workloads)}
${renderFailures(run)}
</main>
</body>
</html>
`;
}

const LEGEND = `<ul class="legend">
<li class="fused">fused</li><li class="unfused">unfused: the same compiler, one kernel per op</li><li class="copy">the copy</li>
</ul>`;

function renderResults(workloads: readonly WorkloadMeasurement[]): string {
  return `${renderSummary(workloads)}
<section>
<h2>Against a copy of the same bytes</h2>
<p>A kernel that reads every input once and writes every output once, and does so as fast as this device moves data, stands at 100%.
To the right of it: the data fits a cache, or less was to be read and written than a copy of that size starts for.</p>
${LEGEND}
<figure>${drawCopyFractions(workloads)}</figure>
</section>
<section>
<h2>Fused against unfused</h2>
${LEGEND}
<figure>${drawTimes(workloads)}</figure>
</section>
${renderSaved(workloads)}
<section>
<h2>All figures</h2>
<p>Times are medians of the rounds, ± the distance of the quartiles; ratios are medians of the rounds' ratios. Compiled: graph to
plan, the first time and again; plan to pipelines in the driver; and with pipelines kept, the plan from disk and from memory.</p>
<div class="wide">${renderTable(workloads)}</div>
</section>`;
}

function renderSaved(workloads: readonly WorkloadMeasurement[]): string {
  if (savingOf(workloads).length === 0) return "";
  return `<section>
<h2>Time saved for the bytes saved</h2>
<p>Fusion keeps values on the chip. At 100% it saves as much time as the device takes to copy the bytes that are no longer moved;
more where kernels cost time beside their bytes. The goal, dashed, is ${percent(SAVED_GOAL)}.</p>
<figure>${drawSaved(workloads)}</figure>
</section>`;
}

/** What fusion saves, of the workloads in which it saves bytes. */
const savingOf = (workloads: readonly WorkloadMeasurement[]): readonly number[] =>
  workloads.flatMap(({ saved }) => saved ?? []);

export function describeRun({ device, clock, rounds, workloads }: BenchmarkRun): string {
  const parts = [
    `profile ${device.profile}${device.software ? " (runs on the CPU)" : ""}`,
    clock === "timestamp-query" ? "timed by timestamp queries" : "timed by the host's clock",
    `${String(rounds)} rounds, interleaved`,
    `${String(workloads.length)} workloads`,
  ];
  return parts.join(", ");
}

/** Ratios multiply, so their mean is geometric. */
const geometricMean = (ratios: readonly number[]): number =>
  Math.exp(ratios.reduce((total, r) => total + Math.log(r), 0) / ratios.length);

function renderSummary(workloads: readonly WorkloadMeasurement[]): string {
  const atFloor = workloads.filter(({ fused }) => fused.bytesMoved <= fused.bytesFloor * 1.05).length;
  const cards: (readonly [string, string])[] = [
    [`${geometricMean(workloads.map((w) => w.speedup)).toFixed(2)}×`, "faster than unfused"],
    [percent(geometricMean(workloads.map((w) => w.copyFraction))), "of the speed of a copy"],
    [`${String(atFloor)} of ${String(workloads.length)}`, "move no more than their floor"],
    [
      `${String(workloads.filter(({ fused }) => fused.dispatches === 1).length)} of ${String(workloads.length)}`,
      "run as one kernel",
    ],
  ];
  const saving = savingOf(workloads);
  if (saving.length > 0)
    cards.push([
      `${String(saving.filter((share) => share >= SAVED_GOAL).length)} of ${String(saving.length)}`,
      `save ${percent(SAVED_GOAL)} of the time of the bytes saved`,
    ]);
  const items = cards.map(([figure, words]) => `<li><strong>${figure}</strong>${words}</li>`);
  return `<ul class="cards">${items.join("")}</ul>`;
}

/** Columns under a common heading; a heading without words for columns that stand alone. */
const GROUPS: readonly (readonly [string, readonly string[]])[] = [
  ["", ["workload", "shape"]],
  ["kernels", ["fused", "unfused"]],
  ["bytes / floor", ["fused", "unfused"]],
  ["fusion", ["speedup", "saved"]],
  ["", ["of a copy"]],
  ["µs on the device", ["fused", "unfused", "copy"]],
  ["", ["µs on the host"]],
  ["ms to compile", ["first", "again", "pipelines", "from disk", "kept"]],
];

function renderTable(workloads: readonly WorkloadMeasurement[]): string {
  const groups = GROUPS.map(([title, own]) => `<th colspan="${String(own.length)}">${title}</th>`).join("");
  const head = GROUPS.flatMap(([, own]) => own.map((title) => `<th scope="col">${title}</th>`)).join("");
  const rows = workloads.map((w) => `<tr>${cellsOf(w).join("")}</tr>`);
  return `<table>
<thead><tr class="groups">${groups}</tr><tr>${head}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>`;
}

function cellsOf(w: WorkloadMeasurement): readonly string[] {
  const ratio = (moved: number, floor: number): string => (floor === 0 ? "-" : (moved / floor).toFixed(2));
  const time = ({ us }: { readonly us: { readonly median: number; readonly iqr: number } }): string =>
    `${printUs(us.median)} <small>± ${printUs(us.iqr, 2)}</small>`;
  const numbers = [
    String(w.fused.dispatches),
    String(w.unfused.dispatches),
    ratio(w.fused.bytesMoved, w.fused.bytesFloor),
    ratio(w.unfused.bytesMoved, w.unfused.bytesFloor),
    `${w.speedup.toFixed(2)}×`,
    w.saved === null ? "-" : percent(w.saved),
    percent(w.copyFraction),
    time(w.fused.time),
    time(w.unfused.time),
    time(w.copy),
    printUs(w.hostUs.median),
    w.compileMs.cold.toFixed(1),
    w.compileMs.warm.toFixed(1),
    w.pipelineMs.toFixed(1),
    w.cachedMs.disk?.toFixed(2) ?? "-",
    w.cachedMs.memory.toFixed(2),
  ];
  return [
    `<th scope="row">${escapeHtml(w.name)}</th>`,
    `<td>${escapeHtml(w.shape.replaceAll("x", "×"))}</td>`,
    ...numbers.map((text) => `<td class="n">${text}</td>`),
  ];
}

function renderFailures({ failures }: BenchmarkRun): string {
  if (failures.length === 0) return "";
  const items = failures.map(
    ({ name, shape, message }) => `<li>${escapeHtml(`${name} ${shape}: ${message}`)}</li>`,
  );
  return `<section>\n<h2>Not measured</h2>\n<ul>${items.join("")}</ul>\n</section>`;
}

const percent = (share: number): string => `${Math.round(share * 100)}%`;

/** A few significant digits, and thousands as they are. */
export const printUs = (us: number, digits = 3): string => {
  if (!Number.isFinite(us)) return "-";
  return us >= 10 ** (digits - 1) ? String(Math.round(us)) : us.toPrecision(digits);
};

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character);

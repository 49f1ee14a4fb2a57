/** The HTML report: the same for the same figures, well-formed, self-contained. */
import { expect, test } from "vitest";
import { renderReport } from "../../src/bench/report-html.ts";
import { printMeasured } from "../../src/cli/print-benchmark.ts";
import { madeUpRun, madeUpWorkload } from "./runs.ts";

const run = madeUpRun([madeUpWorkload("softmax", 100), madeUpWorkload("a < b", 320)]);

const VOID_TAGS = new Set(["meta", "br", "link"]);

/** The first tag that closes another than it should, or that stays open; undefined where all is well. */
function findUnbalanced(html: string): string | undefined {
  const open: string[] = [];
  const body = html.replace("<!doctype html>", "").replace(/<style>[^<]*<\/style>/g, "");
  for (const [tag, closing, name, selfClosed] of body.matchAll(/<(\/?)([a-zA-Z0-9]+)[^<>]*?(\/?)>/g)) {
    if (name === undefined || VOID_TAGS.has(name) || selfClosed === "/") continue;
    if (closing !== "/") open.push(name);
    else if (open.pop() !== name) return tag;
  }
  // A "<" outside of tags is text that was not escaped.
  if (/<(?![/a-zA-Z])/.test(body)) return "<";
  return open.at(-1);
}

test("the check finds what it is for", () => {
  expect(findUnbalanced("<p><b>x</p>")).toBe("</p>");
  expect(findUnbalanced("<p>x")).toBe("p");
  expect(findUnbalanced("<p>a < b</p>")).toBe("<");
  expect(findUnbalanced('<p><meta charset="utf-8">x</p>')).toBeUndefined();
});

test("the report is well-formed, and text in it is escaped", () => {
  const html = renderReport(run);
  expect(findUnbalanced(html)).toBeUndefined();
  expect(html).toContain("A &lt;fast&gt; GPU &amp; more");
  expect(html).toContain("kernel &quot;k&quot; &lt;does&gt; not compile");
  expect(html).not.toMatch(/NaN|undefined|Infinity/);
});

test("the same figures give the same report", () => {
  expect(renderReport(run)).toBe(renderReport(run));
});

test("the report loads nothing: no script, no address but the name of SVG", () => {
  const html = renderReport(run);
  expect(html).not.toMatch(/<script|<link|@import|src=|href=/);
  expect(html.replaceAll("http://www.w3.org/2000/svg", "")).not.toContain("://");
});

test("every chart shows every workload, and colours follow light and dark", () => {
  const html = renderReport(run);
  const charts = html.match(/<svg.*?<\/svg>/gs) ?? [];
  expect(charts).toHaveLength(3);
  for (const chart of charts) {
    expect(chart).toContain("softmax 8×16");
    expect(chart).toContain("var(--fused)");
  }
  expect(html).toContain("<strong>2 of 2</strong>save 75% of the time of the bytes saved");
  expect(html).toContain("prefers-color-scheme: dark");
});

test("where fusion saves no bytes, nothing is claimed of the time saved", () => {
  const html = renderReport(madeUpRun([{ ...madeUpWorkload("x + transpose(x)", 100), saved: null }]));
  expect(html.match(/<svg/g)).toHaveLength(2);
  expect(html).not.toContain("bytes saved");
});

test("a run that measured nothing has a report all the same", () => {
  expect(findUnbalanced(renderReport(madeUpRun([])))).toBeUndefined();
});

test("the terminal shows a row per workload, then what could not be measured", () => {
  expect(printMeasured(madeUpRun([madeUpWorkload("softmax", 100)]))).toEqual([
    "workload  shape  kernels  moved/floor     fused  iqr   unfused     copy  speedup  of copy  saved     host           compile",
    "softmax   8x16       1/3         2.00  100.0 us  10%  300.0 us  80.0 us    3.00x      80%    90%  12.5 us  4.3/1.5/-/0.3 ms",
    "",
    "A <fast> GPU & more, profile nvidia; 3 rounds, timestamp queries;",
    "kernels: fused/unfused (one per op); copy: vec4 copy of the floor's bytes; saved: time saved over what the bytes saved",
    "take at the copy's speed; host: what a call keeps the host; compile: cold/again/from disk/from memory",
    'not measured: broken 1: kernel "k" <does> not compile',
  ]);
});

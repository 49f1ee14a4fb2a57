import { expect, test } from "vitest";
import { errorAt, warningAt, type Span } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";

const SOURCE = "kernel scale(x: f32[8,256], w: f32[255]) {\n  let y = x\n  y * w\n}\n";
const at = (line: number, column: number, length: number): Span => ({
  file: "norms.t",
  line,
  column,
  length,
});
const sources = new Map([["norms.t", SOURCE]]);

test("an error quotes its line; notes are located, help is not", () => {
  const diagnostic = errorAt("shape-mismatch", "cannot broadcast f32[255] to f32[8,256]", {
    span: at(3, 7, 1),
    notes: [{ message: "w is declared f32[255] here", span: at(1, 29, 1) }],
    help: "declare w as f32[256], or slice x on axis 1",
  });
  expect(renderDiagnostics([diagnostic], sources)).toBe(
    [
      "norms.t:3:7: error[shape-mismatch]: cannot broadcast f32[255] to f32[8,256]",
      "  3 |   y * w",
      "    |       ^",
      "norms.t:1:29: note: w is declared f32[255] here",
      "  help: declare w as f32[256], or slice x on axis 1",
    ].join("\n"),
  );
});

test("a blank line stands between diagnostics; one without a place has no quote", () => {
  const text = renderDiagnostics(
    [
      errorAt("no-adapter", "there is no adapter", { notes: [{ message: "it was asked for" }] }),
      warningAt("unused-parameter", "unused", { span: at(1, 14, 1) }),
    ],
    new Map(),
  );
  expect(text).toBe(
    "error[no-adapter]: there is no adapter\n  note: it was asked for\n\nnorms.t:1:14: warning[unused-parameter]: unused",
  );
});

test("underlines are clipped at the end of the line, and places beyond it still get a caret", () => {
  const lines = (span: Span): string | undefined =>
    renderDiagnostics([errorAt("syntax", "m", { span })], sources).split("\n")[2];
  expect(lines(at(3, 3, 500))).toBe("    |   ^^^^^");
  expect(lines(at(3, 8, 1))).toBe("    |        ^");
  expect(lines(at(3, 99, 4))).toBe("    |        ^");
  expect(lines(at(99, 1, 1))).toBeUndefined();
});

test("tabs stay tabs before the caret, and the gutter grows with the line number", () => {
  const source = `${"\n".repeat(99)}\tx\t* w`;
  const text = renderDiagnostics(
    [errorAt("syntax", "m", { span: { file: "a", line: 100, column: 5, length: 1 } })],
    new Map([["a", source]]),
  );
  expect(text.split("\n").slice(1)).toEqual(["  100 | \tx\t* w", "      | \t \t ^"]);
});

test("a long line is quoted around the mistake", () => {
  const source = `${"a".repeat(1000)}#${"b".repeat(1000)}`;
  const text = renderDiagnostics(
    [errorAt("stray-character", "m", { span: { file: "a", line: 1, column: 1001, length: 1 } })],
    new Map([["a", source]]),
  );
  const [, quote = "", caret = ""] = text.split("\n");
  expect(quote.length).toBeLessThan(200);
  expect(quote[caret.indexOf("^")]).toBe("#");
});

test("control characters of the source do not reach the terminal", () => {
  const source = "x \u001b[31m\u202e y";
  const text = renderDiagnostics(
    [errorAt("stray-character", "m \u001b[0m", { span: { file: "a", line: 1, column: 3, length: 1 } })],
    new Map([["a", source]]),
  );
  // eslint-disable-next-line no-control-regex -- that there are none is the point
  expect(text).not.toMatch(/[\u001b\u202e]/);
});

test("pieces go through the style", () => {
  const text = renderDiagnostics([errorAt("syntax", "m", { span: at(2, 3, 3), help: "h" })], sources, {
    style: (part, piece) => `<${part}>${piece}</${part}>`,
  });
  expect(text).toBe(
    [
      "<place>norms.t:2:3:</place> <error>error[syntax]:</error> <message>m</message>",
      "  <gutter>2 |</gutter>   let y = x",
      "  <gutter>  |</gutter>   <caret>^^^</caret>",
      "  <help>help:</help> h",
    ].join("\n"),
  );
});

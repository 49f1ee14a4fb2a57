import { expect, test } from "vitest";
import { parseStack, toPath } from "../../../src/frontend/trace/call-site.ts";
import { layerNorm } from "../../../src/frontend/trace/library-functions.ts";
import { add } from "../../../src/frontend/trace/functions.ts";
import { f32, trace } from "../../../src/frontend/trace/trace.ts";
import { captureError } from "./capture-error.ts";

const places = (...lines: readonly string[]): readonly string[] =>
  parseStack(lines.join("\n")).map(({ file, line, column }) => `${file} ${line} ${column}`);

test("reads V8 stacks", () => {
  expect(
    places(
      "Error",
      "    at TracedTensor.add (file:///app/node_modules/tensorweft/dist/x.js:10:5)",
      "    at file:///home/a%20b/model.ts:3:14",
      "    at new Layer (/srv/my (old) app/layer.js:7:1)",
      "    at async /srv/run.mjs:1:2",
      "    at Foo.bar [as baz] (http://localhost:8080/src/main.ts?v=1a2b:20:3)",
      "    at Array.map (<anonymous>)",
      "    at eval (eval at f (file:///x.js:1:1), <anonymous>:1:1)",
      "    at node:internal/modules/run_main:5:3",
      "    at C:\\work\\model.js:4:9",
    ),
  ).toEqual([
    "/app/node_modules/tensorweft/dist/x.js 10 5",
    "/home/a b/model.ts 3 14",
    "/srv/my (old) app/layer.js 7 1",
    "/srv/run.mjs 1 2",
    "http://localhost:8080/src/main.ts 20 3",
    "C:\\work\\model.js 4 9",
  ]);
});

test("reads Firefox stacks", () => {
  expect(
    places(
      "add@http://localhost:8080/node_modules/@scope/tensorweft/x.js:10:5",
      "@file:///home/me/model.js:3:14",
      "async*run@http://localhost:8080/main.js:7:1",
      "f@http://localhost:8080/a.js line 3 > eval:1:1",
      "",
    ),
  ).toEqual([
    "http://localhost:8080/node_modules/@scope/tensorweft/x.js 10 5",
    "/home/me/model.js 3 14",
    "http://localhost:8080/main.js 7 1",
  ]);
});

test("reads Safari stacks", () => {
  expect(
    places(
      "add@http://localhost/x.js:10:5",
      "map@[native code]",
      "global code@http://localhost/main.js:2:8",
      "module code",
    ),
  ).toEqual(["http://localhost/x.js 10 5", "http://localhost/main.js 2 8"]);
});

test("shows file URLs as paths, also on Windows and with a stray percent sign", () => {
  expect(toPath("file:///C:/my%20models/a.ts")).toBe("C:/my models/a.ts");
  expect(toPath("file:///a/100%.ts")).toBe("/a/100%.ts");
  expect(toPath("https://example.org/a.js#x")).toBe("https://example.org/a.js");
});

/** The line of the caller, from the engine itself. */
const lineHere = (): number => parseStack(new Error().stack ?? "")[1]?.line ?? -1;

test("a method, a function and a library function point at the user's line", () => {
  const lines: number[] = [];
  const { graph } = trace(
    (x, y) => {
      lines.push(lineHere() + 1);
      const sum = x.add(y);
      lines.push(lineHere() + 1);
      const twice = add(sum, sum);
      lines.push(lineHere() + 1);
      return layerNorm(twice);
    },
    [f32(4, 4), f32(4)],
  );
  const spans = graph.nodes.flatMap(({ span }) => (span === undefined ? [] : [span]));
  expect(new Set(spans.map((span) => span.line))).toEqual(new Set(lines));
  for (const span of spans) expect(span.file).toMatch(/call-site\.test\.ts$/);
  expect(new Set(spans.map((span) => span.length))).toEqual(new Set(["add".length, "layerNorm".length]));
});

test("a shape error points at the user's line", () => {
  let line = 0;
  const error = captureError(() =>
    trace(
      (x, y) => {
        line = lineHere() + 1;
        return x.mul(y);
      },
      [f32(8, 256), f32(255)],
    ),
  );
  expect(error.diagnostics).toMatchObject([
    { code: "shape-mismatch", message: "cannot broadcast f32[255] to f32[8,256]", span: { line } },
  ]);
});

test("without `locate` no node has a span", () => {
  const { graph } = trace((x) => x.exp(), [f32(4)], { locate: false });
  expect(graph.nodes.every(({ span }) => span === undefined)).toBe(true);
});

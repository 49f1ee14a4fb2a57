import { expect, test } from "vitest";
import { parseStack, toPath } from "../../src/diagnostics/call-site.ts";

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

/** What tsc says of a program that imports kernels: right use passes, a wrong shape does not. */
import ts from "typescript";
import { expect, test } from "vitest";
import { runWeft } from "../cli/run-weft.ts";
import { type App, makeApp } from "./make-app.ts";

/** Mistakes as `file:line code`. */
function check(app: App, files: readonly string[], options: ts.CompilerOptions = {}): readonly string[] {
  const program = ts.createProgram(
    files.map((file) => app.path(file)),
    {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2024,
      lib: ["lib.es2024.d.ts", "lib.esnext.disposable.d.ts", "lib.es2025.float16.d.ts", "lib.dom.d.ts"],
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      allowImportingTsExtensions: true,
      allowArbitraryExtensions: true,
      customConditions: ["tensorweft-source"],
      types: [],
      ...options,
    },
  );
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, code }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1;
    return `${file?.fileName.replace(`${app.folder.replaceAll("\\", "/")}/`, "") ?? ""}:${line} TS${code}`;
  });
}

const MISTAKES = `import { openDevice } from "tensorweft/runtime";
import { rms, weightNorm, nothing } from "./norms.weft";
import { halfSwish, softRows } from "./activations.gen.ts";
const device = await openDevice();
const x = device.tensor(new Float32Array(32), [4, 8]);
const y: { readonly shape: readonly [4, 8] } = rms(x);
rms(device.tensor(new Float32Array(32), [8, 4]));
rms(device.tensor(new Int32Array(32), [4, 8]));
rms(x, { epsilon: 1 });
weightNorm(x, x);
halfSwish(device.tensor([1, 2, 3], [3]));
const any: readonly [number, 4] = softRows(device.tensor([1, 2, 3, 4], [1, 4])).shape;
softRows(device.tensor([1, 2, 3], [1, 3]));
export { y, nothing, any };
`;

test("right use passes, wrong shapes, dtypes, scalars and names fail at their lines", async () => {
  const app = makeApp();
  await runWeft("build", app.path("norms.weft"), "--out", app.path("norms.d.weft.ts"));
  await runWeft("build", app.path("activations.ts"));
  app.write("mistakes.ts", MISTAKES);
  expect(check(app, ["main.ts"])).toEqual([]);
  expect(check(app, ["mistakes.ts"])).toEqual([
    "mistakes.ts:2 TS2305",
    "mistakes.ts:7 TS2345",
    "mistakes.ts:8 TS2345",
    "mistakes.ts:9 TS2353",
    "mistakes.ts:10 TS2345",
    "mistakes.ts:11 TS2345",
    "mistakes.ts:13 TS2345",
  ]);
  // As Node resolves modules, and where the option is missing tsc names it.
  const node = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
  app.write("package.json", '{ "type": "module" }');
  expect(check(app, ["main.ts"], node)).toEqual([]);
  expect(check(app, ["main.ts"], { allowArbitraryExtensions: false })).toEqual(["main.ts:4 TS6263"]);
});

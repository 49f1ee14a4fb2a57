/** Mistakes of ahead-of-time sources as they are printed: test/golden/errors, the files with `; run: aot`. */
import { expect, describe, test } from "vitest";
import { buildKernels } from "../../src/build-module.ts";
import { TensorweftError, type Diagnostic } from "../../src/diagnostics/diagnostic.ts";
import { renderDiagnostics } from "../../src/diagnostics/render.ts";
import { checkGolden, listGoldens } from "../support/golden.ts";

const FILE = "norms.ts";

/** The input as files: what stands behind a line `--- name` is another one. */
function readFiles(input: string): ReadonlyMap<string, string> {
  const [first = "", ...others] = input.split(/^--- (?=\S+$)/m);
  const named = others.map((text): [string, string] => {
    const end = text.indexOf("\n");
    return [text.slice(0, end), text.slice(end + 1)];
  });
  return new Map([[FILE, first], ...named]);
}

async function diagnose(files: ReadonlyMap<string, string>): Promise<readonly Diagnostic[]> {
  const built = buildKernels(FILE, { read: (path) => files.get(path) });
  return built.then(
    () => [],
    (error: unknown) => {
      if (!(error instanceof TensorweftError)) throw error;
      return error.diagnostics;
    },
  );
}

const goldens = listGoldens("errors").filter(({ header }) => header.get("run")?.includes("aot"));

describe("test/golden/errors", () => {
  test("has cases of ahead-of-time sources", () => {
    expect(goldens.length).toBeGreaterThanOrEqual(30);
  });
  for (const golden of goldens) {
    test(golden.name, async () => {
      const files = readFiles(golden.input);
      const diagnostics = await diagnose(files);
      expect(diagnostics.some(({ code }) => golden.name.startsWith(code))).toBe(true);
      for (const { span, help } of diagnostics) {
        expect(files.has(span?.file ?? "")).toBe(true);
        expect(help ?? "").not.toBe("");
      }
      checkGolden(golden, renderDiagnostics(diagnostics, files));
    });
  }
});

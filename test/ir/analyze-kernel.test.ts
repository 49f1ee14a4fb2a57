import { describe, expect, test } from "vitest";
import { legalize } from "../../src/codegen/wgsl/emit-wgsl.ts";
import { analyzeKernel } from "../../src/ir/analyze-kernel.ts";
import type { KernelAnalysis } from "../../src/ir/analyze-kernel.ts";
import { parseKernel } from "../../src/ir/parse-kernel.ts";
import { findProfile } from "../../src/ir/profile.ts";
import { verifyKernel } from "../../src/ir/verify-kernel.ts";
import { listGoldens, testGoldens } from "../support/golden.ts";

const profileOf = (name: string | undefined) => {
  const profile = findProfile(name ?? "default");
  if (profile === undefined) throw new Error(`no profile ${String(name)}`);
  return profile;
};

const printTraffic = (a: Pick<KernelAnalysis, "bytesRead" | "bytesWritten" | "sectors">): string =>
  `read ${String(a.bytesRead)} written ${String(a.bytesWritten)} sectors ${a.sectors.toFixed(3)}`;

testGoldens("kernel/analyze", ({ input, path, header }) => {
  const kernel = parseKernel(input, path);
  expect(verifyKernel(kernel)).toEqual([]);
  const analysis = analyzeKernel(kernel, profileOf(header.get("profile")?.[0]));
  return [
    ...analysis.perBinding.map((one) => `${one.name}: ${printTraffic(one)}`),
    `all: ${printTraffic(analysis)}${analysis.estimated ? ", estimated" : ""}`,
  ].join("\n");
});

describe("legalisation moves the same bytes", () => {
  test.each(listGoldens("kernel/analyze").map(({ name, input }) => [name, input] as const))(
    "%s",
    (_, input) => {
      const kernel = parseKernel(input);
      const legal = analyzeKernel(legalize(kernel, profileOf("default")), profileOf("default"));
      const { bytesRead, bytesWritten } = analyzeKernel(kernel, profileOf("default"));
      expect([legal.bytesRead, legal.bytesWritten]).toEqual([bytesRead, bytesWritten]);
    },
  );
});

/** Distinct elements by brute force for a copy whose index is given as text. */
function copyThrough(index: string, options: { count: number; size: number; trips: number; guard?: string }) {
  const elements = 200_000;
  const { count, size, trips, guard } = options;
  const copy = `load %v: f32 = %x[(${index} min ${String(elements - 1)})]`;
  return parseKernel(`kernel @copy size=${String(size)} count=${String(count)} grid=[${String(count)},1,1] {
    binding %x: f32[${String(elements)}] width=1 read
    binding %y: f32[1] width=1 read_write
    let %q = ((workgroup * ${String(size)}) + lane)
    delinearize %a=${String(count)}, %b=${String(size)} from %q
    for %k in ${String(trips)} {
      ${guard === undefined ? copy : `if ${guard} { ${copy} }`}
    }
  }`);
}

describe("counting agrees with enumeration", () => {
  test.each([
    ["((%q * 3) + %k)", undefined],
    ["((%q * 2) + %k)", undefined],
    ["((%a * 7) + (%b * 2))", undefined],
    ["((%b * 5) + %a)", undefined],
    ["((%q * 4) + (lane * 3))", undefined],
    ["(%q / 4)", undefined],
    ["((%q mod 6) + (%k * 6))", undefined],
    ["%q", "lt(%q, 17)"],
    ["%q", "and(lt(%q, 17), eq(%k, 1))"],
    ["((%a * 100) + %b)", "lt(%q, 17)"],
    ["((%a * 100) + %b)", "lt(%b, 3)"],
    ["(%a * 100)", "lt(%b, 3)"],
    ["((%q * 2) + %k)", "gt(%q, 3)"],
  ] as const)("%s if %s", (index, guard) => {
    for (const [count, size, trips] of [
      [5, 8, 3],
      [3, 12, 2],
      [1, 30, 4],
    ] as const) {
      const kernel = copyThrough(index, { count, size, trips, ...(guard === undefined ? {} : { guard }) });
      expect(verifyKernel(kernel)).toEqual([]);
      const seen = new Set<number>();
      for (let q = 0; q < count * size; q++)
        for (let k = 0; k < trips; k++) {
          const values: Readonly<Record<string, number>> = {
            q,
            k,
            a: Math.floor(q / size),
            b: q % size,
            lane: q % size,
          };
          if (guard !== undefined && evaluateText(guard, values) === 0) continue;
          seen.add(evaluateText(index, values));
        }
      const analysis = analyzeKernel(kernel, profileOf("default"));
      expect(analysis.estimated).toBe(false);
      expect(analysis.bytesRead).toBe(4 * seen.size);
    }
  });
});

/** A second evaluator, of the text itself. */
function evaluateText(text: string, values: Readonly<Record<string, number>>): number {
  const tokens = text.match(/%?\w+|[()+*/,]/g) ?? [];
  let at = 0;
  const next = (): string => tokens[at++] ?? "";
  const parse = (): number => {
    const token = next();
    if (token === "(") {
      const left = parse();
      const operator = next();
      const right = parse();
      next();
      if (operator === "+") return left + right;
      if (operator === "*") return left * right;
      return operator === "/" ? Math.floor(left / right) : left % right;
    }
    if (tokens[at] === "(") {
      next();
      const left = parse();
      next();
      const right = parse();
      next();
      const truth = { lt: left < right, gt: left > right, eq: left === right, and: left + right === 2 }[
        token
      ];
      return truth === true ? 1 : 0;
    }
    return values[token.replace("%", "")] ?? Number(token);
  };
  return parse();
}

/**
 * Prints kernels as a module that needs `tensorweft/runtime` only: as TypeScript, or as JavaScript and its declarations.
 *
 * Requires: verified plans.
 * Ensures:  equal kernels give equal text; equal WGSL stands once; comments say which lines of the source a kernel computes.
 */
import { fail, type Span } from "../diagnostics/diagnostic.ts";
import type { DynamicPlan } from "../ir/dynamic-plan.ts";
import type { Plan, PlanKernel, PlanTensor } from "../ir/plan.ts";
import type { BuiltKernel, BuiltVariant, Origin, ResultForm } from "./built-kernel.ts";
import { printData, printKey, printText } from "./print-data.ts";

export type ModuleForm = "ts" | "js" | "dts";

export interface PrintOptions {
  readonly form: ModuleForm;
  /** What the first line says: source, command, profile. */
  readonly header: string;
  /** How a place of the source is written in comments. */
  readonly place: (span: Span) => string;
}

const RUNTIME = "tensorweft/runtime";

/** Words that cannot name an export, and those that the module itself needs. */
const RESERVED =
  /^(?:break|case|catch|class|const|continue|debugger|default|delete|do|else|enum|export|extends|false|finally|for|function|if|import|in|instanceof|new|null|return|super|switch|this|throw|true|try|typeof|var|void|while|with|yield|let|static|await|arguments|eval)$/;

export function printModule(kernels: readonly BuiltKernel[], options: PrintOptions): string {
  const names = new Set<string>();
  for (const { name, span } of kernels) {
    if (RESERVED.test(name))
      fail("duplicate-name", `a module cannot export ${name}, which is a word of JavaScript`, {
        span,
        help: "give the kernel another name",
      });
    names.add(name);
  }
  const { form, header } = options;
  const head = [`// ${header}`, "// Do not edit: change the source and build again."];
  if (form === "dts") {
    const imports = `import type { Preparable, Tensor } from "${RUNTIME}";`;
    return join([...head, imports, ...kernels.map((kernel) => printDeclaration(kernel, options))]);
  }
  const isSized = kernels.some(({ variants }) => variants.some(({ dynamic }) => dynamic !== undefined));
  const isFixed = kernels.some(({ variants }) => variants.some(({ dynamic }) => dynamic === undefined));
  const imported = [
    "defineKernel as $defineKernel",
    ...(isSized ? ["sizedPlan as $sizedPlan"] : []),
    ...(form === "ts" && isSized ? ["type DynamicPlan as $DynamicPlan"] : []),
    ...(form === "ts" && isFixed ? ["type Plan as $Plan"] : []),
    ...(form === "ts" ? ["type Tensor"] : []),
  ];
  const imports = `import { ${imported.join(", ")} } from "${RUNTIME}";`;
  const texts = new Map<string, string>();
  return join([...head, imports, ...kernels.flatMap((kernel) => printKernel(kernel, texts, options))]);
}

const join = (parts: readonly string[]): string => {
  const [first, second, ...rest] = parts;
  return `${[`${first ?? ""}\n${second ?? ""}`, ...rest].join("\n\n")}\n`;
};

/** `texts` has the names of WGSL that was printed before. */
function printKernel(
  kernel: BuiltKernel,
  texts: Map<string, string>,
  options: PrintOptions,
): readonly string[] {
  const parts: string[] = [];
  const plans: string[] = [];
  for (const { plan, dynamic, label, origins } of kernel.variants) {
    for (const one of dynamic ?? [plan]) {
      for (const { wgsl, name } of kernelsOf(one)) {
        if (texts.has(wgsl)) continue;
        const id = `$wgsl${texts.size}`;
        texts.set(wgsl, id);
        const comment = printOrigins(name, origins.get(wgsl) ?? [], options);
        parts.push(`${comment}const ${id} = /* wgsl */ ${printText(wgsl)};`);
      }
      const id = `$${kernel.name}${plans.length}`;
      const isSized = "plan" in one;
      const type = options.form === "ts" ? (isSized ? ": $DynamicPlan" : ": $Plan") : "";
      const sizes = isSized ? ` (${one.least} to ${one.most})` : "";
      const comment = label === "" ? "" : `// ${kernel.name}: ${label}${sizes}\n`;
      parts.push(
        `${comment}const ${id}${type} = ${isSized ? printSized(one, texts) : printPlan(one, texts)};`,
      );
      plans.push(isSized ? `$sizedPlan(${id})` : id);
    }
  }
  const { name, form } = kernel;
  const call = options.form === "ts" ? `<${printCall(kernel, "")}>` : "";
  const make = `/* @__PURE__ */ $defineKernel${call}(${JSON.stringify(name)}, ${JSON.stringify(form)}, [${plans.join(", ")}])`;
  parts.push(`${printSummary(kernel, options)}export const ${name} = ${make};`);
  return parts;
}

const kernelsOf = (plan: Plan | DynamicPlan): readonly PlanKernel[] =>
  "plan" in plan ? plan.plan.kernels : plan.kernels;

function printSized({ plan, ...growth }: DynamicPlan, texts: ReadonlyMap<string, string>): string {
  const fields = Object.entries(growth).map(([key, value]) => `  ${key}: ${printData(value)},\n`);
  return `{\n${fields.join("")}  plan: ${printPlan(plan, texts).replaceAll("\n", "\n  ")},\n}`;
}

/** The plan with the names of its texts in place of them. */
function printPlan(plan: Plan, texts: ReadonlyMap<string, string>): string {
  const kernels = plan.kernels.map(({ wgsl, ...rest }: PlanKernel) => {
    const fields = Object.entries(rest).map(([key, value]) => `${key}: ${printData(value)}`);
    return `    { wgsl: ${texts.get(wgsl) ?? ""}, ${fields.join(", ")} },`;
  });
  const { kernels: _, ...others } = plan;
  const fields = Object.entries(others).map(([key, value]) => `  ${key}: ${printData(value)},`);
  return `{\n${fields.join("\n")}\n  kernels: [\n${kernels.join("\n")}\n  ],\n}`;
}

function printOrigins(name: string, origins: readonly Origin[], { place }: PrintOptions): string {
  const lines = origins.flatMap(({ statement, span }) =>
    span === undefined ? [] : [`//   ${statement}: ${place(span)}\n`],
  );
  return `// kernel ${name}\n${[...new Set(lines)].join("")}`;
}

const printSummary = ({ name, span }: BuiltKernel, { place }: PrintOptions): string =>
  span === undefined ? "" : `/** \`${name}\` of ${place(span)}. */\n`;

const printDeclaration = (kernel: BuiltKernel, options: PrintOptions): string =>
  `${printSummary(kernel, options)}export declare const ${kernel.name}: ${printCall(kernel, "")} & Preparable;`;

/** One overload for each plan. */
function printCall({ variants, form }: BuiltKernel, indent: string): string {
  const overloads = variants.map((variant) => `${indent}  ${printOverload(variant, form)};\n`);
  return `{\n${[...new Set(overloads)].join("")}${indent}}`;
}

function printOverload({ plan, dynamic }: BuiltVariant, form: ResultForm): string {
  const [growth] = dynamic ?? [];
  const params = plan.inputs.map(
    (input, i) => `${printParam(input.name, i)}: ${printTensor(input, growth?.inputs[i])}`,
  );
  if (plan.scalars.length > 0) {
    const fields = plan.scalars.map(
      ({ name, default: value }) => `readonly ${printKey(name)}${value === undefined ? "" : "?"}: number`,
    );
    const isOptional = plan.scalars.every((scalar) => scalar.default !== undefined);
    params.push(`scalars${isOptional ? "?" : ""}: { ${fields.join("; ")} }`);
  }
  const results = plan.outputs.map((output, i) => printTensor(output, growth?.outputs[i]));
  const result =
    form === "one"
      ? (results[0] ?? "void")
      : form === "list"
        ? `readonly [${results.join(", ")}]`
        : `{ ${form.map((key, i) => `readonly ${printKey(key)}: ${results[i] ?? "never"}`).join("; ")} }`;
  return `(${params.join(", ")}): ${result}`;
}

const printParam = (name: string, index: number): string =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !RESERVED.test(name) ? name : `input${index}`;

/** `growth` says which dimensions are dynamic: those with another number than 0. */
const printTensor = ({ dtype, shape }: PlanTensor, growth: readonly number[] = []): string =>
  `Tensor<"${dtype}", readonly [${shape.map((length, d) => ((growth[d] ?? 0) > 0 ? "number" : length)).join(", ")}]>`;

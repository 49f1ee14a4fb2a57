/** Reading errors: mistakes are data with a place and a way out, found before anything runs; rendering is a call apart. */
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { f32, jit, openDevice, renderDiagnostics, rmsNorm, trace, TensorweftError } from "tensorweft";
import type { Diagnostic, TracedTensor } from "tensorweft";
import { lowerKernel, parseModule } from "tensorweft/text";

/** The diagnostics that `body` throws. */
function diagnosticsOf(body: () => unknown): readonly Diagnostic[] {
  try {
    body();
  } catch (error) {
    if (error instanceof TensorweftError) return error.diagnostics;
    throw error;
  }
  throw new Error("expected a mistake to be found");
}

// 1. A shape error in text: the place, the quoted line, where the shape comes from.
const source = `kernel scale(x: f32[N, D], w: f32[K]) -> f32[N, D] {
  let y = x / sqrt(sum(x * x, axis=-1, keepdims=true))
  y * w
}
`;
const { module } = parseModule(source, "norms.weft");
if (module === undefined) throw new Error("the text does not parse");
const shapes = { x: { shape: [8, 256] }, w: { shape: [255] } };
console.log(
  `${renderDiagnostics(lowerKernel(module, "scale", shapes).diagnostics, new Map([["norms.weft", source]]))}\n`,
);

// 2. Mistakes that need no shapes, all of them at once.
const typos = "kernel soft(x: f32[N]) = sofmax(x, axsi=-1) + sum(x, axsi=-1)\n";
const parsed = parseModule(typos, "typos.weft");
if (parsed.module === undefined) throw new Error("the text does not parse");
const found = lowerKernel(parsed.module, "soft", { x: { shape: [4] } }).diagnostics;
console.log(`${renderDiagnostics(found, new Map([["typos.weft", typos]]))}\n`);

// 3. A mistake in TypeScript: the span is the line of this file that called the op.
const mismatch = diagnosticsOf(() =>
  trace((x: TracedTensor, w: TracedTensor) => rmsNorm(x, { weight: w }), [f32(8, 256), f32(255)]),
);
// Spans hold whole paths; a program that prints the same text everywhere shortens them.
const shortened = mismatch.map((each) => ({
  ...each,
  span: each.span === undefined ? undefined : { ...each.span, file: basename(each.span.file) },
}));
const ownText = readFileSync(new URL(import.meta.url), "utf8");
console.log(`${renderDiagnostics(shortened, new Map([["errors.ts", ownText]]))}\n`);

// 4. A condition that asks for a tensor's value: it has none while the function is traced.
const [dependent] = diagnosticsOf(() => trace((x: TracedTensor) => (Number(x) > 0 ? x : x.neg()), [f32(4)]));
console.log(`${dependent?.code}: ${dependent?.message}\n  help: ${dependent?.help}\n`);

// 5. A mistake of the call, thrown at once and not when the result is read.
const device = await openDevice({ backend: "cpu" });
const x = device.tensor([1, 2, 3]);
x.dispose();
const [disposed] = diagnosticsOf(() => jit((x: TracedTensor) => x.mul(2))(x));
console.log(`${disposed?.code}: ${disposed?.message}`);
device.dispose();

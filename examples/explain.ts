/** Why a program takes the kernels that it takes: index notation, groups, and the reason for each merge and each refusal. */
import {
  compileGraph,
  explainCompiled,
  f32,
  findProfile,
  jit,
  openDevice,
  renderStage,
  trace,
} from "tensorweft";
import type { TracedTensor } from "tensorweft";

/** Centre each column, then normalize each row: two directions, so one kernel cannot do it. */
function centreAndNormalize(x: TracedTensor): TracedTensor {
  const centred = x.sub(x.mean({ axis: 0, keepdims: true }));
  return centred.div(centred.mul(centred).sum({ axis: -1, keepdims: true }).sqrt());
}

const profile = findProfile("default");
if (profile === undefined) throw new Error("the profile is missing");
const { graph } = trace(centreAndNormalize, [f32(4096, 1024)]);
const compiled = compileGraph(graph, { profile });
console.log(`${renderStage(compiled, "index")}\n${renderStage(compiled, "groups")}`);

const MIB = 2 ** 20;
const report = explainCompiled(compiled, profile);
const labels = new Map(report.statements.map(({ name, label }) => [name, label]));
for (const { name, gridAxes, bytesRead, bytesWritten, statements, reasons } of report.kernels) {
  console.log(
    `${name} over ${gridAxes.join(",")}: reads ${(bytesRead / MIB).toFixed(1)} MiB, writes ${(bytesWritten / MIB).toFixed(1)} MiB`,
  );
  console.log(`  computes ${statements.map((statement) => labels.get(statement)).join(", ")}`);
  for (const reason of reasons) console.log(`  ${reason}`);
}
const apart = explainCompiled(compileGraph(graph, { profile, fuse: false }), profile);
console.log(`fused: ${report.dispatches} dispatches, ${(report.bytes.moved / MIB).toFixed(1)} MiB moved`);
console.log(
  `one kernel per op: ${apart.dispatches} dispatches, ${(apart.bytes.moved / MIB).toFixed(1)} MiB moved`,
);
console.log(
  `floor: ${(report.bytes.floor / MIB).toFixed(1)} MiB, each input read once and each output written once\n`,
);

// It computes what it says.
const [rows, columns] = [3, 4];
const x = Float32Array.from({ length: rows * columns }, (_, i) => ((i * 5) % 11) - 5);
const means = Array.from({ length: columns }, (_, c) => {
  let total = 0;
  for (let r = 0; r < rows; r++) total += x[r * columns + c] ?? NaN;
  return total / rows;
});
const expected = Array.from({ length: rows }, (_, r) => {
  const row = means.map((mean, c) => (x[r * columns + c] ?? NaN) - mean);
  const norm = Math.sqrt(row.reduce((total, value) => total + value * value, 0));
  return row.map((value) => value / norm);
}).flat();
const device = await openDevice();
const values = [...(await jit(centreAndNormalize)(device.tensor(x, [rows, columns])).read())];
device.dispose();
const worst = Math.max(...expected.map((want, i) => Math.abs((values[i] ?? NaN) - want)));
if (!(worst < 1e-5)) throw new Error(`off by ${worst}`);
console.log(
  `row 0: ${values
    .slice(0, columns)
    .map((value) => value.toFixed(4))
    .join(" ")}\n`,
);
console.log(renderStage(compiled, "wgsl"));

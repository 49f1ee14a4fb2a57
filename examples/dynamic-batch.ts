/** A batch of any size on one kernel: the size goes with the call, nothing is compiled anew. */
import { jit, layerNorm, openDevice } from "tensorweft";
import type { TracedTensor } from "tensorweft";

const FEATURES = 48;

/** The plain computation of one row. */
function normalise(row: readonly number[]): readonly number[] {
  const mean = row.reduce((sum, x) => sum + x, 0) / row.length;
  const variance = row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length;
  return row.map((x) => (x - mean) / Math.sqrt(variance + 1e-5));
}

const device = await openDevice();
const norm = jit((x: TracedTensor) => layerNorm(x), { name: "norm", dynamic: { x: [0] } });

for (const batch of [1, 2, 7, 64, 1000]) {
  const rows = Array.from({ length: batch }, (_, b) =>
    Array.from({ length: FEATURES }, (_, i) => Math.sin(b + i * i)),
  );
  const y = await norm(device.tensor(rows.flat(), [batch, FEATURES])).read();
  const expected = rows.flatMap(normalise);
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - Number(y[i]))));
  if (!(worst < 1e-4)) throw new Error(`a batch of ${batch} is off by ${worst}`);
}
const { calls, traces } = norm.counters;
console.log(
  `layer norm of ${calls} batches: compiled ${device.backend === "cpu" ? "for each size" : `${traces} time`}`,
);

// What reduces over the batch cannot share a kernel: it still runs, and says why each size has kernels of its own.
const center = jit((x: TracedTensor) => x.sub(x.mean({ axis: 0 })), {
  name: "center",
  dynamic: { x: [0] },
  warn: (message) => {
    console.log(message.replace(/\(.*\)/, "(dynamic-batch.ts)"));
  },
});
for (const batch of [2, 3])
  console.log(
    [...(await center(device.tensor(Array.from({ length: batch }, (_, i) => i))).read())].join(" "),
  );
device.dispose();

/**
 * Tensors as large as the device's largest buffer: do they run, and are the results right?
 *
 *     npm run bench -- large [--gib N]
 *
 * N is the size of a tensor: 15/16 of the device's largest buffer, or of 1 where that is more, unless told otherwise (drivers
 * add to buffers what they need). The device needs twice as much memory. Nothing large crosses the host: the tensor is
 * computed, and results are judged by statistics of theirs. The exit status is 1 where one is wrong.
 */
import { parseArgs } from "node:util";
import { type Device, jit, layerNorm, openDevice, sum, type Tensor, type TracedTensor } from "tensorweft";
import { printTable } from "../src/cli/print-table.ts";

const GIB = 2 ** 30;
const ROW = 4096;
/** Different rows: so many, then the first again. */
const DIFFERENT = 61;

/** The tensor is offset[i] + place[j]. Everything is a multiple of 2^-13 below 2: exact in f32. */
const offsetAt = (row: number): number => (row % DIFFERENT) / 64;
const placeAt = (column: number): number => (column + 0.5) / ROW;

interface Check {
  readonly name: string;
  /** From the large tensor to a few numbers. */
  readonly run: (x: Tensor) => Promise<ArrayLike<number>>;
  /** The largest error over what is allowed. */
  readonly judge: (found: ArrayLike<number>, rows: number) => number;
}

/** The sum of the tensor, exactly. */
function sumOf(rows: number): number {
  let total = (rows * ROW) / 2;
  for (let row = 0; row < rows; row++) total += ROW * offsetAt(row);
  return total;
}

/** Over four half ulp of a sum of numbers that are not negative. */
const errorOfSum = (got: number | undefined, want: number): number =>
  Math.abs((got ?? Number.NaN) - want) / (4 * 2 ** -24 * want);

const greatest = (values: ArrayLike<number>, error: (value: number) => number): number =>
  Array.from(values).reduce((most, value) => Math.max(most, error(value)), 0);

/** Calls on the device, read and disposed. */
const read = async (result: Tensor): Promise<ArrayLike<number>> => {
  const values = Float64Array.from((await result.read()) as ArrayLike<number>);
  result.dispose();
  return values;
};

function checksOn(device: Device): readonly Check[] {
  const total = jit((x: TracedTensor) => sum(x), { device });
  const columns = jit((x: TracedTensor) => sum(x, { axis: 0 }), { device });
  const normalized = jit((x: TracedTensor) => layerNorm(x, { eps: 0 }), { device });
  const squares = jit((y: TracedTensor) => sum(y.mul(y), { axis: 1 }), { device });
  const doubled = jit((x: TracedTensor) => x.mul(2).add(1), { device });
  return [
    {
      name: "sum of everything",
      run: (x) => read(total(x)),
      judge: (found, rows) => errorOfSum(found[0], sumOf(rows)),
    },
    {
      name: "sums of columns",
      run: (x) => read(columns(x)),
      // Together they are the sum of everything.
      judge: (sums, rows) =>
        errorOfSum(
          Array.from(sums).reduce((a, b) => a + b, 0),
          sumOf(rows),
        ),
    },
    {
      name: "layer norm, its rows' squares",
      run: async (x) => {
        using y = normalized(x);
        return await read(squares(y));
      },
      judge: (found) => greatest(found, (value) => Math.abs(value / ROW - 1) / 1e-5),
    },
    {
      name: "pointwise, then the sum",
      run: async (x) => {
        using y = doubled(x);
        return await read(total(y));
      },
      judge: (found, rows) => errorOfSum(found[0], 2 * sumOf(rows) + rows * ROW),
    },
  ];
}

function makeTensor(device: Device, rows: number): Tensor {
  const add = jit((offset: TracedTensor, place: TracedTensor) => offset.add(place), { device });
  using offset = device.tensor(
    Float32Array.from({ length: rows }, (_, i) => offsetAt(i)),
    [rows, 1],
  );
  using place = device.tensor(
    Float32Array.from({ length: ROW }, (_, j) => placeAt(j)),
    [1, ROW],
  );
  return add(offset, place);
}

/** Runs the benchmark; the exit status. */
export async function runLargeBenchmark(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...argv], options: { gib: { type: "string" } } });
  const device = await openDevice({ backend: "webgpu" });
  try {
    const { maxBufferSize } = device.profile.limits;
    const bytes =
      values.gib === undefined ? (Math.min(maxBufferSize, GIB) * 15) / 16 : Number(values.gib) * GIB;
    const rows = Math.floor(bytes / (4 * ROW));
    if (!(rows >= 1)) throw new RangeError(`--gib ${values.gib ?? ""} is no size`);
    const { name, limits } = device.profile;
    console.log(
      `f32[${String(rows)},${String(ROW)}], ${String(4 * rows * ROW)} bytes; ${name}: buffers up to ${String(maxBufferSize)}, bindings up to ${String(limits.maxStorageBufferBindingSize)}`,
    );
    using x = makeTensor(device, rows);
    const table: string[][] = [];
    let isRight = true;
    for (const { name, run, judge } of checksOn(device)) {
      const start = performance.now();
      const error = judge(await run(x), rows);
      table.push([name, ((performance.now() - start) / 1000).toFixed(2), error.toFixed(3)]);
      isRight &&= error <= 1;
    }
    const numbers = ["seconds", "error / allowed"].map((title) => ({ title, align: "right" as const }));
    console.log(printTable([{ title: "" }, ...numbers], table).join("\n"));
    return isRight ? 0 : 1;
  } finally {
    device.dispose();
  }
}

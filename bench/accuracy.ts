/**
 * How exact reductions are: the largest error against float64 over what is allowed, of data that chains of additions lose
 * digits on.
 *
 *     npm run bench -- accuracy [--elements N] [--filter TEXT]
 *
 * N is 2^24 unless told otherwise, and a multiple of 4096. The exit status is 1 where an error is beyond the allowed one.
 */
import { parseArgs } from "node:util";
import { compileGraph, f32, openDevice, trace } from "tensorweft";
import { printTable } from "../src/cli/print-table.ts";
import { DATA, OPERATIONS } from "./accuracy-cases.ts";

/** Runs the benchmark; the exit status. */
export async function runAccuracyBenchmark(argv: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      elements: { type: "string", default: String(2 ** 24) },
      filter: { type: "string", default: "" },
    },
  });
  const length = Number(values.elements);
  if (!Number.isInteger(length) || length < 4096 || length % 4096 !== 0)
    throw new RangeError(`--elements ${values.elements} is no multiple of 4096`);
  const device = await openDevice({ backend: "webgpu" });
  console.log(`${String(length)} elements on ${device.profile.name}, errors over the allowed ones`);
  const rows: string[][] = [];
  let isExact = true;
  try {
    for (const [name, make] of Object.entries(DATA)) {
      const data = make(length);
      const cells: string[] = [];
      for (const operation of OPERATIONS) {
        if (!`${operation.name} of ${name}`.includes(values.filter)) {
          cells.push("");
          continue;
        }
        const shape = operation.shape(length);
        const { graph } = trace((x) => operation.run(x), [f32(...shape)], { locate: false });
        using x = device.tensor(data, shape);
        const [result] = device.load(compileGraph(graph, { profile: device.profile })).run([x], {});
        const read = await result?.read();
        result?.dispose();
        const error = operation.judge(data, Array.isArray(read) ? read : Float64Array.from(read ?? []));
        cells.push(error.toFixed(3) + (error <= 1 ? "" : " !"));
        isExact &&= error <= 1;
      }
      rows.push([name, ...cells]);
      console.error(`${name} done`);
    }
  } finally {
    device.dispose();
  }
  const columns = OPERATIONS.map(({ name }) => ({ title: name, align: "right" as const }));
  console.log(printTable([{ title: "data" }, ...columns], rows).join("\n"));
  return isExact ? 0 : 1;
}

/** Calls kernels of a built module: in Node, in a page, in a worker. Imports types only, so it brings nothing along. */
import type { Device, Tensor } from "../../src/runtime-entry.ts";
import type { BuiltCall, BuiltResult } from "./norm-cases.ts";

export type BuiltModule = Readonly<Record<string, unknown>>;

export async function callBuilt(
  module: BuiltModule,
  device: Device,
  { name, inputs, scalars }: BuiltCall,
): Promise<BuiltResult> {
  const kernel = module[name] as (...args: readonly unknown[]) => Tensor | Readonly<Record<string, Tensor>>;
  const tensors = inputs.map(({ shape, values }) => device.tensor(values, shape));
  const made = kernel(...tensors, scalars);
  const results = isTensor(made) ? [made] : Object.values(made);
  const read = await Promise.all(results.map((result) => result.read()));
  for (const tensor of [...tensors, ...results]) tensor.dispose();
  return read.map((data) => Array.from(data, Number));
}

const isTensor = (result: Tensor | Readonly<Record<string, Tensor>>): result is Tensor =>
  typeof result.dtype === "string";

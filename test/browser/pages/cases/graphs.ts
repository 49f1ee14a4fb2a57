/** Compiles and runs graphs that the test sends as text. */
import { compileGraph, openDevice, parseGraph } from "tensorweft";
import type { Device, DType } from "tensorweft";
import { toNumbers, toTensorData } from "../../../support/host-values.ts";

export interface GraphRun {
  readonly graph: string;
  /** By name, in decimal text, which JSON has for nan and infinity as well. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
}

export interface GraphResult {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly values: readonly string[];
}

let opened: Promise<Device> | undefined;

export async function runGraph({ graph, inputs }: GraphRun): Promise<readonly GraphResult[]> {
  const device = await (opened ??= openDevice({ backend: "webgpu" }));
  const { plan } = compileGraph(parseGraph(graph), { profile: device.profile });
  const tensors = plan.inputs.map(({ name, shape, dtype }) =>
    device.tensor(toTensorData(dtype, (inputs[name] ?? []).map(Number)), shape, { dtype }),
  );
  const results = device.load({ plan }).run(tensors);
  const read = results.map(async (result, index): Promise<GraphResult> => {
    const { dtype, shape } = result;
    const values = Array.from(toNumbers(dtype, await result.read()), String);
    return { name: plan.outputs[index]?.name ?? "", dtype, shape, values };
  });
  const all = await Promise.all(read);
  for (const tensor of [...tensors, ...results]) tensor.dispose();
  return all;
}

export const countDispatches = async (): Promise<number> => (await opened)?.counters.dispatches ?? 0;

/**
 * Compiled kernels agree with PyTorch, on the adapter at hand: the whole way from library call to buffer. Once as the
 * adapter's own profile has it, once as a hardware GPU would run them: rows shared by a workgroup, vector loads.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compileGraph } from "../../src/compile.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { findProfile } from "../../src/ir/profile.ts";
import type { DeviceProfile } from "../../src/ir/profile.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { describeGpu } from "../support/gpu.ts";
import { toNumbers, toTensorData } from "../support/host-values.ts";
import {
  checkGradients,
  GOLDEN_GROUPS,
  GROUP_TIMEOUT,
  testConformance,
  testGradients,
} from "./conformance.ts";
import type { Backend, BackendOutput } from "./conformance.ts";
import { hasFullVectors, readFullGroup } from "./golden-data.ts";

const HARDWARE = "nvidia";

describeGpu("compiled for WebGPU", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    // Tests of this suite skip where there is no adapter; opening must not fail before they can.
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());

  const device = (): Device => {
    if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
    return opened;
  };
  const own: Backend = {
    name: "WebGPU",
    hasDriver: true,
    run: (graph, inputs) => runOnDevice(device(), device().profile, graph, inputs),
  };
  testConformance(own);
  testGradients(own);
  // Without the 650 cases of `norm`: barriers are slow on software adapters, and `sweep` has every row length. Twenty steps
  // in one graph take long to compile.
  const groups = Object.keys(GOLDEN_GROUPS).filter(
    (group) => group !== "norm" && group !== "weight_norm_second",
  );
  const hardware = {
    name: `WebGPU, scheduled as for ${HARDWARE}`,
    hasDriver: true,
    run: (graph: Graph, inputs: ReadonlyMap<string, ArrayLike<number>>) =>
      runOnDevice(device(), scheduleAsHardware(device().profile), graph, inputs),
  };
  testConformance(hardware, groups);
  testGradients(hardware, ["norm_layers", "custom"]);
  // The copy has no gradients of its largest cases.
  describe.skipIf(!hasFullVectors)("with the full vectors", () => {
    test.each([
      ["sweep", 52],
      ["big", 14],
    ])("gradients of %s", { timeout: GROUP_TIMEOUT }, async (group, count) => {
      const cases = readFullGroup(group).filter(({ gradients }) => gradients !== undefined);
      expect(await checkGradients(own, cases)).toEqual([]);
      expect(cases.length).toBe(count);
    });
  });
  test("kernels were dispatched", () => {
    expect(device().counters.dispatches).toBeGreaterThan(1200);
  });
});

/** What steers the choice of schedules is that of the hardware, what the adapter can do stays. */
function scheduleAsHardware(own: DeviceProfile): DeviceProfile {
  const hardware = findProfile(HARDWARE);
  if (hardware === undefined) throw new Error(`there is no profile ${HARDWARE}`);
  const { limits, features, subgroups } = own;
  return { ...hardware, limits, features, subgroups };
}

async function runOnDevice(
  device: Device,
  profile: DeviceProfile,
  graph: Graph,
  inputs: ReadonlyMap<string, ArrayLike<number>>,
): Promise<ReadonlyMap<string, BackendOutput>> {
  const { plan } = compileGraph(graph, { profile, check: true });
  const program = device.load({ plan });
  const tensors = plan.inputs.map(({ name, shape, dtype }) =>
    device.tensor(toTensorData(dtype, inputs.get(name) ?? []), shape, { dtype }),
  );
  const results = program.run(tensors);
  const outputs = new Map<string, BackendOutput>();
  for (const [i, result] of results.entries()) {
    const { dtype, shape } = result;
    const values = toNumbers(dtype, await result.read());
    outputs.set(plan.outputs[i]?.name ?? "", { dtype, shape, values });
  }
  for (const tensor of [...tensors, ...results]) tensor.dispose();
  return outputs;
}

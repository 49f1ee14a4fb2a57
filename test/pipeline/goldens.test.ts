/**
 * Programs that once went wrong, each named for what it is: a graph, the inputs that showed it (`; input: x = 1 2 3`, the
 * last number repeated; others random) and the oracle's results, through every stage on devices of different kinds.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { elementCount } from "../../src/ir/dtype.ts";
import type { Graph } from "../../src/ir/graph.ts";
import { interpretGraph } from "../../src/ir/interpret-graph.ts";
import { parseGraph } from "../../src/ir/parse-graph.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice } from "../../src/runtime/open-device.ts";
import { checkProgram } from "../support/check-program.ts";
import { listGoldens, testGoldens } from "../support/golden.ts";
import type { Golden } from "../support/golden.ts";
import { describeGpu } from "../support/gpu.ts";
import { profileNamed } from "../support/pipeline-golden.ts";
import type { RandomProgram } from "../support/random-graph.ts";
import { randomInputs } from "../support/random-values.ts";

const PROFILES = ["default", "nvidia", "swiftshader"];
const SHOWN = 12;

function readProgram(golden: Golden): RandomProgram {
  const graph = parseGraph(golden.input, golden.path);
  const inputs = new Map(randomInputs(graph, 1));
  for (const line of golden.header.get("input") ?? []) {
    const [name = "", values = ""] = line.split("=").map((part) => part.trim());
    const count = countOf(graph, name);
    const given = values.split(/ +/).map(Number);
    if (count === undefined || given.some((x) => Number.isNaN(x) && !values.includes("NaN")))
      throw new Error(`${golden.path}: "${line}" is no input`);
    inputs.set(
      name,
      Float64Array.from({ length: count }, (_, i) => given[Math.min(i, given.length - 1)] ?? 0),
    );
  }
  return { graph, inputs };
}

const countOf = (graph: Graph, name: string): number | undefined => {
  const node = graph.nodes.find((n) => (n.op === "param" || n.op === "scalar") && n.name === name);
  return node === undefined ? undefined : elementCount(node.type.shape);
};

testGoldens("pipeline", async (golden) => {
  const program = readProgram(golden);
  for (const name of PROFILES) {
    const { failures } = await checkProgram(program, { profile: profileNamed(name) });
    expect(failures, name).toEqual([]);
  }
  return [...interpretGraph(program.graph, program.inputs)]
    .map(([name, { values }]) => {
      const shown = [...values.slice(0, SHOWN)].map((x) =>
        String(Number.isInteger(x) ? x : Number(x.toPrecision(7))),
      );
      return `${name}: ${shown.join(" ")}${values.length > SHOWN ? " ..." : ""}`;
    })
    .join("\n");
});

describeGpu("test/golden/pipeline on WebGPU", () => {
  let opened: Device | undefined;
  beforeAll(async () => {
    // Tests of this suite skip where there is no adapter; opening must not fail before they can.
    opened = await openDevice({ backend: "webgpu" }).catch(() => undefined);
  });
  afterAll(() => opened?.dispose());

  describe.each(listGoldens("pipeline"))("$name", (golden) => {
    test("agrees with the oracle", async () => {
      if (opened === undefined) throw new Error("there is an adapter, but openDevice failed");
      const options = { profile: opened.profile, device: opened, interpretKernels: false };
      expect((await checkProgram(readProgram(golden), options)).failures).toEqual([]);
    });
  });
});

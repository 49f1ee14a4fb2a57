/** `weft run`: what it computes, binds, prints and writes, and that nothing is written when something is wrong. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  accessBytes,
  encodeSafetensors,
  openSafetensors,
  readTensor,
  type SafetensorsTensor,
} from "../../src/formats/safetensors.ts";
import { toBf16Bits, toF16Bits } from "../../src/ir/round.ts";
import { describeGpu } from "../support/gpu.ts";
import { makeFolder, runWeft } from "./run-weft.ts";

const NORMS = "test/data/cli/norms.weft";

const f32 = (shape: readonly number[], values: readonly number[]): SafetensorsTensor => ({
  dtype: "F32",
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});
const words = (dtype: "F16" | "BF16", values: readonly number[]): SafetensorsTensor => ({
  dtype,
  shape: [values.length],
  bytes: new Uint8Array(Uint16Array.from(values, dtype === "F16" ? toF16Bits : toBf16Bits).buffer),
});

/** Writes a file of these tensors into a folder of the running test. */
function writeInputs(tensors: Readonly<Record<string, SafetensorsTensor>>): {
  input: string;
  output: string;
  folder: string;
} {
  const folder = makeFolder();
  const input = join(folder, "in.safetensors");
  writeFileSync(input, encodeSafetensors(new Map(Object.entries(tensors))));
  return { folder, input, output: join(folder, "out.safetensors") };
}

async function readOutput(path: string): Promise<ReadonlyMap<string, SafetensorsTensor>> {
  const file = await openSafetensors(accessBytes(readFileSync(path)), path);
  const tensors = new Map<string, SafetensorsTensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await readTensor(file, name));
  return tensors;
}

const floatsOf = (tensor: SafetensorsTensor | undefined): readonly number[] => [
  ...new Float32Array(Uint8Array.from(tensor?.bytes ?? []).buffer),
];

/** Rows of norms 5 and 13, scaled to 10 and -1. */
const WEIGHTS = {
  "conv.weight_v": f32([2, 1, 2], [3, 4, 5, 12]),
  "conv.weight_g": f32([2, 1, 1], [10, -1]),
};
const RUN = ["run", NORMS, "--kernel", "weight_norm", "--bind", "v=conv.weight_v,g=conv.weight_g"];
const FOLDED = [6, 8, -5 / 13, -12 / 13];

describe("on the CPU", () => {
  test("computes, prints a line per result and writes the file", async () => {
    const { input, output, folder } = writeInputs(WEIGHTS);
    const run = await runWeft(...RUN, "--device", "cpu", "--in", input, "--out", output);
    expect(run).toMatchObject({ status: 0, err: "" });
    expect(run.out).toMatch(
      /^result +type +norm +time +device\nout +f32\[2,1,2\] +10\.0499 +\d+\.\d ms +cpu\nwritten to /,
    );
    const tensors = await readOutput(output);
    expect([...tensors.keys()]).toEqual(["out"]);
    expect(tensors.get("out")?.shape).toEqual([2, 1, 2]);
    expect(floatsOf(tensors.get("out"))).toEqual(FOLDED.map(Math.fround));
    expect(readdirSync(folder).sort()).toEqual(["in.safetensors", "out.safetensors"]);
  });

  test("--set reaches the kernel", async () => {
    const { input, output } = writeInputs(WEIGHTS);
    const argv = [...RUN, "--device", "cpu", "--in", input, "--out", output, "--set", "eps=5"];
    expect((await runWeft(...argv)).status).toBe(0);
    expect(floatsOf((await readOutput(output)).get("out"))[0]).toBe(3);
  });

  test("parameters bind to the tensors of their names, from several files", async () => {
    const first = writeInputs({ v: WEIGHTS["conv.weight_v"] });
    const second = writeInputs({ g: WEIGHTS["conv.weight_g"] });
    const argv = ["run", NORMS, "--kernel", "weight_norm", "--device", "cpu"];
    const run = await runWeft(...argv, "--in", first.input, "--in", second.input, "--out", first.output);
    expect(run.status).toBe(0);
    expect(floatsOf((await readOutput(first.output)).get("out"))[0]).toBe(6);
  });

  test("the only kernel need not be named, and every dtype comes back as its own", async () => {
    const cases: readonly (readonly [SafetensorsTensor, readonly number[]])[] = [
      [words("F16", [1, -0.5]), [toF16Bits(2), toF16Bits(-1)]],
      [words("BF16", [3, 0.25]), [toBf16Bits(6), toBf16Bits(0.5)]],
    ];
    for (const [x, expected] of cases) {
      const { input, output } = writeInputs({ x });
      const run = await runWeft(
        "run",
        "test/data/cli/double.weft",
        "--in",
        input,
        "--out",
        output,
        "--device",
        "cpu",
      );
      expect(run).toMatchObject({ status: 0, err: "" });
      const out = (await readOutput(output)).get("out");
      expect([out?.dtype, ...new Uint16Array(Uint8Array.from(out?.bytes ?? []).buffer)]).toEqual([
        x.dtype,
        ...expected,
      ]);
    }
  });

  test("several results are written under their names", async () => {
    const { input, output } = writeInputs({ x: f32([2, 2], [1, 3, -2, 2]) });
    const argv = ["run", NORMS, "--kernel", "moments", "--in", input, "--out", output, "--device", "cpu"];
    expect((await runWeft(...argv)).status).toBe(0);
    const tensors = await readOutput(output);
    expect(floatsOf(tensors.get("mean"))).toEqual([2, 0]);
    expect(floatsOf(tensors.get("power"))).toEqual([5, 4]);
  });
});

describe("mistakes end with status 1, say the way out, and leave the output alone", () => {
  async function complaint(
    tensors: Readonly<Record<string, SafetensorsTensor>>,
    ...argv: readonly string[]
  ): Promise<string> {
    const { input, output, folder } = writeInputs(tensors);
    writeFileSync(output, "as it was");
    const run = await runWeft("run", NORMS, "--device", "cpu", "--in", input, "--out", output, ...argv);
    expect(run).toMatchObject({ status: 1, out: "" });
    expect(readFileSync(output, "utf8")).toBe("as it was");
    expect(readdirSync(folder).sort()).toEqual(["in.safetensors", "out.safetensors"]);
    return run.err.replaceAll(`${folder}/`, "").trimEnd();
  }

  test("a misspelt tensor", async () => {
    const bind = ["--kernel", "weight_norm", "--bind", "v=conv.wieght_v,g=conv.weight_g"];
    expect(await complaint(WEIGHTS, ...bind)).toBe(
      "error[missing-tensor]: in.safetensors has no tensor conv.wieght_v, which parameter v is bound to\n" +
        "  help: did you mean conv.weight_v?",
    );
  });

  test("a parameter without a tensor, and one that does not exist", async () => {
    expect(
      await complaint(WEIGHTS, "--kernel", "weight_norm", "--bind", "w=conv.weight_v,g=conv.weight_g"),
    ).toBe(
      "error[unknown-argument]: kernel weight_norm has no tensor parameter w\n" +
        "  help: its tensor parameters are v, g\n\n" +
        "error[missing-tensor]: in.safetensors has no tensor v, and parameter v is bound to no other\n" +
        "  help: pass --bind v=TENSOR; there are conv.weight_g, conv.weight_v",
    );
  });

  test("a dtype that WebGPU lacks", async () => {
    const x: SafetensorsTensor = { dtype: "F64", shape: [1, 1], bytes: new Uint8Array(8) };
    expect(await complaint({ x }, "--kernel", "moments")).toBe(
      "error[unsupported-dtype]: tensor x of in.safetensors is F64, which WebGPU cannot compute with\n" +
        "  help: convert it first: F32, F16, BF16, I32, U32 and BOOL are supported",
    );
  });

  test("a dtype other than the declared one, unless --dtype says so", async () => {
    const x: SafetensorsTensor = { ...words("F16", [1, 2]), shape: [1, 2] };
    expect(await complaint({ x }, "--kernel", "moments")).toContain(
      "error[dtype-mismatch]: x is declared f32 but given as f16",
    );
    const { input } = writeInputs({ x });
    const argv = ["run", NORMS, "--kernel", "moments", "--device", "cpu", "--in", input, "--dtype", "f16"];
    expect((await runWeft(...argv)).status).toBe(0);
  });

  test("scalars that are missing or unknown", async () => {
    const x = f32([1, 2], [1, 2]);
    expect(await complaint({ x }, "--kernel", "scale")).toBe(
      "error[wrong-argument]: scalar factor of kernel scale has no value\n  help: pass --set factor=NUMBER",
    );
    expect(await complaint({ x }, "--kernel", "scale", "--set", "facter=2")).toBe(
      "error[unknown-argument]: kernel scale has no scalar facter\n  help: did you mean factor?",
    );
  });

  test("the output is an input", async () => {
    const { input } = writeInputs(WEIGHTS);
    const before = readFileSync(input);
    const run = await runWeft(...RUN, "--device", "cpu", "--in", input, "--out", input);
    expect(run.status).toBe(1);
    expect(run.err).toContain("would replace the input");
    expect(readFileSync(input)).toEqual(before);
  });

  test("the output cannot be written", async () => {
    const { input, folder } = writeInputs(WEIGHTS);
    const run = await runWeft(
      ...RUN,
      "--device",
      "cpu",
      "--in",
      input,
      "--out",
      join(folder, "no", "out.safetensors"),
    );
    expect(run).toMatchObject({ status: 1, out: "" });
    expect(run.err).toContain("there is no such file or folder");
    expect(readdirSync(folder)).toEqual(["in.safetensors"]);
  });
});

describeGpu("weft run on WebGPU", (gpu) => {
  test("gives what the CPU gives", async () => {
    expect(gpu().device).toBeDefined();
    const { input, output } = writeInputs(WEIGHTS);
    const run = await runWeft(...RUN, "--device", "webgpu", "--in", input, "--out", output);
    expect(run).toMatchObject({ status: 0, err: "" });
    expect(run.out).toContain("webgpu (");
    const results = floatsOf((await readOutput(output)).get("out"));
    FOLDED.forEach((expected, i) => expect(results[i]).toBeCloseTo(expected, 5));
  });

  test("weft devices shows the adapter", async () => {
    const run = await runWeft("devices");
    expect(run).toMatchObject({ status: 0, err: "" });
    for (const title of ["vendor", "profile", "features", "workgroup"])
      expect(run.out).toContain(`  ${title} `);
    expect(run.out).toContain(gpu().adapter.info.vendor);
  });
});

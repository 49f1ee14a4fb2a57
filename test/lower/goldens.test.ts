/** Kernels as text, one per fusion group, each under the schedule that the profile's device gets; verified, interpreted. */
import { printKernel } from "../../src/ir/print-kernel.ts";
import { testGoldens } from "../support/golden.ts";
import { compileGolden } from "../support/pipeline-golden.ts";

testGoldens("lower", async (golden) => {
  const { kernels } = await compileGolden(golden);
  return kernels.map(({ kernel }) => printKernel(kernel)).join("\n");
});

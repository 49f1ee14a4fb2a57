/**
 * The whole contract of numbers on the adapter at hand: `npm run numerics`. Every function of the library, with every strategy, on
 * f32, f16 and bf16; prints what is wrong, and which functions needed an excuse (test/numerics/contract.ts). Exits with 1 where
 * something is wrong.
 */
import { openDevice } from "../src/runtime/open-device.ts";
import { checkContract, type Run } from "../test/numerics/check-contract.ts";
import { FUNCTIONS } from "../test/numerics/numeric-functions.ts";
import { STRATEGY_NAMES } from "../test/numerics/strategies.ts";

const runs = (["f32", "f16", "bf16"] as const).flatMap((dtype) =>
  FUNCTIONS.flatMap(({ isPointwise }, fn) =>
    STRATEGY_NAMES.slice(0, isPointwise === true ? 1 : undefined).map((strategy): Run => [
      dtype,
      strategy,
      fn,
    ]),
  ),
);
const device = await openDevice({ backend: "webgpu" });
const { complaints, excused, programs } = await checkContract(device, runs);
for (const [excuse, functions] of excused) console.log(`${excuse}: ${[...functions].join("; ")}`);
for (const complaint of complaints) console.log(complaint);
console.log(`${String(programs)} programs, ${String(complaints.length)} numbers that are wrong`);
if (complaints.length > 0) process.exitCode = 1;
device.dispose();

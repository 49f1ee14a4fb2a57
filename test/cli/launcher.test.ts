/** The command as a user starts it: through the launcher, in a process of its own. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

function weft(...argv: readonly string[]): {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
} {
  const env = { ...process.env, TENSORWEFT_ADAPTER: "none" };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["bin/weft.mjs", ...argv], {
    encoding: "utf8",
    env,
  });
  return { status, out: stdout, err: stderr };
}

test("explain runs without any device and prints plain text into a pipe", () => {
  const run = weft("explain", "test/data/cli/norms.weft", "--kernel", "weight_norm", "--dim", "O=8,I=4,K=3");
  expect(run.err).toBe("");
  expect(run.status).toBe(0);
  expect(run.out).toMatch(/^weight_norm for default: 1 dispatch, /);
  expect(run.out).not.toContain("\u001b");
});

test("the exit status tells a mistake in the program from one in the command line", () => {
  const mistake = weft("check", "test/data/cli/mistakes.weft");
  expect(mistake.status).toBe(1);
  expect(mistake.err).toContain(
    "test/data/cli/mistakes.weft:1:27: error[unknown-name]: unknown name wieght\n",
  );
  expect(mistake.err).not.toContain("\u001b");
  expect(weft("check").status).toBe(2);
});

/**
 * Starts a script of this checkout on a Node that runs TypeScript sources, with a WebGPU adapter if asked for one.
 *
 *     node scripts/launch.mjs [--gpu] FILE [ARGUMENT...]
 *
 * The child resolves `import … from "tensorweft"` to src/ (the "tensorweft-source" condition in package.json), so
 * examples and tools run unbuilt and read as a user's program does.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gpuEnvironment } from "./software-gpu.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const CONDITION = "--conditions=tensorweft-source";

/** The first Node that runs .ts files without a flag or a warning on every path that we use. */
const OLDEST_NODE = [22, 18];

/** @returns {string} the running Node where it is new enough, else the one that `npm ci` installed */
export function findNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = OLDEST_NODE;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return process.execPath;
  const local = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  if (existsSync(local)) return local;
  throw new Error(
    `Node ${process.versions.node} does not run TypeScript: run \`npm ci\` here, which brings Node 24, or install Node 24`,
  );
}

/**
 * Runs a script to its end and gives its exit status.
 *
 * @param {readonly string[]} command the script and its arguments
 * @param {{ gpu: boolean }} options
 * @returns {Promise<number>}
 */
export async function launch(command, { gpu }) {
  const node = findNode();
  const env = gpu ? await gpuEnvironment(process.env, node) : process.env;
  // Through NODE_OPTIONS rather than an argument, because vitest's workers and run-examples start further processes.
  const options = env["NODE_OPTIONS"] ?? "";
  const nodeOptions = options.includes(CONDITION) ? options : `${options} ${CONDITION}`.trim();
  const child = spawn(node, command, { stdio: "inherit", env: { ...env, NODE_OPTIONS: nodeOptions } });
  // A terminal sends Ctrl-C to both processes: this one waits for what the child makes of it.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => {
      resolve(status ?? 1);
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [first, ...rest] = process.argv.slice(2);
  const gpu = first === "--gpu";
  const command = gpu || first === undefined ? rest : [first, ...rest];
  try {
    if (command.length === 0) throw new Error("usage: node scripts/launch.mjs [--gpu] FILE [ARGUMENT...]");
    process.exitCode = await launch(command, { gpu });
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}

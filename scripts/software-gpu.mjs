/**
 * A WebGPU adapter for tests, examples and the CLI in a checkout, on machines without a GPU as well.
 *
 * The npm package `webgpu` (Dawn) needs a Vulkan, Metal or D3D12 driver. Where there is none, on Linux x64, the dev
 * dependency @sparticuz/chromium brings SwiftShader, a Vulkan driver that runs on the CPU, and the Vulkan loader.
 * They are unpacked once into the user's cache folder. The loader is found through LD_LIBRARY_PATH, which the
 * dynamic linker reads when a process starts: hence an environment for a child (see launch.mjs), not a function that
 * opens a device.
 *
 * Plain JavaScript: `npx weft` comes here on a Node that may not strip types.
 */
import { spawnSync } from "node:child_process";
import { createReadStream, createWriteStream, existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { createBrotliDecompress } from "node:zlib";

/** @typedef {Record<string, string | undefined>} Environment */

const root = fileURLToPath(new URL("..", import.meta.url));
const archives = join(root, "node_modules", "@sparticuz", "chromium");

/**
 * Ends with 0 where Dawn finds an adapter; a child, because drivers are chosen by the environment of a process. The
 * instance is kept on globalThis: were the garbage collector to take it, Dawn would crash.
 */
const PROBE = `
  import { create } from "webgpu";
  globalThis.instance = create([]);
  const adapter = await globalThis.instance.requestAdapter();
  process.exit(adapter ? 0 : 1);
`;

/**
 * The environment in which a child process finds a WebGPU adapter if this machine can offer one.
 *
 * - TENSORWEFT_ADAPTER=none hides every Vulkan driver, to try the paths for machines without a GPU.
 * - TENSORWEFT_ADAPTER=software takes SwiftShader although there is a GPU.
 * - VK_ICD_FILENAMES or VK_DRIVER_FILES, if set, choose the driver (lavapipe, say) and are left alone.
 * - Otherwise the machine's own adapter serves, and SwiftShader where there is none.
 *
 * @param {Environment} env
 * @param {string} node the Node that will run the child
 * @returns {Promise<Environment>}
 */
export async function gpuEnvironment(env, node) {
  const choice = env["TENSORWEFT_ADAPTER"] ?? "";
  if (choice === "none") return { ...env, VK_ICD_FILENAMES: "/dev/null", VK_DRIVER_FILES: "/dev/null" };
  if (choice !== "" && choice !== "software")
    throw new Error(`TENSORWEFT_ADAPTER is "${choice}": set it to "none" or "software", or unset it`);
  if (choice === "" && (env["VK_ICD_FILENAMES"] ?? env["VK_DRIVER_FILES"]) !== undefined) return env;
  if (choice === "" && hasAdapter(env, node)) return env;
  if (!hasSoftwareGpu()) {
    if (choice === "software")
      throw new Error("the software GPU needs Linux on x64, and `npm ci` with dev dependencies");
    return env;
  }
  const folder = await unpackSwiftShader(env);
  const libraries = [folder, ...(env["LD_LIBRARY_PATH"] ?? "").split(delimiter)].filter(
    (path) => path !== "",
  );
  return {
    ...env,
    LD_LIBRARY_PATH: [...new Set(libraries)].join(delimiter),
    VK_ICD_FILENAMES: join(folder, "vk_swiftshader_icd.json"),
  };
}

/**
 * @param {Environment} env
 * @param {string} node
 */
function hasAdapter(env, node) {
  const { status } = spawnSync(node, ["--input-type=module", "--eval", PROBE], {
    cwd: root,
    env,
    stdio: "ignore",
  });
  return status === 0;
}

function hasSoftwareGpu() {
  return process.platform === "linux" && process.arch === "x64" && existsSync(archives);
}

/**
 * SwiftShader and the Vulkan loader, unpacked.
 *
 * @param {Environment} env
 * @returns {Promise<string>} the folder that holds libvulkan.so.1, libvk_swiftshader.so and vk_swiftshader_icd.json
 */
export function unpackSwiftShader(env) {
  // Chromium's libEGL and libGLESv2 lie in the same archive; on LD_LIBRARY_PATH they would shadow the system's.
  return unpackOnce(env, "swiftshader", (folder) =>
    untar("swiftshader", folder, (path) => !/libEGL|libGLES/.test(path)),
  );
}

/**
 * Headless Chromium with SwiftShader, fonts and the system libraries that bare machines lack, unpacked.
 *
 * @param {Environment} env
 * @returns {Promise<{ executable: string, libraries: string, fonts: string }>} put `libraries` on
 *   LD_LIBRARY_PATH, and set FONTCONFIG_PATH to `fonts`
 */
export async function unpackChromium(env) {
  if (!hasSoftwareGpu())
    throw new Error("the bundled Chromium needs Linux on x64, and `npm ci` with dev dependencies");
  const folder = await unpackOnce(env, "chromium", async (target) => {
    await untar("swiftshader", target); // Chromium looks for its drivers beside itself
    await untar("al2023", target);
    await untar("fonts", target);
    const executable = join(target, "chromium");
    await pipeline(readArchive("chromium.br"), createBrotliDecompress(), createWriteStream(executable));
    await chmod(executable, 0o755);
  });
  return {
    executable: join(folder, "chromium"),
    libraries: join(folder, "lib"),
    fonts: join(folder, "fonts"),
  };
}

/**
 * Fills a cache folder once per machine and package version. The folder appears by a rename when it is complete, so
 * that concurrent processes and killed ones never leave half of it.
 *
 * @param {Environment} env
 * @param {string} name
 * @param {(folder: string) => Promise<void>} fill
 * @returns {Promise<string>}
 */
async function unpackOnce(env, name, fill) {
  const manifest = /** @type {unknown} */ (JSON.parse(readFileSync(join(archives, "package.json"), "utf8")));
  const { version } = /** @type {{ version: string }} */ (manifest);
  const xdg = env["XDG_CACHE_HOME"] ?? "";
  const cache = xdg === "" ? join(homedir(), ".cache") : xdg;
  const parent = join(cache, "tensorweft", `chromium-${version}`);
  const folder = join(parent, name);
  if (existsSync(folder)) return folder;
  await mkdir(parent, { recursive: true }).catch((/** @type {unknown} */ cause) => {
    throw new Error(`cannot create ${parent}: set XDG_CACHE_HOME to a folder that can be written`, { cause });
  });
  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    await fill(unfinished);
    await chmod(unfinished, 0o755); // mkdtemp makes folders private
    await rename(unfinished, folder);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Another process was faster: its folder is as good as ours.
    if (!existsSync(folder)) throw error;
  }
  return folder;
}

/**
 * @param {string} archive
 * @param {string} folder
 * @param {(path: string) => boolean} keep
 */
async function untar(archive, folder, keep = () => true) {
  const tar = await import("tar"); // late: without dev dependencies this module still loads
  await pipeline(
    readArchive(`${archive}.tar.br`),
    createBrotliDecompress(),
    tar.extract({ cwd: folder, strict: true, filter: keep }),
  );
}

/** @param {string} file */
function readArchive(file) {
  return createReadStream(join(archives, "bin", file));
}

/**
 * The headless Chromium of the dev dependency @sparticuz/chromium, with WebGPU on SwiftShader: no GPU and no system package
 * is needed, and nothing is downloaded but by `npm ci`.
 */
import { type Browser, chromium } from "playwright-core";
import { unpackChromium } from "../../scripts/software-gpu.mjs";

const FLAGS: readonly string[] = [
  "--headless=new",
  "--no-sandbox", // containers give no namespaces to build a sandbox of
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--js-flags=--wasm-lazy-compilation --no-wasm-tier-up", // compiling all of another library's megabytes takes a minute
];

/** Why this machine cannot run the bundled Chromium, or null. */
export const NO_CHROMIUM: string | null =
  process.platform === "linux" && process.arch === "x64"
    ? null
    : "the bundled Chromium runs on Linux x64 only";

export async function launchChromium(flags: readonly string[] = []): Promise<Browser> {
  const { executable, libraries, fonts } = await unpackChromium(process.env);
  // Of the environment only what it needs: this process may point the Vulkan loader at another driver.
  const { HOME = "/tmp", PATH = "" } = process.env;
  const env = { HOME, PATH, LD_LIBRARY_PATH: libraries, FONTCONFIG_PATH: fonts };
  return chromium.launch({ executablePath: executable, args: [...FLAGS, ...flags], env });
}

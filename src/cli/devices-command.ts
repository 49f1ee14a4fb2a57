/** `weft devices`: the adapters that WebGPU offers here, with the profile that each is compiled for. */
import { type AdapterSummary, calibrateAdapter, listAdapters } from "../adapters.ts";
import type { DeviceProfile } from "../ir/profile.ts";
import { printBytes } from "../ir/print-bytes.ts";
import type { Terminal } from "./terminal.ts";

const orUnknown = (text: string): string => (text === "" ? "?" : text);

const WIDTH = 84;
const INDENT = " ".repeat(13);

/** Words with commas between them, in lines of at most `WIDTH` characters. */
function wrapWords(words: readonly string[]): string {
  const lines = [""];
  words.forEach((word, index) => {
    const text = index < words.length - 1 ? `${word},` : word;
    const line = lines.at(-1) ?? "";
    if (line === "") lines[lines.length - 1] = text;
    else if (line.length + text.length < WIDTH) lines[lines.length - 1] = `${line} ${text}`;
    else lines.push(text);
  });
  return lines.join(`\n${INDENT}`);
}

function printAdapter({
  vendor,
  architecture,
  device,
  description,
  software,
  features,
  profile,
}: AdapterSummary): string {
  const { limits, subgroups } = profile;
  const lines: readonly (readonly [string, string])[] = [
    ["vendor", [vendor, architecture, device].filter((part) => part !== "").join(", ")],
    ["kind", software ? "software (runs on the CPU)" : "GPU"],
    ["profile", profile.name],
    ["features", features.length === 0 ? "none" : wrapWords(features)],
    ["subgroups", subgroups === null ? "none" : `${subgroups[0]} to ${subgroups[1]} invocations`],
    [
      "workgroup",
      `${limits.maxComputeInvocationsPerWorkgroup} invocations, ${printBytes(limits.maxComputeWorkgroupStorageSize)}`,
    ],
    ["grid", `${limits.maxComputeWorkgroupsPerDimension} workgroups per dimension`],
    [
      "buffers",
      `${limits.maxStorageBuffersPerShaderStage} per kernel, ${printBytes(limits.maxStorageBufferBindingSize)} each`,
    ],
  ];
  return [
    orUnknown(description),
    ...lines.map(([title, text]) => `  ${title.padEnd(9)}  ${orUnknown(text)}`),
  ].join("\n");
}

/** The costs that `openDevice({ calibrate: true })` will find. */
function printCosts({ copyGBps, usefulWorkgroups, launchUs, barrierUs }: DeviceProfile): string {
  return [
    "measured and kept for openDevice({ calibrate: true }):",
    `  copy        ${copyGBps} GB/s, read and written`,
    `  workgroups  ${usefulWorkgroups} of 256 invocations fill the device`,
    `  dispatch    ${launchUs} us`,
    `  barrier     ${barrierUs} us`,
  ].join("\n");
}

/** Runs the command. */
export async function showDevices(
  terminal: Terminal,
  { calibrate = false }: { readonly calibrate?: boolean } = {},
): Promise<void> {
  const adapters = await listAdapters();
  if (adapters.length === 0) {
    terminal.write("WebGPU offers no adapter here; programs run on the CPU (--device cpu)\n");
    return;
  }
  terminal.write(`${adapters.map(printAdapter).join("\n\n")}\n`);
  if (calibrate) terminal.write(`\n${printCosts(await calibrateAdapter())}\n`);
}

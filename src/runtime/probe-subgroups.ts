/**
 * Tests how a device numbers the lanes of its subgroups, which WGSL leaves open and reductions in subgroups rely on: they
 * have to be neighbours in the workgroup, start at a multiple of the subgroup's size, and be counted in that order.
 *
 * Two kernels, one whose workgroup ends with part of a subgroup, ask each lane for its place, for the first lane of its
 * subgroup, and for its neighbour across an exchange. A third asks for subgroups of the size that the profile would have
 * kernels ask for.
 *
 * Ensures: never throws. A device that numbers lanes otherwise loses "subgroups" from its profile, so that its kernels use trees
 *          and plans made for other profiles are refused; one that refuses the size has kernels take what they get. A device
 *          that computes nothing (Dawn's null backend) and one that is lost meanwhile keep what they claim.
 */
import type { DeviceProfile } from "../ir/profile.ts";
import { BUFFER_USAGE, COMPUTE_STAGE, MAP_READ } from "./gpu-flags.ts";

export interface SubgroupFindings {
  /** Whether lanes are numbered as kernels need it; null where nothing could be seen. */
  readonly isLinear: boolean | null;
  /** Whether the language of shaders has `subgroup_id`. */
  readonly hasId: boolean;
  /** Whether kernels get the size of subgroups that they ask for. */
  readonly takesSize: boolean;
}

/** Nothing is known beyond what the adapter says of itself. */
const UNSEEN: SubgroupFindings = { isLinear: null, hasId: false, takesSize: true };

/** The profile with what a test has shown. */
export function applyFindings(profile: DeviceProfile, found: SubgroupFindings): DeviceProfile {
  if (profile.subgroups === null) return profile;
  if (found.isLinear === false)
    return {
      ...profile,
      features: profile.features.filter((feature) => !feature.startsWith("subgroup")),
      subgroups: null,
      subgroupSize: null,
    };
  return {
    ...profile,
    features: found.hasId ? [...profile.features, "subgroup_id"] : profile.features,
    subgroupSize: found.takesSize ? profile.subgroupSize : null,
  };
}

/** Words that each lane writes: size, own index, first lane, lane across an exchange of one bit, subgroup, and a mark. */
const WORDS = 6;
const MARK = 0x5eed;
/** Whole subgroups of every size; and no multiple of a size above 8. */
const SIZES = [128, 72] as const;

export async function probeSubgroups(gpu: GPUDevice, profile: DeviceProfile): Promise<SubgroupFindings> {
  if (profile.subgroups === null) return UNSEEN;
  const bounds = profile.subgroups;
  const run = (lanes: number, hasId: boolean, size?: number): Promise<Uint32Array | null> =>
    runProbe(gpu, lanes, writeProbe(lanes, hasId, size));
  try {
    const asked = profile.subgroupSize;
    const runAll = (hasId: boolean): Promise<readonly (Uint32Array | null)[]> =>
      Promise.all([
        run(SIZES[0], hasId),
        run(SIZES[1], hasId),
        asked === null ? null : run(SIZES[0], hasId, asked),
      ]);
    const withId = await runAll(true); // all at once: what opens a device waits for them
    const hasId = withId[0] !== null;
    const [first = null, second = null, sized = null] = hasId ? withId : await runAll(false);
    const takesSize =
      sized !== null && (isSilent(sized) || (sized[0] === asked && isLinear(sized, bounds, hasId)));
    if (first === null || second === null) return { ...UNSEEN, takesSize };
    if (isSilent(first)) return { isLinear: null, hasId, takesSize };
    return { isLinear: isLinear(first, bounds, hasId) && isLinear(second, bounds, hasId), hasId, takesSize };
  } catch {
    return UNSEEN; // a device that is lost meanwhile says so in the first real call
  }
}

/** The kernel has not run. */
const isSilent = (words: Uint32Array): boolean => words[WORDS - 1] !== MARK;

/** Whether what the lanes have written is what kernels rely on. */
export function isLinear(
  words: Uint32Array,
  [least, most]: readonly [number, number],
  hasId: boolean,
): boolean {
  const lanes = words.length / WORDS;
  for (let lane = 0; lane < lanes; lane++) {
    const [size = 0, own, first, across, id] = words.subarray(lane * WORDS, (lane + 1) * WORDS);
    if (size !== words[0] || size < least || size > most || !Number.isInteger(Math.log2(size))) return false;
    if (own !== lane % size || first !== lane - own) return false;
    if (across !== (lane ^ 1)) return false;
    if (hasId && id !== Math.floor(lane / size)) return false;
  }
  return true;
}

function writeProbe(lanes: number, hasId: boolean, size: number | undefined): string {
  const enables = ["enable subgroups;", ...(size === undefined ? [] : ["enable subgroup_size_control;"])];
  const attribute = size === undefined ? "" : ` @subgroup_size(${String(size)})`;
  return `${enables.join("\n")}
@group(0) @binding(0) var<storage, read_write> words: array<u32, ${String(lanes * WORDS)}>;
@compute @workgroup_size(${String(lanes)})${attribute}
fn main(@builtin(local_invocation_index) lane: u32, @builtin(subgroup_size) size: u32,
        @builtin(subgroup_invocation_id) own: u32${hasId ? ", @builtin(subgroup_id) id: u32" : ""}) {
  let first = subgroupBroadcastFirst(lane);
  let across = subgroupShuffleXor(lane, 1u);
  let at = lane * ${String(WORDS)}u;
  words[at] = size;
  words[at + 1u] = own;
  words[at + 2u] = first;
  words[at + 3u] = across;
  words[at + 4u] = ${hasId ? "id" : "0u"};
  words[at + 5u] = ${String(MARK)}u;
}
`;
}

/** What the kernel writes, or null where the device refuses it. */
async function runProbe(gpu: GPUDevice, lanes: number, code: string): Promise<Uint32Array | null> {
  const bytes = 4 * lanes * WORDS;
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ label: "tensorweft subgroups", code });
  const layout = gpu.createBindGroupLayout({
    entries: [{ binding: 0, visibility: COMPUTE_STAGE, buffer: { type: "storage" } }],
  });
  const made = gpu
    .createComputePipelineAsync({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    })
    .catch(() => null);
  const [refused, pipeline] = await Promise.all([gpu.popErrorScope(), made]);
  if (refused !== null || pipeline === null) return null;
  const words = gpu.createBuffer({ size: bytes, usage: BUFFER_USAGE.storage | BUFFER_USAGE.copySrc });
  const readback = gpu.createBuffer({ size: bytes, usage: BUFFER_USAGE.mapRead | BUFFER_USAGE.copyDst });
  try {
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      gpu.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: words } }] }),
    );
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(words, 0, readback, 0, bytes);
    gpu.queue.submit([encoder.finish()]);
    await readback.mapAsync(MAP_READ);
    return new Uint32Array(readback.getMappedRange().slice(0));
  } finally {
    words.destroy();
    readback.destroy();
  }
}

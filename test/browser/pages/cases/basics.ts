/** The package as a user of a browser meets it. */
import { jit, layerNorm, openDevice, sum, TensorweftError, weightNorm } from "tensorweft";
import type { OpenDeviceOptions, Tensor, TracedTensor } from "tensorweft";
import { callable, loadText, weft } from "tensorweft/text";

/** Short enough to be written down; what kernels give exactly is the matter of golden data. */
const round = async (tensor: Tensor | undefined): Promise<readonly number[]> =>
  Array.from((await tensor?.read()) ?? [], (value) => Math.round(value * 1e4) / 1e4);

export async function describeDevice() {
  using device = await openDevice({ backend: "webgpu" });
  return {
    backend: device.backend,
    isSoftware: device.profile.software,
    hasGpuDevice: device.gpuDevice instanceof GPUDevice,
    hasDocument: typeof document === "object",
    hasProcess: "process" in globalThis,
  };
}

/** Weight norm of [[3, 4], [0, 2]] with gains 10 and -1, in every way that it can be written. */
export async function normalize() {
  using device = await openDevice({ backend: "webgpu" });
  const v = device.tensor([3, 4, 0, 2], [2, 2]);
  const g = device.tensor([10, -1], [2, 1]);
  const traced = jit((v: TracedTensor, g: TracedTensor) =>
    g.mul(v).div(sum(v.mul(v), { axis: 1, keepdims: true }).sqrt()),
  );
  const library = jit((v: TracedTensor, g: TracedTensor) => weightNorm(v, g));
  const text = loadText("kernel w(v: f32[N, M], g: f32[N, 1]) = g * v / norm(v, axis=1, keepdims=true)");
  const template = callable(weft`(v, g) => g * v / norm(v, axis=1, keepdims=true)`);
  return {
    traced: await round(traced(v, g)),
    library: await round(library(v, g)),
    text: await round(text["w"]?.([v, g])[0]),
    template: await round(template([v, g])[0]),
    dispatches: device.counters.dispatches,
  };
}

/** What opening gives with these options: the backend, what it computes and its warnings; or the error. */
export async function open(options: OpenDeviceOptions) {
  const warnings: string[] = [];
  return await describeErrors(async () => {
    using device = await openDevice({ ...options, warn: (message) => void warnings.push(message) });
    const y = jit((x: TracedTensor) => layerNorm(x, { normalizedShape: [2] }))(device.tensor([1, 3], [1, 2]));
    return { backend: device.backend, result: await round(y), warnings };
  });
}

/** Mistakes of each kind: of shapes, of text, of tensors' lives. */
export async function makeMistakes() {
  using device = await openDevice({ backend: "webgpu" });
  const x = device.tensor([1, 2]);
  const disposed = device.tensor([1]);
  disposed.dispose();
  return await Promise.all([
    describeErrors(() => jit((a: TracedTensor, b: TracedTensor) => a.add(b))(x, device.tensor([1, 2, 3]))),
    describeErrors(() => loadText("kernel w(x: f32[N]) = sqroot(x)")),
    describeErrors(() => disposed.read()),
  ]);
}

async function describeErrors<R>(act: () => R | Promise<R>) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    return error.diagnostics.map(({ code, message, help, span }) => ({ code, message, help, span }));
  }
}

/** Takes `navigator.gpu` away, as in browsers without WebGPU and on pages that are no secure context. */
export function hideGpu(): void {
  Object.defineProperty(navigator, "gpu", { value: undefined });
}

/** "refused" where the page's policy is in force. */
export function makeCode(): string {
  try {
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- that it fails is the point
    return String((new Function("return 1") as () => number)());
  } catch (error) {
    return error instanceof EvalError ? "refused" : String(error);
  }
}

/**
 * The errors of running programs: each names what failed and the way out. Errors that come late (a kernel does not
 * compile, the device is lost) are made here without a place, since no caller is on the stack any more.
 */
import { captureCallSite } from "../diagnostics/call-site.ts";
import { errorAt, type Note, TensorweftError } from "../diagnostics/diagnostic.ts";

export function gpuError(message: string, notes: readonly Note[] = [], cause?: unknown): TensorweftError {
  const help =
    "if the kernel was generated, this is a bug of tensorweft or of the driver: please report it with the program";
  return new TensorweftError([errorAt("gpu-error", message, { notes, help })], { cause });
}

export function deviceLost(reason: string): TensorweftError {
  return new TensorweftError([
    errorAt("device-lost", `the GPU device was lost: ${reason}`, {
      help: "open a new device with openDevice() and make the tensors again; results that were already read are valid",
    }),
  ]);
}

export function deviceDisposed(): TensorweftError {
  return new TensorweftError([
    errorAt("device-lost", "the device was disposed", {
      span: captureCallSite(),
      help: "await all reads before dispose(), or open a new device",
    }),
  ]);
}

/** `inUse` and `freed` (bytes of tensors, and of idle buffers that were destroyed to make room) where they are known. */
export function outOfMemory(
  what: string,
  { bytes, inUse, freed = 0 }: { readonly bytes: number; readonly inUse?: number; readonly freed?: number },
): TensorweftError {
  const others = inUse === undefined ? "" : `, beside ${formatBytes(inUse)} in use on this device`;
  const attempt = freed === 0 ? "" : `; ${formatBytes(freed)} of idle buffers were freed for it`;
  return new TensorweftError([
    errorAt(
      "too-large",
      `the GPU is out of memory: no ${formatBytes(bytes)} left for ${what}${others}${attempt}`,
      {
        help: "dispose tensors that are no longer needed, or work in smaller pieces",
      },
    ),
  ]);
}

export function disposedCall(program: string): TensorweftError {
  return new TensorweftError([
    errorAt("wrong-argument", `a bound call of @${program} was used after dispose()`, {
      span: captureCallSite(),
      help: "bind it again",
    }),
  ]);
}

export function tooLarge(message: string, help: string): TensorweftError {
  return new TensorweftError([errorAt("too-large", message, { span: captureCallSite(), help })]);
}

export function disposedTensor(label: string): TensorweftError {
  return new TensorweftError([
    errorAt("disposed-tensor", `${label} was used after dispose()`, {
      span: captureCallSite(),
      help: "dispose it after its last use; a `using` declaration does so at the end of its block",
    }),
  ]);
}

export function wrongDevice(tensor: {
  readonly label: string;
  readonly device: { readonly backend: string };
}): TensorweftError {
  return new TensorweftError([
    errorAt("wrong-device", `${tensor.label} lives on another device (backend "${tensor.device.backend}")`, {
      span: captureCallSite(),
      help: "make it on the device that runs the program: device.tensor(await t.read(), t.shape, { dtype: t.dtype })",
    }),
  ]);
}

export function noAdapter(reason: string, where: "node" | "browser"): TensorweftError {
  const mend =
    where === "node"
      ? "install a GPU driver (Vulkan, Metal or Direct3D 12)"
      : "serve the page over https or from localhost, to a browser that has WebGPU switched on";
  return new TensorweftError([
    errorAt("no-adapter", `there is no WebGPU adapter: ${reason}`, {
      span: captureCallSite(),
      help: `use backend "auto" or "cpu" to run on the CPU, or ${mend}`,
    }),
  ]);
}

/** Sizes are given exactly below a KiB and to one digit above. */
export function formatBytes(bytes: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = "bytes";
  for (const next of units) {
    if (size < 1024) break;
    size /= 1024;
    unit = next;
  }
  return `${Number.isInteger(size) ? size : size.toFixed(1)} ${unit}`;
}

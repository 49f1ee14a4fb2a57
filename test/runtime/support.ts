/** What the runtime's tests share: devices of their own on the worker's GPU, and errors as data. */
import { onTestFinished } from "vitest";
import { type DiagnosticCode, TensorweftError } from "../../src/diagnostics/diagnostic.ts";
import type { Device } from "../../src/runtime/device.ts";
import { openDevice, type OpenDeviceOptions } from "../../src/runtime/open-device.ts";

/** Opens a WebGPU device for this test, and disposes it afterwards. */
export async function openForTest(options: OpenDeviceOptions = {}): Promise<Device> {
  const device = await openDevice({ backend: "webgpu", ...options });
  onTestFinished(() => {
    device.dispose();
  });
  return device;
}

export interface Failure {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly help: string | undefined;
  readonly file: string | undefined;
}

/** The diagnostic of what `act` throws or rejects with; anything else than a `TensorweftError` fails the test. */
export async function failureOf(act: () => unknown): Promise<Failure> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof TensorweftError)) throw error;
    const [diagnostic] = error.diagnostics;
    if (diagnostic === undefined) throw error;
    return {
      code: diagnostic.code,
      message: diagnostic.message,
      help: diagnostic.help,
      file: diagnostic.span?.file,
    };
  }
  throw new Error("nothing was thrown");
}

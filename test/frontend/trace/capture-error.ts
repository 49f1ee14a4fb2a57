/** The error that a call throws; fails the test where it throws none, or one that is not for users. */
import { expect } from "vitest";
import { TensorweftError } from "../../../src/diagnostics/diagnostic.ts";

export function captureError(run: () => unknown): TensorweftError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TensorweftError);
    if (error instanceof TensorweftError) return error;
  }
  throw new Error("nothing was thrown");
}

/** What programs that were compiled ahead of time see of the runtime: tensors whose dtype and shape are in their types. */
import type { DType } from "../ir/dtype.ts";
import type { TensorData } from "../runtime/device.ts";

export type Shape = readonly number[];

/** What `read()` gives. f16 comes as Float16Array where the language has it, else as words; bf16 as words; bool as bytes. */
export type ElementsOf<D extends DType> = {
  readonly f32: Float32Array<ArrayBuffer>;
  readonly f16: Float16Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  readonly bf16: Uint16Array<ArrayBuffer>;
  readonly i32: Int32Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly bool: Uint8Array<ArrayBuffer>;
}[D];

/** The dtype that data has when none is asked for. */
export type DTypeOf<T extends TensorData> = T extends Int32Array
  ? "i32"
  : T extends Uint32Array
    ? "u32"
    : T extends readonly boolean[] | boolean
      ? "bool"
      : T extends Float32Array | readonly number[] | number
        ? "f32"
        : T extends Float16Array
          ? "f16"
          : DType;

export interface Tensor<D extends DType = DType, S extends Shape = Shape> extends Disposable {
  readonly dtype: D;
  readonly shape: S;
  readonly device: Device;
  readonly disposed: boolean;
  /** What messages call it. */
  readonly label: string;
  /** Holds the elements, row-major, for other users of the same GPUDevice; valid until `dispose()`. */
  readonly gpuBuffer: GPUBuffer;
  /** Copies the elements to the host. Rejects where anything that they depend on has failed. */
  read(): Promise<ElementsOf<D>>;
  /** Gives the memory back. Work that was already called for still sees the elements. Harmless when repeated. */
  dispose(): void;
}

export interface Device extends Disposable {
  readonly backend: "webgpu";
  readonly gpuDevice: GPUDevice;
  /** Copies data to the device. The dtype follows from the data; raw 16-bit words and bytes have to name it. */
  tensor<const T extends TensorData, const S extends Shape>(data: T, shape: S): Tensor<DTypeOf<T>, S>;
  tensor<const S extends Shape, const D extends DType>(
    data: TensorData,
    shape: S,
    options: { readonly dtype: D },
  ): Tensor<D, S>;
  /** Frees what calls keep. A GPUDevice that the caller brought lives on, one that `openDevice` made does not. */
  dispose(): void;
}

/** Beside being called, a kernel can be made ready in advance. */
export interface Preparable {
  /** Compiles all its pipelines in the background; without it the first call compiles those that it needs. */
  prepare(device: Device): Promise<void>;
}

/** Whether a tensor has this type, for code that knows shapes only at run time: narrows it to what kernels ask for. */
export const hasType = <const D extends DType, const S extends Shape>(
  tensor: Tensor,
  dtype: D,
  shape: S,
): tensor is Tensor<D, S> =>
  tensor.dtype === dtype &&
  tensor.shape.length === shape.length &&
  tensor.shape.every((length, axis) => length === shape[axis]);

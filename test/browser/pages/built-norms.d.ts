/** What `weft build` writes of test/aot/sources/norms.ts; ../build-pages.ts says where it is. Its types are tested elsewhere. */
declare module "built-norms" {
  export const weightNorm: unknown;
  export const l2Normalize: unknown;
  export const rmsNorm: unknown;
  export const layerNorm: unknown;
  export const softmax: unknown;
  export const groupNorm: unknown;
}

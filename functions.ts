/**
 * Typed functions, for the authors of function packages: {@linkcode defineFunction} and the codecs of arguments and
 * results. A function of bytes, `(input, output) => length`, needs none of this.
 *
 * ```ts
 * import { defineFunction, struct } from "@rfaas/rfaas/functions";
 *
 * export const add = defineFunction(
 *   { input: struct({ a: "f64", b: "f64" }), output: struct({ sum: "f64" }) },
 *   ({ a, b }) => ({ sum: a + b }),
 * );
 * ```
 *
 * A bundle of the package holds only what it uses; nothing of the client is in it.
 *
 * @module
 */

export {
  defineFunction,
  type FunctionSpec,
  type HandlerContext,
  type StreamFunction,
  type TypedFunction,
} from "./runtime/functions/define_function.ts";
export type { FunctionContext, LeaseContext } from "./runtime/functions/function_context.ts";
export { type Codec, CodecError, type ValueOf, type ViewCodec } from "./runtime/codec/codec.ts";
export { bytes, nothing } from "./runtime/codec/bytes_codec.ts";
export { json } from "./runtime/codec/json_codec.ts";
export { msgpack } from "./runtime/codec/msgpack_codec.ts";
export {
  type ArrayOf,
  arrayOf,
  type ElementKind,
  type TypedArrays,
} from "./runtime/codec/array_codec.ts";
export { struct, type StructFields, type StructOf } from "./runtime/codec/struct_codec.ts";
export type { NumberKindName, NumberOf } from "./runtime/codec/number_kind.ts";

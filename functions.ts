/**
 * What the author of functions imports: typed functions on top of bytes. It holds nothing of the client; a bundler
 * keeps of it only what is used.
 *
 * A plain function of bytes, `(input, output) => length`, needs nothing of this.
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
export { type ArrayOf, arrayOf, type ElementKind } from "./runtime/codec/array_codec.ts";
export { struct, type StructFields, type StructOf } from "./runtime/codec/struct_codec.ts";
export type { NumberKindName, NumberOf } from "./runtime/codec/number_kind.ts";

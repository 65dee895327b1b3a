/** Typed functions on top of bytes, for their authors. The package's bundle holds this and the codecs in use. */

import { type Codec, CodecError, type ValueOf, type ViewCodec } from "../codec/codec.ts";
import type { FunctionContext } from "./function_context.ts";
import { SIGNATURE } from "./signature_mark.ts";

/**
 * The codecs of a typed function.
 *
 * @typeParam I The codec of the argument.
 * @typeParam O The codec of the result.
 */
export interface FunctionSpec<I, O> {
  /** The codec of the argument. */
  readonly input: I;
  /** The codec of the result, or of each value of a stream. */
  readonly output: O;
}

/**
 * The context of a typed function. Where the result is memory, `output` is the buffer for it, as a value to fill:
 * a result that is a part of it is not copied.
 *
 * @typeParam O The codec of the result.
 */
export type HandlerContext<O> =
  & FunctionContext
  & (O extends ViewCodec<infer T> ? { readonly output: T } : unknown);

/** A function as the executor calls it. */
type ByteFunction = (input: Uint8Array, output: Uint8Array, context: FunctionContext) => unknown;

/**
 * A function of one value, made by {@linkcode defineFunction}.
 *
 * @typeParam I The type of the argument.
 * @typeParam O The type of the result.
 */
export interface TypedFunction<I, O> {
  (input: Uint8Array, output: Uint8Array, context: FunctionContext): number | Promise<number>;
  /** Never present: it carries the types to the client's compiler. */
  readonly values?: { readonly input: I; readonly output: O };
}

/**
 * A function that returns a stream of values, made by {@linkcode defineFunction}.
 *
 * @typeParam I The type of the argument.
 * @typeParam O The type of each value.
 */
export interface StreamFunction<I, O> {
  (
    input: Uint8Array,
    output: Uint8Array,
    context: FunctionContext,
  ): Generator<number> | AsyncGenerator<number>;
  /** Never present: it carries the types to the client's compiler. */
  readonly values?: { readonly input: I; readonly output: O };
}

/**
 * Makes a function of values from a generator function. Each value travels when the client requests it.
 *
 * @typeParam I The codec of the argument.
 * @typeParam O The codec of each value.
 * @param spec The codecs.
 * @param handler The generator function. Its `finally` runs also when the client leaves the stream early. The context
 * is made only if the handler declares a second parameter.
 * @returns A function to export from the package.
 *
 * @example
 * ```ts
 * import { defineFunction, json } from "@rfaas/rfaas/functions";
 *
 * export const count = defineFunction(
 *   { input: json<number>(), output: json<number>() },
 *   function* (to) {
 *     for (let i = 1; i <= to; i++) yield i;
 *   },
 * );
 * ```
 */
export function defineFunction<I extends Codec<unknown>, O extends Codec<unknown>>(
  spec: FunctionSpec<I, O>,
  handler: (
    value: ValueOf<I>,
    context: HandlerContext<O>,
  ) => Generator<ValueOf<O>, unknown, unknown> | AsyncGenerator<ValueOf<O>, unknown, unknown>,
): StreamFunction<ValueOf<I>, ValueOf<O>>;
/**
 * Makes a function of values. The executor decodes the argument and encodes the result.
 *
 * @typeParam I The codec of the argument.
 * @typeParam O The codec of the result.
 * @param spec The codecs.
 * @param handler The function. The context is made only if the handler declares a second parameter.
 * @returns A function to export from the package.
 *
 * @example
 * ```ts
 * import { arrayOf, defineFunction, struct } from "@rfaas/rfaas/functions";
 *
 * export const add = defineFunction(
 *   { input: struct({ a: "f64", b: "f64" }), output: struct({ sum: "f64" }) },
 *   ({ a, b }) => ({ sum: a + b }),
 * );
 *
 * export const double = defineFunction(
 *   { input: arrayOf("f64"), output: arrayOf("f64") },
 *   (values, { output }) => {
 *     for (let i = 0; i < values.length; i++) output[i] = 2 * values[i]!;
 *     return output.subarray(0, values.length); // filled in place: nothing is copied
 *   },
 * );
 * ```
 */
export function defineFunction<I extends Codec<unknown>, O extends Codec<unknown>>(
  spec: FunctionSpec<I, O>,
  handler: (
    value: ValueOf<I>,
    context: HandlerContext<O>,
  ) => ValueOf<O> | Promise<ValueOf<O>>,
): TypedFunction<ValueOf<I>, ValueOf<O>>;
export function defineFunction(
  { input, output }: FunctionSpec<Codec<unknown>, Codec<unknown>>,
  handler: (value: unknown, context: FunctionContext) => unknown,
): ByteFunction {
  const decode = (bytes: Uint8Array): unknown => {
    try {
      return input.decode(bytes);
    } catch (error) {
      throw describe("decode argument", error);
    }
  };
  const encode = (value: unknown, buffer: Uint8Array): number => {
    try {
      return output.encodeInto(value, buffer);
    } catch (error) {
      throw describe("encode result", error);
    }
  };
  const run = (bytes: Uint8Array, buffer: Uint8Array, context: FunctionContext): unknown => {
    const result = handler(decode(bytes), contextWith(output, buffer, context));
    return isThenable(result)
      ? Promise.resolve(result).then((value) => encode(value, buffer))
      : encode(result, buffer);
  };
  const stream = generatorKind(handler);
  const made = stream === "async"
    ? async function* (bytes: Uint8Array, buffer: Uint8Array, context: FunctionContext) {
      const values = handler(decode(bytes), contextWith(output, buffer, context));
      for await (const value of values as AsyncGenerator) yield encode(value, buffer);
    }
    : stream === "sync"
    ? function* (bytes: Uint8Array, buffer: Uint8Array, context: FunctionContext) {
      const values = handler(decode(bytes), contextWith(output, buffer, context));
      for (const value of values as Generator) yield encode(value, buffer);
    }
    : handler.length >= 2
    ? run
    : (bytes: Uint8Array, buffer: Uint8Array) => run(bytes, buffer, NO_CONTEXT);
  return Object.assign(made, {
    [SIGNATURE]: { input: input.text, output: output.text, stream: stream !== undefined },
  });
}

/** As `await` decides: the queries of some database clients are such objects, and no promises. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null &&
    typeof (value as { then?: unknown }).then === "function";
}

/** For handlers without a parameter for it. */
const NO_CONTEXT = undefined as unknown as FunctionContext;

/** The kind of a generator function. What a handler returns is not known before it runs. */
function generatorKind(handler: object): "sync" | "async" | undefined {
  const kind: unknown = (handler as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return kind === "GeneratorFunction"
    ? "sync"
    : kind === "AsyncGeneratorFunction"
    ? "async"
    : undefined;
}

/** The call's context, with the output buffer as a value where the result is memory. */
function contextWith(
  codec: Codec<unknown>,
  buffer: Uint8Array,
  context: FunctionContext,
): FunctionContext {
  if (context === undefined || !("view" in codec)) return context;
  return new ContextWithOutput(context, codec as ViewCodec<unknown>, buffer);
}

class ContextWithOutput implements FunctionContext {
  readonly log: (text: string) => void;
  readonly #context: FunctionContext;
  readonly #codec: ViewCodec<unknown>;
  readonly #buffer: Uint8Array;
  #output: unknown;

  constructor(context: FunctionContext, codec: ViewCodec<unknown>, buffer: Uint8Array) {
    this.log = context.log;
    this.#context = context;
    this.#codec = codec;
    this.#buffer = buffer;
  }

  get output(): unknown {
    return this.#output ??= this.#codec.view(this.#buffer);
  }
  get lease(): string {
    return this.#context.lease;
  }
  get worker(): number {
    return this.#context.worker;
  }
  get timeLeftMs(): number {
    return this.#context.timeLeftMs;
  }
  get signal(): AbortSignal {
    return this.#context.signal;
  }
  get traceparent(): string | undefined {
    return this.#context.traceparent;
  }
}

function describe(what: string, error: unknown): unknown {
  return error instanceof CodecError
    ? new CodecError(`Cannot ${what}: ${error.message}`, { cause: error })
    : error;
}

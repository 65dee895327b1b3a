/** Typed functions on top of bytes: the author's side. It is bundled into the package, with the codecs it uses. */

import { type Codec, CodecError, type ValueOf, type ViewCodec } from "../codec/codec.ts";
import type { FunctionContext } from "./function_context.ts";
import { SIGNATURE } from "./signature_mark.ts";

/** What a typed function takes and gives. */
export interface FunctionSpec<I, O> {
  readonly input: I;
  readonly output: O;
}

/** The context of a typed function; with the room for its result where that is memory. */
export type HandlerContext<O> =
  & FunctionContext
  & (O extends ViewCodec<infer T> ? { readonly output: T } : unknown);

/** What the executor calls, whatever the types are. */
type ByteFunction = (input: Uint8Array, output: Uint8Array, context: FunctionContext) => unknown;

/** A function of values. `values` is never there: it carries the types to the client. */
export interface TypedFunction<I, O> {
  (input: Uint8Array, output: Uint8Array, context: FunctionContext): number | Promise<number>;
  readonly values?: { readonly input: I; readonly output: O };
}

/** A function that gives many values, one after the other. */
export interface StreamFunction<I, O> {
  (
    input: Uint8Array,
    output: Uint8Array,
    context: FunctionContext,
  ): Generator<number> | AsyncGenerator<number>;
  readonly values?: { readonly input: I; readonly output: O };
}

/**
 * Makes a function of values. A generator function gives its values one after the other, as the client asks for them.
 *
 * The context is made only for handlers that have a second parameter.
 *
 * @example
 * ```ts
 * import { arrayOf, defineFunction, struct } from "../../functions.ts";
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
  ) => Generator<ValueOf<O>, unknown, unknown> | AsyncGenerator<ValueOf<O>, unknown, unknown>,
): StreamFunction<ValueOf<I>, ValueOf<O>>;
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
  const read = (bytes: Uint8Array): unknown => {
    try {
      return input.decode(bytes);
    } catch (error) {
      throw told("read the argument: it", error);
    }
  };
  const write = (value: unknown, room: Uint8Array): number => {
    try {
      return output.encodeInto(value, room);
    } catch (error) {
      throw told("write the result: it", error);
    }
  };
  const run = (bytes: Uint8Array, room: Uint8Array, context: FunctionContext): unknown => {
    const result = handler(read(bytes), contextWith(output, room, context));
    return result instanceof Promise
      ? result.then((value) => write(value, room))
      : write(result, room);
  };
  const stream = generatorKind(handler);
  const wanted = handler.length >= 2;
  const made = stream === "async"
    ? async function* (bytes: Uint8Array, room: Uint8Array, context: FunctionContext) {
      const values = handler(read(bytes), contextWith(output, room, context));
      for await (const value of values as AsyncGenerator) yield write(value, room);
    }
    : stream === "sync"
    ? function* (bytes: Uint8Array, room: Uint8Array, context: FunctionContext) {
      const values = handler(read(bytes), contextWith(output, room, context));
      for (const value of values as Generator) yield write(value, room);
    }
    : wanted
    ? run
    : (bytes: Uint8Array, room: Uint8Array) => run(bytes, room, NO_CONTEXT);
  return Object.assign(made, {
    [SIGNATURE]: { input: input.text, output: output.text, stream: stream !== undefined },
  });
}

/** For handlers that have no parameter for it. */
const NO_CONTEXT = undefined as unknown as FunctionContext;

/** Sync, async, or no generator function at all. What a handler returns is known only when it runs, so that won't do. */
function generatorKind(handler: object): "sync" | "async" | undefined {
  const kind: unknown = (handler as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag];
  return kind === "GeneratorFunction"
    ? "sync"
    : kind === "AsyncGeneratorFunction"
    ? "async"
    : undefined;
}

/** The call's context, and room for a result that is memory: made when it is asked for. */
function contextWith(
  codec: Codec<unknown>,
  room: Uint8Array,
  context: FunctionContext,
): FunctionContext {
  if (context === undefined || !("view" in codec)) return context;
  return new ContextWithOutput(context, codec as ViewCodec<unknown>, room);
}

class ContextWithOutput implements FunctionContext {
  readonly log: (text: string) => void;
  readonly #context: FunctionContext;
  readonly #codec: ViewCodec<unknown>;
  readonly #room: Uint8Array;
  #output: unknown;

  constructor(context: FunctionContext, codec: ViewCodec<unknown>, room: Uint8Array) {
    this.log = context.log;
    this.#context = context;
    this.#codec = codec;
    this.#room = room;
  }

  get output(): unknown {
    return this.#output ??= this.#codec.view(this.#room);
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
}

function told(what: string, error: unknown): unknown {
  return error instanceof CodecError
    ? new CodecError(`Cannot ${what} ${error.message}`, { cause: error })
    : error;
}

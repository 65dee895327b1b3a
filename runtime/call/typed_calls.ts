/** The functions of a lease as functions of the app: `lease.call.name(value)`. */

import { type Codec, CodecError, type ViewCodec } from "../codec/codec.ts";
import { codecByText } from "../codec/codec_by_text.ts";
import type { InvokeOptions } from "./call_task.ts";
import { FunctionError, UnknownCodec } from "../errors.ts";
import type { PreparedCall, PrepareOptions } from "./prepared_call.ts";
import type { StreamOptions } from "./stream_task.ts";
import type { Signature } from "../protocol/manifest.ts";
import type { StreamFunction, TypedFunction } from "../functions/define_function.ts";
import { type Memory, PreparedValues, type PrepareValuesOptions } from "./prepared_values.ts";

/** Options of a typed call. */
export type CallOptions = Omit<InvokeOptions, "output">;

/** A call that gives one value; where argument and result are memory, it can be prepared. */
export type ValueCall<I, O> =
  & ((value: I, options?: CallOptions) => Promise<O>)
  & (I extends Memory
    ? O extends Memory ? { prepare(options?: PrepareValuesOptions): PreparedValues<I, O> } : unknown
    : unknown);

/** A call that gives many values, each when it is asked for; leaving the loop ends the function. */
export type StreamCall<I, O> = (value: I, options?: CallOptions) => AsyncGenerator<O, void, void>;

/** Named exports of a package that are hooks, not functions to call. */
export type Hook = "init" | "dispose";

// deno-lint-ignore no-explicit-any -- a plain function may declare fewer parameters, or a context
type Bytes<R> = (input: Uint8Array, output: Uint8Array, context: any) => R;

/** How the app calls an export of the package. */
export type CallOf<F> = "values" extends keyof F
  ? F extends StreamFunction<infer I, infer O> ? StreamCall<I, O>
  : F extends TypedFunction<infer I, infer O> ? ValueCall<I, O>
  : never
  : PlainCall<F>;

/** How the app calls a function of bytes. */
export type PlainCall<F> = F extends Bytes<number | Promise<number>>
  ? ValueCall<Uint8Array, Uint8Array>
  : F extends Bytes<Generator<number> | AsyncGenerator<number>> ? StreamCall<Uint8Array, Uint8Array>
  : never;

/** The functions of a package: give `typeof import("./functions.ts")`. */
export type Calls<M> = {
  readonly [
    K in keyof M as K extends Hook ? never
      // deno-lint-ignore no-explicit-any -- any function at all
      : M[K] extends (...args: any[]) => unknown ? K
      : never
  ]: CallOf<M[K]>;
};

/** What typed calls need of their lease. */
export interface TypedHost {
  /** What the executor told of its functions. */
  signature(name: string): Signature;
  names(): Iterable<string>;
  prepare(name: string, options: PrepareOptions): PreparedCall;
  invoke(name: string, input: Uint8Array, options: InvokeOptions): Promise<Uint8Array>;
  stream(
    name: string,
    input: Uint8Array,
    options: StreamOptions,
  ): AsyncGenerator<Uint8Array, void, void>;
}

/** Makes the functions, each at its first use. */
export function typedCalls<M>(host: TypedHost): Calls<M> {
  const made = new Map<string, unknown>();
  return new Proxy(Object.create(null), {
    get(_, name) {
      // A promise asks whether it is one, a console what it is.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      const call = made.get(name) ?? makeCall(host, name);
      made.set(name, call);
      return call;
    },
    ownKeys: () => [...host.names()],
    has: (_, name) => [...host.names()].includes(name as string),
    getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
  });
}

function makeCall(host: TypedHost, name: string): unknown {
  const { input, output, stream } = host.signature(name);
  const argument = codec(name, "argument", input);
  const result = codec(name, "result", output);
  const encode = (value: unknown) => {
    try {
      return argument.encode(value);
    } catch (error) {
      throw error instanceof CodecError
        ? new CodecError(`Cannot call ${name}: the argument ${error.message}`, { cause: error })
        : error;
    }
  };
  const decode = (bytes: Uint8Array) => {
    try {
      return result.decode(bytes);
    } catch (error) {
      const { name: kind, message } = error as Error;
      throw new FunctionError(`Cannot read the result of ${name}: it ${message}`, kind, "", {
        cause: error,
      });
    }
  };
  if (stream) {
    return async function* (value: unknown, options: CallOptions = {}) {
      for await (const bytes of host.stream(name, encode(value), options)) yield decode(bytes);
    };
  }
  const call = async (value: unknown, options: CallOptions = {}) =>
    decode(await host.invoke(name, encode(value), options));
  const prepare = (options: PrepareValuesOptions = {}) => {
    if (!isView(argument) || !isView(result)) {
      throw new TypeError(
        `Cannot prepare ${name}: ${input} => ${output} is copied, only typed arrays are not`,
      );
    }
    const { elements, resultElements, worker } = options;
    const room: PrepareOptions = {};
    if (elements !== undefined) room.bytes = elements * argument.bytesPerElement;
    if (resultElements !== undefined) room.resultBytes = resultElements * result.bytesPerElement;
    if (worker !== undefined) room.worker = worker;
    return new PreparedValues(host.prepare(name, room), name, argument, result);
  };
  return Object.assign(call, { prepare });
}

function isView(codec: Codec<unknown>): codec is ViewCodec<Memory> {
  return "view" in codec;
}

function codec(name: string, what: string, text: string): Codec<unknown> {
  const found = codecByText(text);
  if (found) return found;
  const named = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  throw new UnknownCodec(
    `Cannot call ${name}: its ${what} is ${named}, a codec that this client does not have`,
  );
}

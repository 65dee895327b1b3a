/** The functions of a lease as functions of the app: `lease.call.name(value)`. */

import { type Codec, CodecError, type ViewCodec } from "../codec/codec.ts";
import { codecByText } from "../codec/codec_by_text.ts";
import type { InvokeOptions } from "./call_task.ts";
import { FunctionError, UnknownCodecError } from "../errors.ts";
import type { PreparedCall } from "./prepared_call.ts";
import type { PrepareOptions } from "./prepare_options.ts";
import type { StreamOptions } from "./stream_task.ts";
import { ANY, checkOptions, integer, type OptionTable } from "../options.ts";
import { MAX_SLOT_BYTES } from "../protocol/wire.ts";
import type { Signature } from "../protocol/manifest.ts";
import type { StreamFunction, TypedFunction } from "../functions/define_function.ts";
import {
  PreparedValues,
  type PrepareValuesOptions,
  type TypedArrayLike,
} from "./prepared_values.ts";

/** Options of a call in {@linkcode Lease.call}. */
export type TypedCallOptions = Omit<InvokeOptions, "output">;

/**
 * How the app calls a function with one result. Where argument and result are typed arrays, `prepare()` makes a call that
 * keeps its slot.
 *
 * @typeParam I The type of the argument.
 * @typeParam O The type of the result.
 */
export type ValueCall<I, O> =
  & ((value: I, options?: TypedCallOptions) => Promise<O>)
  & (I extends TypedArrayLike
    ? O extends TypedArrayLike ? { prepare(options?: PrepareValuesOptions): PreparedValues<I, O> }
    : unknown
    : unknown);

/**
 * How the app calls a function with many results. Each travels when the loop requests it; leaving the loop ends the
 * function.
 *
 * @typeParam I The type of the argument.
 * @typeParam O The type of each result.
 */
export type StreamCall<I, O> = (
  value: I,
  options?: TypedCallOptions,
) => AsyncGenerator<O, void, void>;

/** The exports of a package that are hooks, and not functions to call. */
export type HookName = "init" | "dispose";

/**
 * A function of bytes.
 *
 * @typeParam R What the function returns.
 */
export type BytesFunction<R> = (input: Uint8Array, output: Uint8Array, context: never) => R;

/**
 * How the app calls an export of the package.
 *
 * @typeParam F The type of the export.
 */
export type CallOf<F> = "values" extends keyof F
  ? F extends StreamFunction<infer I, infer O> ? StreamCall<I, O>
  : F extends TypedFunction<infer I, infer O> ? ValueCall<I, O>
  : never
  : PlainCall<F>;

/**
 * How the app calls a function of bytes.
 *
 * @typeParam F The type of the export.
 */
export type PlainCall<F> = F extends BytesFunction<number | Promise<number>>
  ? ValueCall<Uint8Array, Uint8Array>
  : F extends BytesFunction<Generator<number> | AsyncGenerator<number>>
    ? StreamCall<Uint8Array, Uint8Array>
  : never;

/**
 * The functions of a package, as the app calls them.
 *
 * @typeParam M The type of the package's module: `typeof import("./functions.ts")`.
 */
export type Calls<M> = {
  readonly [
    K in keyof M as K extends HookName ? never
      : M[K] extends (...args: never) => unknown ? K
      : never
  ]: CallOf<M[K]>;
};

/** What typed calls need of their lease. */
export interface TypedHost {
  /** The codecs of a function. Throws if the package has no such function. */
  signature(name: string): Signature;
  /** The names of the functions. */
  names(): Iterable<string>;
  prepare(name: string, options: PrepareOptions): PreparedCall;
  invoke(name: string, input: Uint8Array, options: InvokeOptions): Promise<Uint8Array>;
  stream(
    name: string,
    input: Uint8Array,
    options: StreamOptions,
  ): AsyncGenerator<Uint8Array, void, void>;
}

/** Makes the functions of {@linkcode Lease.call}, each at its first use. */
export function typedCalls<M>(host: TypedHost): Calls<M> {
  const made = new Map<string, unknown>();
  return new Proxy(Object.create(null), {
    get(_, name) {
      // `await` reads `then`, and JSON.stringify reads `toJSON`.
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

const PREPARE_VALUES_OPTIONS: OptionTable<PrepareValuesOptions> = {
  elements: integer(0, MAX_SLOT_BYTES),
  resultElements: integer(0, MAX_SLOT_BYTES),
  worker: ANY, // the lease has its range
};

function makeCall(host: TypedHost, name: string): unknown {
  const { input, output, stream } = host.signature(name);
  const argument = codec(name, "argument", input);
  const result = codec(name, "result", output);
  const encode = (value: unknown) => {
    try {
      return argument.encode(value);
    } catch (error) {
      throw error instanceof CodecError
        ? new CodecError(`Cannot encode argument of ${name}: ${error.message}`, { cause: error })
        : error;
    }
  };
  const decode = (bytes: Uint8Array) => {
    try {
      return result.decode(bytes);
    } catch (error) {
      const { name: kind, message } = error as Error;
      throw new FunctionError(`Cannot decode result of ${name}: ${message}`, kind, "", {
        cause: error,
      });
    }
  };
  if (stream) {
    return async function* (value: unknown, options: TypedCallOptions = {}) {
      for await (const bytes of host.stream(name, encode(value), options)) yield decode(bytes);
    };
  }
  const call = async (value: unknown, options: TypedCallOptions = {}) =>
    decode(await host.invoke(name, encode(value), options));
  const prepare = (options: PrepareValuesOptions = {}) => {
    if (!isView(argument) || !isView(result)) {
      throw new TypeError(
        `Cannot prepare ${name}: expected typed arrays, not ${input} => ${output}, which is copied`,
      );
    }
    checkOptions(`prepare ${name}`, options, PREPARE_VALUES_OPTIONS);
    const { elements, resultElements, worker } = options;
    const sizes: PrepareOptions = {};
    if (elements !== undefined) sizes.bytes = elements * argument.bytesPerElement;
    if (resultElements !== undefined) sizes.resultBytes = resultElements * result.bytesPerElement;
    if (worker !== undefined) sizes.worker = worker;
    return new PreparedValues(host.prepare(name, sizes), name, argument, result);
  };
  return Object.assign(call, { prepare });
}

function isView(codec: Codec<unknown>): codec is ViewCodec<TypedArrayLike> {
  return "view" in codec;
}

function codec(name: string, what: string, text: string): Codec<unknown> {
  const found = codecByText(text);
  if (found) return found;
  const named = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  throw new UnknownCodecError(
    `Cannot call ${name}: its ${what} has codec ${named}, which this client does not have`,
  );
}

/** A prepared call whose argument and result are typed arrays on the slot's memory. */

import type { ViewCodec } from "../codec/codec.ts";
import { FunctionError } from "../errors.ts";
import type { PreparedCall } from "./prepared_call.ts";
import type { PreparedCallOptions } from "./prepare_options.ts";

/** A value that is memory, such as a Float64Array. */
export type TypedArrayLike = ArrayBufferView & { readonly length: number };

/** Options of `lease.call.name.prepare()`. */
export interface PrepareValuesOptions {
  /** The size of the argument buffer, in elements. @default {maxBytes / bytesPerElement} */
  elements?: number;
  /** The size of the result buffer, in elements. @default {maxBytes / bytesPerElement} */
  resultElements?: number;
  /** The index of the worker that runs the calls, from 0. Left out: the worker with most free slots. */
  worker?: number;
}

/**
 * A {@linkcode PreparedCall} of typed arrays: `input` and `output` are the memory of a slot; on one host the function
 * works on that very memory.
 *
 * @typeParam I The typed array of the argument.
 * @typeParam O The typed array of the result.
 *
 * @example
 * ```ts
 * import { arrayOf, defineFunction } from "@rfaas/rfaas/functions";
 * import type { Lease } from "@rfaas/rfaas";
 *
 * const double = defineFunction(
 *   { input: arrayOf("f64"), output: arrayOf("f64") },
 *   (values) => values.map((value) => 2 * value),
 * );
 *
 * function run(lease: Lease<{ double: typeof double }>): number {
 *   using call = lease.call.double.prepare({ elements: 1024, resultElements: 1024 });
 *   call.input.fill(21);
 *   call.invokeSync();
 *   return call.output[0]!;
 * }
 * ```
 */
export class PreparedValues<I extends TypedArrayLike, O extends TypedArrayLike>
  implements Disposable {
  /** The call in bytes. */
  readonly bytes: PreparedCall;
  readonly #name: string;
  readonly #input: CachedView<I>;
  readonly #output: CachedView<O>;

  /** @internal Use `lease.call.name.prepare()`. */
  constructor(call: PreparedCall, name: string, input: ViewCodec<I>, output: ViewCodec<O>) {
    this.bytes = call;
    this.#name = name;
    this.#input = new CachedView(input);
    this.#output = new CachedView(output);
  }

  /** The buffer of the argument. Read the property again after a call that failed, since the slot may be another one. */
  get input(): I {
    return this.#input.of(this.bytes.input);
  }

  /** The buffer of the result. Read the property again after a call that failed, since the slot may be another one. */
  get output(): O {
    return this.#output.of(this.bytes.output);
  }

  /**
   * Calls the function and blocks until the reply arrives. It throws what {@linkcode PreparedCall.invokeSync} does.
   *
   * @param elements The elements of the argument at the beginning of `input`. All of `input` if left out.
   * @param options The deadline.
   * @returns The number of elements of the result at the beginning of `output`.
   * @throws {FunctionError} When the function threw, or its result is not whole elements.
   */
  invokeSync(elements?: number, options?: PreparedCallOptions): number {
    return this.#elements(this.bytes.invokeSync(this.#bytes(elements), options));
  }

  /**
   * Calls the function without blocking the event loop. It throws what {@linkcode PreparedCall.invoke} does.
   *
   * @param elements The elements of the argument at the beginning of `input`. All of `input` if left out.
   * @param options The deadline.
   * @returns The number of elements of the result at the beginning of `output`.
   * @throws {FunctionError} When the function threw, or its result is not whole elements.
   */
  async invoke(elements?: number, options?: PreparedCallOptions): Promise<number> {
    return this.#elements(await this.bytes.invoke(this.#bytes(elements), options));
  }

  /** Releases the slot. A call in flight is given up. May be called twice. */
  close(): void {
    this.bytes.close();
  }

  /** Closes the prepared call, as {@linkcode PreparedValues.close} does. */
  [Symbol.dispose](): void {
    this.close();
  }

  #bytes(elements: number | undefined): number | undefined {
    return elements === undefined ? undefined : elements * this.#input.codec.bytesPerElement;
  }

  #elements(bytes: number): number {
    const { bytesPerElement } = this.#output.codec;
    const elements = bytes / bytesPerElement;
    if (Number.isInteger(elements)) return elements;
    throw new FunctionError(
      `Cannot decode result of ${this.#name}: expected whole elements of ${bytesPerElement} bytes, not ${bytes} bytes`,
      "CodecError",
      "",
    );
  }
}

/** A view of bytes, renewed when the bytes are others. */
class CachedView<T extends TypedArrayLike> {
  readonly codec: ViewCodec<T>;
  #bytes: Uint8Array | undefined;
  #view: T | undefined;

  constructor(codec: ViewCodec<T>) {
    this.codec = codec;
  }

  of(bytes: Uint8Array): T {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = this.codec.view(bytes);
    }
    return this.#view!;
  }
}

/** A prepared call whose argument and result are typed arrays on registered memory: no copy, no promise. */

import type { ViewCodec } from "../codec/codec.ts";
import { FunctionError } from "../errors.ts";
import type { CallOptions, PreparedCall } from "./prepared_call.ts";

/** Values that are memory. */
export type Memory = ArrayBufferView & { readonly length: number };

/** Options of `lease.call.name.prepare()`. */
export interface PrepareValuesOptions {
  /** Elements of the argument. @default as many as the lease's `maxBytes` has room for */
  elements?: number;
  /** Elements of the result. @default likewise */
  resultElements?: number;
  /** The worker that runs it; the one with most free slots if left out. */
  worker?: number;
}

/**
 * Owns a slot of a worker, as a {@linkcode PreparedCall} does: `input` and `output` are its memory, and on one host the
 * very memory that the function works on.
 */
export class PreparedValues<I extends Memory, O extends Memory> implements Disposable {
  /** The same call in bytes. */
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

  /** Where the argument goes. Read it anew after a call that failed: the slot may be another one. */
  get input(): I {
    return this.#input.of(this.bytes.input);
  }

  /** Where the result is. */
  get output(): O {
    return this.#output.of(this.bytes.output);
  }

  /**
   * Calls with the first `elements` of the input, all if left out, and spins until the reply is there.
   *
   * @returns the result's elements; they lie at the beginning of `output`.
   * @throws as {@linkcode PreparedCall.invokeSync}.
   */
  invokeSync(elements?: number, options?: CallOptions): number {
    return this.#elements(this.bytes.invokeSync(this.#bytes(elements), options));
  }

  /** Calls likewise without blocking the event loop. */
  async invoke(elements?: number, options?: CallOptions): Promise<number> {
    return this.#elements(await this.bytes.invoke(this.#bytes(elements), options));
  }

  /** Gives the slot back. May be called twice. */
  close(): void {
    this.bytes.close();
  }

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
      `Cannot read the result of ${this.#name}: it must be whole elements of ${bytesPerElement} bytes, not ${bytes} bytes`,
      "CodecError",
      "",
    );
  }
}

/** A view of bytes, made anew when they lie elsewhere. */
class CachedView<T extends Memory> {
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

/** The checks of a call before it is sent. */

import { unknownFunction } from "../call/call_errors.ts";
import type { InvokeOptions } from "../call/call_task.ts";
import { ArgumentTooLongError } from "../errors.ts";
import { checkOptions } from "../options.ts";
import type { Signature } from "../protocol/manifest.ts";
import { INVOKE_OPTIONS, STREAM_OPTIONS } from "./call_options.ts";
import type { LeaseBackend, LeaseHost } from "./lease_backend.ts";

/** One for all: a call without options allocates no object for them. */
export const NO_OPTIONS: InvokeOptions = {};

export class CallChecks {
  readonly #state: LeaseBackend;
  readonly #maxBytes: number;
  readonly #workers: number;
  /** The last function that was looked up. Most calls are of the same one, and a lookup takes 8 ns. */
  #lastName: string | undefined;
  #lastSignatures: ReadonlyMap<string, Signature> | undefined;
  #lastSignature: Signature | undefined;

  constructor(state: LeaseBackend, { maxBytes, workers }: LeaseHost) {
    this.#state = state;
    this.#maxBytes = maxBytes;
    this.#workers = workers;
  }

  /** Throws what makes the call impossible. @param stream Whether it is one with many results. */
  call(name: string, input: Uint8Array, options: InvokeOptions, stream = false): void {
    const maxBytes = this.#maxBytes;
    if (options !== NO_OPTIONS) {
      if (stream || !areValid(options)) {
        checkOptions(`call ${name}`, options, stream ? STREAM_OPTIONS : INVOKE_OPTIONS);
      }
      options.signal?.throwIfAborted();
    }
    const { overReason } = this.#state;
    if (overReason) throw this.#state.overError(name, overReason);
    if (!(input instanceof Uint8Array)) {
      throw new TypeError(`Cannot call ${name}: the argument is not a Uint8Array`);
    }
    if (input.length > maxBytes) {
      throw new ArgumentTooLongError(
        `Cannot call ${name}: the argument has ${input.length} bytes, the lease's maxBytes is ${maxBytes}`,
      );
    }
    const { worker } = options;
    if (worker !== undefined) {
      this.worker(worker);
      if (this.#state.pool.session(worker) === null) throw this.#state.noWorkerError(name, worker);
    }
    if (this.signature(name).stream !== stream) {
      throw new TypeError(
        stream
          ? `Cannot stream ${name}: it returns one result, use invoke()`
          : `Cannot call ${name}: it returns many results, use stream()`,
      );
    }
  }

  /** Returns the codecs of a function. @throws {UnknownFunctionError} When the package exports none of this name. */
  signature(name: string): Signature {
    const { signatures } = this.#state.pool;
    if (name === this.#lastName && signatures === this.#lastSignatures) return this.#lastSignature!;
    const signature = signatures.get(name);
    if (!signature) throw unknownFunction(name, signatures.keys());
    this.#lastName = name;
    this.#lastSignatures = signatures;
    return this.#lastSignature = signature;
  }

  /** @throws {RangeError} When the lease has no such worker. */
  worker(worker: number | undefined): void {
    if (
      worker !== undefined && !(Number.isInteger(worker) && worker >= 0 && worker < this.#workers)
    ) {
      throw new RangeError(
        `Cannot call worker ${worker}: the lease has workers 0 to ${this.#workers - 1}`,
      );
    }
  }
}

/** Whether all options are known and valid. It takes a tenth of the time of {@linkcode checkOptions}, which has the errors. */
function areValid(options: InvokeOptions): boolean {
  if (typeof options !== "object" || options === null) return false;
  for (const name in options) {
    if (name === "output") {
      if (!(options.output instanceof Uint8Array)) return false;
    } else if (name === "deadlineMs") {
      const { deadlineMs } = options;
      if (typeof deadlineMs !== "number" || !(deadlineMs >= 0)) return false;
    } else if (name !== "worker") return false;
  }
  return true;
}

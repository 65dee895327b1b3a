/** Executors that were started and have not connected yet, each identified by the secret that it will present. */

import type { ConnectionRequest } from "../../../fabric/fabric.ts";

export class PendingExecutors {
  readonly #awaited = new Map<string, (request: ConnectionRequest) => void>();

  /** Resolves with the request that presents `secret`. Rejects with the signal's reason. */
  expect(secret: string, signal: AbortSignal): Promise<ConnectionRequest> {
    const { promise, resolve, reject } = Promise.withResolvers<ConnectionRequest>();
    this.#awaited.set(secret, resolve);
    signal.addEventListener("abort", () => {
      this.#awaited.delete(secret);
      reject(signal.reason);
    }, { once: true });
    return promise;
  }

  /** Passes on a request that presents a secret, once; false if that secret is not expected. */
  take(secret: string, request: ConnectionRequest): boolean {
    const take = this.#awaited.get(secret);
    this.#awaited.delete(secret);
    take?.(request);
    return take !== undefined;
  }
}

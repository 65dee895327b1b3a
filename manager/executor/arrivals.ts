/** Executors that were started and have not connected back yet, each known by the secret it will show. */

import type { ConnectionRequest } from "../../fabric/fabric.ts";

export class Arrivals {
  readonly #awaited = new Map<string, (request: ConnectionRequest) => void>();

  /** The request that shows `secret`. Rejects with the signal's reason. */
  expect(secret: string, signal: AbortSignal): Promise<ConnectionRequest> {
    const { promise, resolve, reject } = Promise.withResolvers<ConnectionRequest>();
    this.#awaited.set(secret, resolve);
    signal.addEventListener("abort", () => {
      this.#awaited.delete(secret);
      reject(signal.reason);
    }, { once: true });
    return promise;
  }

  /** Hands over a request that shows a secret, once; false if nobody expects it. */
  take(secret: string, request: ConnectionRequest): boolean {
    const take = this.#awaited.get(secret);
    this.#awaited.delete(secret);
    take?.(request);
    return take !== undefined;
  }
}

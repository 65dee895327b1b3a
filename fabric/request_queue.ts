/** The connection requests of a listener that wait to be accepted, and the calls of `accept` that wait for one. */

/** A connection request in the queue. */
interface QueuedRequest {
  /** Whether the peer has given up waiting, where the provider can find that out. */
  readonly gone?: boolean;
  /** Releases a request that was not answered. */
  drop(): void;
}

/** A first-in, first-out queue. It holds either requests or waiting calls, never both. */
export class RequestQueue<Request extends QueuedRequest> {
  readonly #capacity: number;
  readonly #requests: Request[] = [];
  readonly #takers: ((request: Request | undefined) => void)[] = [];
  #open = true;

  /** @param capacity how many requests may wait; further ones are dropped. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /**
   * Waits for the next request whose peer has not given up.
   *
   * @returns `undefined` once the queue is closed.
   * @throws the signal's reason when it is aborted.
   */
  async take(signal?: AbortSignal): Promise<Request | undefined> {
    signal?.throwIfAborted();
    for (;;) {
      const request = this.#requests.shift();
      if (!request) break;
      if (!request.gone) return request;
      request.drop();
    }
    if (!this.#open) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<Request | undefined>();
    const abort = () => {
      const i = this.#takers.indexOf(resolve);
      if (i < 0) return; // it has just been resolved with a request
      this.#takers.splice(i, 1);
      reject(signal!.reason);
    };
    this.#takers.push(resolve);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Gives a request to the first waiting call, or queues it. Drops it when the queue is full or closed. */
  offer(request: Request): void {
    if (!this.#open || request.gone) return request.drop();
    const take = this.#takers.shift();
    if (take) return take(request);
    if (this.#requests.length >= this.#capacity) this.#dropGone();
    if (this.#requests.length < this.#capacity) this.#requests.push(request);
    else request.drop();
  }

  /** Drops all requests and ends all waiting calls. May be called twice. */
  close(): void {
    this.#open = false;
    for (const request of this.#requests.splice(0)) request.drop();
    for (const take of this.#takers.splice(0)) take(undefined);
  }

  #dropGone(): void {
    for (const request of this.#requests.splice(0)) {
      if (request.gone) request.drop();
      else this.#requests.push(request);
    }
  }
}

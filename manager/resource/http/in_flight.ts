import { deadline } from "../../../std/async.ts";
import type { Handler } from "../../http/http_server.ts";
import { CLOSE_TIMEOUT_MS, KEEP_ALIVE_SHARE } from "../policy.ts";

/**
 * Tracks the requests in flight, so that a close can wait for them. The shutdown of the server itself cuts off bodies
 * that are still arriving (Deno 2.9.6).
 */
export class InFlight {
  readonly #responses = new Set<Promise<unknown>>();
  readonly #maxInFlight: number;
  /** Beyond this number, only requests that keep something alive are accepted. */
  readonly #maxNew: number;
  #closing = false;
  #overloads = 0;

  /** @param maxInFlight how many requests may be in flight at a time. */
  constructor(maxInFlight: number) {
    this.#maxInFlight = maxInFlight;
    this.#maxNew = Math.floor(maxInFlight * (1 - KEEP_ALIVE_SHARE));
  }

  /** How many requests are in flight. */
  get size(): number {
    return this.#responses.size;
  }

  /** How many requests were refused because too many were in flight. */
  get overloads(): number {
    return this.#overloads;
  }

  /**
   * Wraps a handler, whose requests are then tracked. The wrapper responds with 503 if there are too many, and after
   * {@linkcode InFlight.drain}.
   */
  tracked(handler: Handler): Handler {
    return async (request) => {
      if (this.#closing) return unavailable("closing", "the resource manager is closing");
      const { size } = this.#responses;
      if (size >= this.#maxInFlight || (size >= this.#maxNew && !keepsAlive(request))) {
        this.#overloads++;
        return unavailable("busy", `${size} requests are in flight`);
      }
      const response = Promise.resolve(handler(request));
      this.#responses.add(response);
      try {
        return await response;
      } finally {
        this.#responses.delete(response);
      }
    };
  }

  /** Accepts no more requests, and waits for those in flight, at most {@linkcode CLOSE_TIMEOUT_MS}. */
  async drain(): Promise<void> {
    this.#closing = true;
    await deadline(Promise.allSettled(this.#responses), CLOSE_TIMEOUT_MS).catch(() => {});
  }
}

/** Whether a request registers a node, keeps a node or a lease alive, or ends one. */
function keepsAlive({ method, url }: Request): boolean {
  if (method === "PUT" || method === "DELETE") return true;
  return method === "POST" &&
    /\/(nodes|heartbeat|drain|reclaim|lend|renew)$/.test(new URL(url).pathname);
}

function unavailable(code: string, state: string): Response {
  const error = { code, message: `Cannot answer request: ${state}` };
  return Response.json({ error }, { status: 503, headers: { "retry-after": "1" } });
}

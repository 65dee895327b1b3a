import { closeTimeoutMs } from "./policy.ts";

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

/**
 * Knows which requests are under way, so that closing can wait for them: the server's own shutdown
 * breaks off bodies that are still arriving (Deno 2.9.6).
 */
export class InFlight {
  readonly #answers = new Set<Promise<unknown>>();
  readonly #most: number;
  #closing = false;

  /** @param most how many may be under way at a time. */
  constructor(most: number) {
    this.#most = most;
  }

  /** The same handler, counted. It answers 503 when there are too many, and once {@linkcode InFlight.drain} was called. */
  counted(handler: Handler): Handler {
    return async (request) => {
      if (this.#closing) return unavailable("closing", "the resource manager is closing");
      if (this.#answers.size >= this.#most) {
        return unavailable("busy", `${this.#most} requests are under way`);
      }
      const answer = Promise.resolve(handler(request));
      this.#answers.add(answer);
      try {
        return await answer;
      } finally {
        this.#answers.delete(answer);
      }
    };
  }

  /** Takes no more, and waits for those under way, but not longer than {@linkcode closeTimeoutMs}. */
  async drain(): Promise<void> {
    this.#closing = true;
    const overdue = Promise.withResolvers<void>();
    const timer = setTimeout(overdue.resolve, closeTimeoutMs);
    await Promise.race([Promise.allSettled(this.#answers), overdue.promise]);
    clearTimeout(timer);
  }
}

function unavailable(code: string, state: string): Response {
  const error = { code, message: `Cannot answer request: ${state}` };
  return Response.json({ error }, { status: 503, headers: { "retry-after": "1" } });
}

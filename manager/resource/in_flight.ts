import { closeTimeoutMs } from "./policy.ts";

/** Answers a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

/**
 * Knows which requests are under way, so that closing can wait for them: the server's own shutdown
 * breaks off bodies that are still arriving (Deno 2.9.6).
 */
export class InFlight {
  readonly #answers = new Set<Promise<unknown>>();
  #closing = false;

  /** The same handler, counted. Once {@linkcode InFlight.drain} was called it answers 503. */
  counted(handler: Handler): Handler {
    return async (request) => {
      if (this.#closing) {
        const message = "Cannot answer request: the resource manager is closing";
        return Response.json({ error: { code: "closing", message } }, { status: 503 });
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

/** Notifications for nodes, and the polls that wait for them, so that a change reaches its node before a heartbeat. */
import { RefusalError } from "./refusal.ts";
import { Revisions } from "./revisions.ts";

/** The poll of a node. */
interface Poll {
  respond(): void;
  refuse(error: unknown): void;
}

/**
 * Counts the notifications of each node. A notification has no content: the node sends a heartbeat, whose response has
 * all that it needs. So a notification may be repeated or sent without need, and a lost one waits for the next heartbeat.
 */
export class NodeNotifications {
  readonly #maxWaiting: number;
  readonly #revisions: Revisions;
  /** One for each node: a second poll replaces the first. */
  readonly #polls = new Map<string, Poll>();
  #closed = false;

  /** @param maxWaiting how many nodes may wait at a time. */
  constructor(nowMs: number, maxWaiting: number) {
    this.#revisions = new Revisions(nowMs);
    this.#maxWaiting = maxWaiting;
  }

  /** Adds a notification for a node. */
  notify(node: string): void {
    this.#revisions.change(node);
    this.#polls.get(node)?.respond();
  }

  /** Notifies a node that was removed, and discards its count. */
  forget(node: string): void {
    this.notify(node);
    this.#revisions.forget(node);
  }

  /**
   * Waits for a revision other than `since`, at most for `waitMs`. Does not wait if `since` is missing.
   *
   * @returns the newest revision, for the next `since`.
   * @throws {RefusalError} 409 `replaced` if the node sends another poll meanwhile; 503 `busy` if too many nodes wait, or
   * `closing`.
   * @throws the reason of the signal, when the node has gone.
   */
  wait(
    node: string,
    since: number | undefined,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (this.#closed) return Promise.reject(closing());
    if (since !== this.#revisions.of(node)) return Promise.resolve(this.#revisions.of(node));
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#polls.get(node)?.refuse(
      new RefusalError(
        409,
        "replaced",
        "Cannot wait for notifications: a later request of the node waits",
      ),
    );
    if (this.#polls.size >= this.#maxWaiting) {
      const message = `Cannot wait for notifications: ${this.#maxWaiting} nodes are waiting`;
      return Promise.reject(new RefusalError(503, "busy", message, 1));
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const leave = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
      if (this.#polls.get(node) === poll) this.#polls.delete(node);
    };
    const poll: Poll = {
      respond: () => {
        leave();
        resolve(this.#revisions.of(node));
      },
      refuse: (error) => {
        leave();
        reject(error);
      },
    };
    const abandon = () => poll.refuse(signal.reason);
    const timer = setTimeout(poll.respond, waitMs);
    signal.addEventListener("abort", abandon, { once: true });
    this.#polls.set(node, poll);
    return promise;
  }

  /** Refuses all waiting and all future polls. */
  close(): void {
    this.#closed = true;
    for (const poll of this.#polls.values()) poll.refuse(closing());
  }
}

function closing(): RefusalError {
  return new RefusalError(
    503,
    "closing",
    "Cannot wait for notifications: the resource manager is closing",
    1,
  );
}

/** News for nodes, and the nodes that wait for it: so an order reaches its node before the next heartbeat. */
import { Refusal } from "./refusal.ts";

/** A node that waits. */
interface Waiting {
  answer(): void;
  refuse(error: unknown): void;
}

/**
 * Counts the news of each node. What is new is not told here: who hears of news sends a heartbeat, whose answer says
 * all that a node must know. So news may be doubled or made up, and what is lost waits for the next beat.
 *
 * It is in memory: the count begins at the time of the start, so that one of an earlier process counts as old.
 */
export class NodeOrders {
  readonly #first: number;
  readonly #most: number;
  readonly #revisions = new Map<string, number>();
  /** One a node: a second one takes the first one's place. */
  readonly #waiting = new Map<string, Waiting>();
  #closed = false;

  /** @param most how many nodes may wait at a time. */
  constructor(nowMs: number, most: number) {
    this.#first = nowMs;
    this.#most = most;
  }

  /** There is news for this node. */
  tell(node: string): void {
    this.#revisions.set(node, this.#revision(node) + 1);
    this.#waiting.get(node)?.answer();
  }

  /** The node is known no more. */
  forget(node: string): void {
    this.tell(node);
    this.#revisions.delete(node);
  }

  /**
   * Waits for news after `since` (left out: does not wait), but no longer than `waitMs`.
   *
   * @returns the newest revision, to be given as the next `since`.
   * @throws {Refusal} 409 `replaced` if the node asks a second time meanwhile; 503 `busy` if too many wait, or
   * `closing`; the signal's reason when who asked has gone.
   */
  wait(
    node: string,
    since: number | undefined,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    if (this.#closed) return Promise.reject(closing());
    if (since !== this.#revision(node)) return Promise.resolve(this.#revision(node));
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#waiting.get(node)?.refuse(
      new Refusal(409, "replaced", "Cannot wait for orders: the node has asked once more"),
    );
    if (this.#waiting.size >= this.#most) {
      const message = `Cannot wait for orders: ${this.#most} nodes wait already`;
      return Promise.reject(new Refusal(503, "busy", message, 1));
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const leave = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
      if (this.#waiting.get(node) === waiting) this.#waiting.delete(node);
    };
    const waiting: Waiting = {
      answer: () => {
        leave();
        resolve(this.#revision(node));
      },
      refuse: (error) => {
        leave();
        reject(error);
      },
    };
    const gone = () => waiting.refuse(signal.reason);
    const timer = setTimeout(waiting.answer, waitMs);
    signal.addEventListener("abort", gone, { once: true });
    this.#waiting.set(node, waiting);
    return promise;
  }

  /** Refuses all who wait, and all who come. */
  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values()) waiting.refuse(closing());
  }

  #revision(node: string): number {
    return this.#revisions.get(node) ?? this.#first;
  }
}

function closing(): Refusal {
  return new Refusal(503, "closing", "Cannot wait for orders: the resource manager is closing", 1);
}

/** Sleeping until a connection has something to poll, on the event loop or by blocking the thread. */

import { nowMs } from "../../ffi/intrinsics.ts";
import { type Poller, POLLIN } from "../../ffi/poller.ts";
import { takeCqEvent } from "../../ffi/verbs/events.ts";
import type { CompletionQueue } from "./completion_queue.ts";
import type { Endpoint } from "./endpoint.ts";
import { KEEP_ALIVE_MS } from "./tuning.ts";

/** The state of a connection that a sleeper reads. */
export interface Sleeping {
  /** Whether the connection has left `connected`. */
  isOver(): boolean;
  /** Whether it has been closed; then none of its memory may be touched. */
  isClosed(): boolean;
  /** Called once in {@linkcode KEEP_ALIVE_MS} while the thread is blocked. */
  keepAlive(): void;
}

const { ceil } = Math;

/** The waits of one connection. */
export class Sleeper {
  readonly #endpoint: Endpoint;
  readonly #poller: Poller;
  readonly #completions: CompletionQueue;
  readonly #connection: Sleeping;
  /** struct pollfd of the completion channel, the connection manager and a stop descriptor. */
  readonly #pollfds = new Int32Array(6);
  readonly #pollBytes: Uint8Array<ArrayBuffer>;

  constructor(
    endpoint: Endpoint,
    poller: Poller,
    completions: CompletionQueue,
    connection: Sleeping,
  ) {
    this.#endpoint = endpoint;
    this.#poller = poller;
    this.#completions = completions;
    this.#connection = connection;
    this.#pollBytes = new Uint8Array(this.#pollfds.buffer);
  }

  /**
   * Waits on the event loop.
   *
   * @returns false after `timeoutMs`.
   * @throws the signal's reason when it is aborted.
   */
  async wait(options: { timeoutMs?: number; signal?: AbortSignal }): Promise<boolean> {
    const { timeoutMs = Infinity, signal } = options;
    signal?.throwIfAborted();
    const untilMs = nowMs() + timeoutMs;
    const { cm, fd } = this.#endpoint;
    cm.hold();
    try {
      for (;;) {
        if (this.#arm()) return true;
        await this.#poller.readable(fd, { timeoutMs: untilMs - nowMs(), signal });
        if (this.#mayPoll()) return true;
        if (nowMs() >= untilMs) return false;
      }
    } finally {
      cm.unhold();
    }
  }

  /** Blocks the thread; a readable `stopFd` ends the wait, a negative one is ignored. */
  waitSync(timeoutMs: number, stopFd: number): boolean {
    const untilMs = nowMs() + timeoutMs;
    const { cm, fd, verbs } = this.#endpoint;
    const pollfds = this.#pollfds;
    for (;;) {
      if (this.#arm()) return true;
      pollfds[0] = fd;
      pollfds[2] = cm.fd;
      pollfds[4] = stopFd;
      pollfds[1] = pollfds[3] = pollfds[5] = POLLIN;
      const leftMs = untilMs - nowMs();
      const ms = leftMs > KEEP_ALIVE_MS ? KEEP_ALIVE_MS : leftMs > 0 ? ceil(leftMs) : 0;
      verbs.libc.c.poll(this.#pollBytes, stopFd < 0 ? 2n : 3n, ms);
      cm.drain();
      if (this.#mayPoll()) return true;
      if (stopFd >= 0 && pollfds[5]! >>> 16 !== 0) return true;
      if (nowMs() >= untilMs) return false;
      this.#connection.keepAlive();
    }
  }

  /** Ends the waits of this end's own event loop. */
  wake(): void {
    this.#poller.release(this.#endpoint.fd);
  }

  /** Takes and acknowledges the completion events: before that the queue cannot be destroyed. */
  takeEvents(): void {
    const { verbs, channel, completionQueue } = this.#endpoint;
    while (takeCqEvent(verbs, channel) !== undefined) {
      verbs.ibv.ibv_ack_cq_events(completionQueue, 1);
    }
  }

  /** Arms the completion queue; true if there is something to poll already. */
  #arm(): boolean {
    if (this.#connection.isOver() || this.#completions.ready()) return true;
    this.#endpoint.verbs.inline.req_notify_cq(this.#endpoint.completionQueue, 0);
    return this.#completions.ready(); // a completion may have arrived before the queue was armed
  }

  /** Whether there is something to poll. If so, wakes the other waits too, because one event wakes only one. */
  #mayPoll(): boolean {
    if (this.#connection.isClosed()) return true;
    this.takeEvents();
    if (!this.#connection.isOver() && !this.#completions.ready()) return false;
    this.wake();
    return true;
  }
}

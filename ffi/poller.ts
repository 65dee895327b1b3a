/**
 * One poll(2) for all the descriptors that an event loop waits on.
 *
 * Deno runs nonblocking FFI calls on 32 threads; a call a descriptor would use them up, and then every file read
 * would wait. So one call watches them all, with an eventfd to end it when the set changes.
 */

import type { Libc } from "./libc.ts";

export const POLLIN = 1;
export const POLLERR = 8;
export const POLLHUP = 16;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

/** Words of struct pollfd: fd, then events and revents as 16 bits each. */
const POLLFD_WORDS = 2;

interface Waiter {
  fd: number;
  untilMs: number;
  resolve(readable: boolean): void;
  reject(reason: unknown): void;
}

/** Waits on descriptors for the event loop of this thread. It keeps the process alive only while someone waits. */
export class Poller implements Disposable {
  /** Fulfilled once the poller was closed and its last call has returned: then the library may be closed too. */
  readonly closed: Promise<void>;
  #hasClosed!: () => void;
  readonly #libc: Libc;
  readonly #wakeFd: number;
  readonly #one = new BigUint64Array([1n]);
  readonly #waiters = new Set<Waiter>();
  #running = false;
  #open = true;

  constructor(libc: Libc) {
    this.#libc = libc;
    ({ promise: this.closed, resolve: this.#hasClosed } = Promise.withResolvers<void>());
    this.#wakeFd = libc.c.eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (this.#wakeFd < 0) throw libc.fail("make an eventfd");
  }

  /**
   * Waits until `fd` can be read or its peer is gone.
   *
   * @returns false when `timeoutMs` passed first.
   * @throws the signal's reason when it is aborted.
   */
  async readable(
    fd: number,
    options: { timeoutMs?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<boolean> {
    const { timeoutMs = Infinity, signal } = options;
    signal?.throwIfAborted();
    if (!this.#open) throw new TypeError("Cannot wait for a descriptor: the poller is closed");
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const waiter = { fd, untilMs: performance.now() + timeoutMs, resolve, reject };
    const abort = () => {
      this.#waiters.delete(waiter);
      this.#wake();
      reject(signal!.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiters.add(waiter);
    if (this.#running) this.#wake();
    else this.#run();
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends every wait for `fd` as if it had become readable. Call it before the descriptor is closed. */
  release(fd: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.fd !== fd) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(true);
      this.#wake();
    }
  }

  /** Ends all waits (as timed out) and gives the descriptor back. May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const waiter of this.#waiters) waiter.resolve(false);
    this.#waiters.clear();
    if (this.#running) this.#wake(); // the last round closes the descriptor
    else this.#release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #wake(): void {
    this.#libc.c.write(this.#wakeFd, new Uint8Array(this.#one.buffer), 8n);
  }

  async #run(): Promise<void> {
    this.#running = true;
    const drain = new Uint8Array(8);
    while (this.#waiters.size > 0) {
      const waiters = [...this.#waiters];
      const words = new Int32Array((waiters.length + 1) * POLLFD_WORDS);
      words[0] = this.#wakeFd;
      words[1] = POLLIN;
      let untilMs = Infinity;
      waiters.forEach((waiter, i) => {
        words[(i + 1) * POLLFD_WORDS] = waiter.fd;
        words[(i + 1) * POLLFD_WORDS + 1] = POLLIN;
        untilMs = Math.min(untilMs, waiter.untilMs);
      });
      const leftMs = Math.min(Math.max(0, Math.ceil(untilMs - performance.now())), 0x7fffffff);
      const bytes = new Uint8Array(words.buffer);
      await this.#libc.c.pollAside(
        bytes,
        BigInt(waiters.length + 1),
        untilMs === Infinity ? -1 : leftMs,
      );
      if (words[1]! >>> 16 !== 0) this.#libc.c.read(this.#wakeFd, drain, 8n);
      const nowMs = performance.now();
      waiters.forEach((waiter, i) => {
        const ready = words[(i + 1) * POLLFD_WORDS + 1]! >>> 16 !== 0;
        if ((!ready && nowMs < waiter.untilMs) || !this.#waiters.delete(waiter)) return;
        waiter.resolve(ready);
      });
    }
    this.#running = false;
    if (!this.#open) this.#release();
  }

  #release(): void {
    this.#libc.c.close(this.#wakeFd);
    this.#hasClosed();
  }
}

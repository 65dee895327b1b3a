/**
 * One poll(2) for all the descriptors that an event loop waits on.
 *
 * Deno runs nonblocking FFI calls on 32 threads; a call a descriptor would use them up, and then every file read
 * would wait. So one call watches them all, with an eventfd to end it when the set changes.
 */

import { ByteView, nowMs } from "./intrinsics.ts";
import type { Libc } from "./libc.ts";

export const POLLIN = 1;
export const POLLERR = 8;
export const POLLHUP = 16;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

/** Words of struct pollfd: fd, then events and revents as 16 bits each. */
const POLLFD_WORDS = 2;

// A worker waits here after foreign code was loaded, which may replace any of these: it would be handed the waiters, or
// give poll(2) less memory than it is told of. Lists are walked by index, since iterators can be replaced as well.
const Memory = ArrayBuffer;
const Words = Int32Array;
const Pending = Promise;
const toBigInt = BigInt;
const { ceil, max, min } = Math;

interface Waiter {
  fd: number;
  untilMs: number;
  resolve(events: number): void;
}

/** Of a wait. */
export interface PollerOptions {
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** Waits on descriptors for the event loop of this thread. It keeps the process alive only while someone waits. */
export class Poller implements Disposable {
  /** Fulfilled once the poller was closed and its last call has returned: then the library may be closed too. */
  readonly closed: Promise<void>;
  #hasClosed!: () => void;
  readonly #libc: Libc;
  readonly #wakeFd: number;
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer);
  #waiters: Waiter[] = [];
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
  async readable(fd: number, options: PollerOptions = {}): Promise<boolean> {
    return await this.events(fd, options) !== 0;
  }

  /**
   * The same, and tells what poll(2) saw; 0 when `timeoutMs` passed first. Who is woken by it has waited long enough, so
   * that no promise lies between the call of poll(2) and this one: each costs microseconds in a cold cache.
   */
  events(fd: number, options: PollerOptions = {}): Promise<number> {
    const { timeoutMs = Infinity, signal } = options;
    return new Pending<number>((resolve, reject) => {
      signal?.throwIfAborted();
      if (!this.#open) throw new TypeError("Cannot wait for a descriptor: the poller is closed");
      const waiter: Waiter = { fd, untilMs: nowMs() + timeoutMs, resolve };
      if (signal) {
        const abort = () => {
          this.#remove(waiter);
          this.#wake();
          reject(signal.reason);
        };
        waiter.resolve = (events) => {
          signal.removeEventListener("abort", abort);
          resolve(events);
        };
        signal.addEventListener("abort", abort, { once: true });
      }
      this.#waiters[this.#waiters.length] = waiter;
      if (this.#running) this.#wake();
      else this.#run();
    });
  }

  /** Ends every wait for `fd` as if it had become readable. Call it before the descriptor is closed. */
  release(fd: number): void {
    const waiters = this.#waiters;
    for (let i = 0; i < waiters.length; i++) {
      const waiter = waiters[i]!;
      if (waiter.fd !== fd) continue;
      this.#remove(waiter);
      waiter.resolve(POLLIN);
      this.#wake();
    }
  }

  /** Ends all waits (as timed out) and gives the descriptor back. May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (let i = 0; i < waiters.length; i++) waiters[i]!.resolve(0);
    if (this.#running) this.#wake(); // the last round closes the descriptor
    else this.#release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #wake(): void {
    this.#libc.c.write(this.#wakeFd, this.#one, 8n);
  }

  /** Takes a waiter off the list, which is made anew: whoever walks the old one goes on undisturbed. */
  #remove(waiter: Waiter): boolean {
    const left: Waiter[] = [];
    const waiters = this.#waiters;
    for (let i = 0; i < waiters.length; i++) {
      if (waiters[i] !== waiter) left[left.length] = waiters[i]!;
    }
    this.#waiters = left;
    return left.length < waiters.length;
  }

  async #run(): Promise<void> {
    this.#running = true;
    const drain = new ByteView(8);
    while (this.#waiters.length > 0) {
      const count = this.#waiters.length;
      const waiters: Waiter[] = [];
      const memory = new Memory((count + 1) * POLLFD_WORDS * 4);
      const words = new Words(memory);
      words[0] = this.#wakeFd;
      words[1] = POLLIN;
      let untilMs = Infinity;
      for (let i = 0; i < count; i++) {
        const waiter = waiters[i] = this.#waiters[i]!;
        words[(i + 1) * POLLFD_WORDS] = waiter.fd;
        words[(i + 1) * POLLFD_WORDS + 1] = POLLIN;
        untilMs = min(untilMs, waiter.untilMs);
      }
      const leftMs = min(max(0, ceil(untilMs - nowMs())), 0x7fffffff);
      await this.#libc.c.pollAside(
        new ByteView(memory),
        toBigInt(count + 1),
        untilMs === Infinity ? -1 : leftMs,
      );
      if (words[1]! >>> 16 !== 0) this.#libc.c.read(this.#wakeFd, drain, 8n);
      const atMs = nowMs();
      for (let i = 0; i < count; i++) {
        const waiter = waiters[i]!;
        const events = words[(i + 1) * POLLFD_WORDS + 1]! >>> 16;
        if ((events !== 0 || atMs >= waiter.untilMs) && this.#remove(waiter)) {
          waiter.resolve(events);
        }
      }
    }
    this.#running = false;
    if (!this.#open) this.#release();
  }

  #release(): void {
    this.#libc.c.close(this.#wakeFd);
    this.#hasClosed();
  }
}

/**
 * One poll(2) for all descriptors on which an event loop waits.
 *
 * Deno runs nonblocking FFI calls on 32 threads. A call per descriptor would occupy them, and then every file read would
 * wait. So one call watches them all, and an eventfd ends it when the set changes.
 */

import { ByteView, nowMs } from "./intrinsics.ts";
import type { Libc } from "./libc.ts";
import { MappedMemory, PAGE_BYTES } from "./mapped_memory.ts";

/** The descriptor can be read. */
export const POLLIN = 1;
/** The descriptor has failed. */
export const POLLERR = 8;
/** The peer has closed. */
export const POLLHUP = 16;
const EFD_CLOEXEC_NONBLOCK = 0o2000000 | 0o4000;

/** Words of struct pollfd: fd, then events and revents as 16 bits each. */
const POLLFD_WORDS = 2;
const POLLFD_BYTES = POLLFD_WORDS * 4;

// A worker waits here after foreign code was loaded, which may replace any of these: a replacement would get the
// waiters. Lists are walked by index, since iterators can be replaced too.
const Words = Int32Array;
const Pending = Promise;
const toBigInt = BigInt;
const { ceil, max, min } = Math;

interface Waiter {
  fd: number;
  untilMs: number;
  resolve(events: number): void;
}

/** The options of a wait. */
export interface PollerOptions {
  /** How long to wait. @default {Infinity} */
  timeoutMs?: number | undefined;
  /** Cancels the wait. */
  signal?: AbortSignal | undefined;
}

/** Waits on descriptors for the event loop of this thread. Keeps the process alive only during a wait. */
export class Poller implements Disposable {
  /** Fulfilled once the poller is closed and its last call has returned; then the library may be closed. */
  readonly closed: Promise<void>;
  #hasClosed!: () => void;
  readonly #libc: Libc;
  readonly #wakeFd: number;
  readonly #one = new Uint8Array(new BigUint64Array([1n]).buffer);
  /**
   * Of struct pollfd. Not memory of JavaScript: a thread may end during poll(2), which then writes to it all the same. It
   * is left to the process in this case.
   */
  #memory: MappedMemory;
  #words: Int32Array;
  #waiters: Waiter[] = [];
  #running = false;
  #open = true;

  /** @throws {ErrnoError} when the process has no free descriptor, or no memory. */
  constructor(libc: Libc) {
    this.#libc = libc;
    ({ promise: this.closed, resolve: this.#hasClosed } = Promise.withResolvers<void>());
    this.#wakeFd = libc.c.eventfd(0, EFD_CLOEXEC_NONBLOCK);
    if (this.#wakeFd < 0) throw libc.fail("make an eventfd");
    libc.holdings?.eventfd(this.#wakeFd);
    this.#memory = MappedMemory.allocate(libc, PAGE_BYTES);
    this.#words = new Words(this.#memory.buffer(0, PAGE_BYTES));
  }

  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Waits until `fd` can be read or its peer is gone.
   *
   * @returns false after `timeoutMs`.
   * @throws the signal's reason when it is aborted.
   * @throws {TypeError} after {@linkcode Poller.close}.
   */
  async readable(fd: number, options: PollerOptions = {}): Promise<boolean> {
    return await this.events(fd, options) !== 0;
  }

  /**
   * Waits like {@linkcode Poller.readable}, and returns the events of poll(2); 0 after `timeoutMs`. There is no further
   * promise between the return of poll(2) and this one: each would cost microseconds in a cold cache.
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

  /** Ends all waits as timed out, and closes the eventfd. May be called twice. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (let i = 0; i < waiters.length; i++) waiters[i]!.resolve(0);
    if (this.#running) this.#wake(); // the last round closes the eventfd
    else this.#release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #wake(): void {
    this.#libc.c.write(this.#wakeFd, this.#one, 8n);
  }

  /** Removes a waiter by replacing the list, so that a loop over the old one is not disturbed. */
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
      const words = this.#wordsFor(count + 1);
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
        this.#memory.pointer,
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

  /** Memory for so many struct pollfd. */
  #wordsFor(count: number): Int32Array {
    let bytes = this.#memory.length;
    if (bytes >= count * POLLFD_BYTES) return this.#words;
    while (bytes < count * POLLFD_BYTES) bytes *= 2;
    this.#memory.close();
    this.#memory = MappedMemory.allocate(this.#libc, bytes);
    return this.#words = new Words(this.#memory.buffer(0, bytes));
  }

  #release(): void {
    this.#libc.holdings?.forget(this.#wakeFd);
    this.#libc.c.close(this.#wakeFd);
    this.#memory.close();
    this.#hasClosed();
  }
}

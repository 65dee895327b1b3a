/**
 * The socket of the handshake, kept open: it wakes a sleeping end, and the kernel closes it when a peer dies.
 *
 * A woken end does not read the ring at once, which takes 20 µs in a cold cache. It reads it before its next sleep,
 * when no message waits.
 */

import { EAGAIN, EINTR } from "../../ffi/errno.ts";
import type { Libc } from "../../ffi/libc.ts";
import { closeUnix } from "../../ffi/sockets/unix_socket.ts";
import { type Poller, type PollerOptions, POLLERR, POLLHUP, POLLIN } from "../../ffi/poller.ts";

const POLLRDHUP = 0x2000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/**
 * How long after the begin of a wait this end looks once more. The peer stores without a fence: it may not have seen that
 * this end sleeps, when this end did not see the store yet. The store is visible microseconds later. The peer looks again
 * at its next empty poll, which may be far off: it may run a function, or have nothing to poll for.
 */
const UNSEEN_MS = 1;

// Bound before foreign code loads.
const { ceil, max, min } = Math;

/** Why a wait ended. */
export type WakeReason = "rung" | "gone" | "timeout";

/** One end's side of the socket. Rings are bytes without meaning; many count as one. */
export class Doorbell {
  readonly #libc: Libc;
  readonly #poller: Poller;
  readonly #byte = new Uint8Array(1);
  /** struct pollfd of the socket and of a stop descriptor. */
  readonly #pollfds = new Int32Array(4);
  readonly #pollBytes: Uint8Array<ArrayBuffer>;
  #fd: number;
  /** A ring was seen and is still in the socket. */
  #rung = false;

  constructor(libc: Libc, poller: Poller, fd: number) {
    this.#libc = libc;
    this.#poller = poller;
    this.#fd = fd;
    this.#pollBytes = new Uint8Array(this.#pollfds.buffer);
  }

  /** Wakes the peer. Errors need no handling: a full socket holds a ring already, a broken one has no peer. */
  ring(): void {
    this.#libc.c.send(this.#fd, this.#byte, 1n, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** Whether the kernel has closed the peer's end. Leaves rings in the socket. */
  peerGone(): boolean {
    this.#pollfds[0] = this.#fd;
    this.#pollfds[1] = POLLRDHUP;
    this.#libc.c.poll(this.#pollBytes, 1n, 0);
    return ((this.#pollfds[1]! >>> 16) & (POLLRDHUP | POLLHUP | POLLERR)) !== 0;
  }

  /**
   * Waits for a ring or the peer's end on the event loop, for {@linkcode UNSEEN_MS} at most. The caller then looks once
   * more, and waits for the {@linkcode Doorbell.rest}.
   *
   * @returns the events for {@linkcode Doorbell.reasonOf}; 0 without any.
   * @throws the signal's reason when it is aborted.
   */
  wait({ timeoutMs = Infinity, signal }: PollerOptions): Promise<number> {
    return this.#poller.events(this.#fd, { timeoutMs: min(timeoutMs, UNSEEN_MS), signal });
  }

  /** Waits for what is left of the timeout. There is nothing left when the poller was closed meanwhile. */
  rest({ timeoutMs = Infinity, signal }: PollerOptions): Promise<number> | number {
    if (!this.#poller.isOpen) return 0;
    return this.#poller.events(this.#fd, { timeoutMs: timeoutMs - UNSEEN_MS, signal });
  }

  /** As {@linkcode Doorbell.wait}, but blocks the thread; a readable `stopFd` counts as rung. */
  waitSync(timeoutMs: number, stopFd: number): WakeReason {
    return this.#block(min(timeoutMs, UNSEEN_MS), stopFd);
  }

  /** Blocks for what is left of the timeout. */
  restSync(timeoutMs: number, stopFd: number): WakeReason {
    return this.#block(timeoutMs - UNSEEN_MS, stopFd);
  }

  #block(timeoutMs: number, stopFd: number): WakeReason {
    this.#pollfds[0] = this.#fd;
    this.#pollfds[1] = POLLIN;
    this.#pollfds[2] = stopFd;
    this.#pollfds[3] = POLLIN;
    // poll(2) takes a negative timeout as infinite, so one that has passed becomes 0.
    const ms = timeoutMs === Infinity ? -1 : min(max(0, ceil(timeoutMs)), 0x7fffffff);
    const ready = this.#libc.c.poll(this.#pollBytes, stopFd < 0 ? 1n : 2n, ms);
    if (ready <= 0) return "timeout";
    const events = this.#pollfds[1]! >>> 16;
    return events === 0 ? "rung" : this.reasonOf(events);
  }

  /** The reason that the events of a wait stand for. */
  reasonOf(events: number): WakeReason {
    if (events === 0) return "timeout";
    this.#rung = true;
    if ((events & (POLLHUP | POLLERR)) === 0) return "rung";
    this.#rung = false;
    return this.#drain();
  }

  /**
   * Reads the ring that was seen. Call it before the peer learns of a sleep: a later ring must stay. A sleep has one ring
   * at most; one that is left over ends the next wait, after which the caller polls once more.
   */
  clear(): "rung" | "gone" {
    if (!this.#rung || this.#fd < 0) return "rung";
    this.#rung = false;
    return this.#read() < 0 ? "gone" : "rung";
  }

  /** Ends the waits of this end's own event loop. */
  wakeWaiters(): void {
    if (this.#fd >= 0) this.#poller.release(this.#fd);
  }

  /** Leaves the core to other threads. */
  yield(): void {
    this.#libc.c.sched_yield();
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    this.#poller.release(fd);
    closeUnix(this.#libc, fd);
  }

  /** Reads all rings, until the peer's end. */
  #drain(): "rung" | "gone" {
    for (;;) {
      const rings = this.#read();
      if (rings !== 1) return rings < 0 ? "gone" : "rung";
    }
  }

  /** Reads one ring, if there is one; returns how many, or -1 if the peer is gone. */
  #read(): 1 | 0 | -1 {
    for (;;) {
      const received = this.#libc.c.recv(this.#fd, this.#byte, 1n, MSG_DONTWAIT);
      if (received > 0n) return 1;
      if (received === 0n) return -1;
      const errno = this.#libc.errno();
      if (errno === EAGAIN) return 0;
      if (errno !== EINTR) return -1;
    }
  }
}

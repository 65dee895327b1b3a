/**
 * The socket of the handshake, kept: it wakes a sleeper, and the kernel closes it when a peer dies.
 *
 * Who is woken has no time for the ring itself: it is taken off the socket before the next sleep, when nobody waits
 * (20 µs in a cold cache).
 */

import { EAGAIN, EINTR } from "../../ffi/errno.ts";
import type { Libc } from "../../ffi/libc.ts";
import { closeUnix } from "../../ffi/unix_socket.ts";
import { type Poller, POLLERR, POLLHUP, POLLIN } from "../../ffi/poller.ts";

const POLLRDHUP = 0x2000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** How a wait has ended. */
export type Heard = "rung" | "gone" | "timeout";

export class Doorbell {
  readonly #libc: Libc;
  readonly #poller: Poller;
  readonly #byte = new Uint8Array(1);
  /** struct pollfd of the socket and of a stop descriptor. */
  readonly #pollfds = new Int32Array(4);
  readonly #pollBytes: Uint8Array<ArrayBuffer>;
  #fd: number;
  /** A ring was heard and lies in the socket still. */
  #rung = false;

  constructor(libc: Libc, poller: Poller, fd: number) {
    this.#libc = libc;
    this.#poller = poller;
    this.#fd = fd;
    this.#pollBytes = new Uint8Array(this.#pollfds.buffer);
  }

  /** Wakes the peer. A full socket holds a ring already, a broken one has nobody to wake. */
  ring(): void {
    this.#libc.c.send(this.#fd, this.#byte, 1n, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** Has the kernel closed the peer's end? Takes no ring away. */
  peerGone(): boolean {
    this.#pollfds[0] = this.#fd;
    this.#pollfds[1] = POLLRDHUP;
    this.#libc.c.poll(this.#pollBytes, 1n, 0);
    return ((this.#pollfds[1]! >>> 16) & (POLLRDHUP | POLLHUP | POLLERR)) !== 0;
  }

  /** Waits for a ring or the peer's end; {@linkcode Doorbell.heard} tells which. */
  wait(options: { timeoutMs?: number; signal?: AbortSignal }): Promise<number> {
    return this.#poller.events(this.#fd, options);
  }

  /** Blocks the thread; a readable `stopFd` counts as rung. */
  waitSync(timeoutMs: number, stopFd: number): Heard {
    this.#pollfds[0] = this.#fd;
    this.#pollfds[1] = POLLIN;
    this.#pollfds[2] = stopFd;
    this.#pollfds[3] = POLLIN;
    // poll(2) takes a negative time-out for none: one that has passed must not become one that never comes.
    const ms = timeoutMs === Infinity
      ? -1
      : Math.min(Math.max(0, Math.ceil(timeoutMs)), 0x7fffffff);
    const ready = this.#libc.c.poll(this.#pollBytes, stopFd < 0 ? 1n : 2n, ms);
    if (ready <= 0) return "timeout";
    const events = this.#pollfds[1]! >>> 16;
    return events === 0 ? "rung" : this.heard(events);
  }

  /** What the events of a wait say. */
  heard(events: number): Heard {
    if (events === 0) return "timeout";
    this.#rung = true;
    return (events & (POLLHUP | POLLERR)) === 0 ? "rung" : this.settle();
  }

  /** Takes off the socket what was heard. Before a sleep, and before the peer is told of it: a later ring must stay. */
  settle(): "rung" | "gone" {
    if (!this.#rung || this.#fd < 0) return "rung";
    this.#rung = false;
    return this.#drain();
  }

  /** Ends the waits of this end's own event loop. */
  wakeWaiters(): void {
    if (this.#fd >= 0) this.#poller.release(this.#fd);
  }

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

  #drain(): "rung" | "gone" {
    for (;;) {
      const received = this.#libc.c.recv(this.#fd, this.#byte, 1n, MSG_DONTWAIT);
      if (received > 0n) continue;
      if (received === 0n) return "gone";
      const errno = this.#libc.errno();
      if (errno === EAGAIN) return "rung";
      if (errno !== EINTR) return "gone";
    }
  }
}

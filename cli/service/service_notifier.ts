/** What a service reports to systemd: that it is ready, that it ends, and that it is alive (`man sd_notify`). */

import { type Libc, openLibc } from "../../ffi/libc.ts";
import { sendDatagram } from "../../ffi/sockets/unix_datagram.ts";
import { EAGAIN, ErrnoError } from "../../ffi/errno.ts";
import { getLogger } from "../../manager/log.ts";

/** Between two attempts to report that the service is ready or ends, while the queue of systemd is full. */
const RETRY_MS = 200;

/** Reports to the service manager that started this process. */
export class ServiceNotifier implements Disposable {
  readonly #log = getLogger(["rfaas", "service"]);
  readonly #libc: Libc;
  readonly #socket: string;
  readonly #watchdogMs: number | undefined;
  #watchdog: ReturnType<typeof setInterval> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /** @param watchdogMs systemd restarts a service that sends nothing for so long; undefined: it does not. */
  constructor(socket: string, watchdogMs: number | undefined) {
    this.#socket = socket;
    this.#watchdogMs = watchdogMs;
    this.#libc = openLibc();
  }

  /** Returns a notifier if systemd waits for reports of this process. */
  static fromEnvironment(): ServiceNotifier | undefined {
    const socket = Deno.env.get("NOTIFY_SOCKET");
    if (!socket) return undefined;
    const isWatched = Number(Deno.env.get("WATCHDOG_PID") ?? Deno.pid) === Deno.pid;
    const watchdogMs = Number(Deno.env.get("WATCHDOG_USEC") ?? 0) / 1000;
    return new ServiceNotifier(socket, isWatched && watchdogMs > 0 ? watchdogMs : undefined);
  }

  /** The service can be used. From now on the watchdog sees that the event loop turns. */
  ready(status: string): void {
    this.#sendState(`READY=1\nSTATUS=${status}`);
    if (this.#watchdogMs === undefined) return;
    this.#watchdog = setInterval(() => this.#send("WATCHDOG=1"), this.#watchdogMs / 2);
  }

  stopping(status: string): void {
    this.#sendState(`STOPPING=1\nSTATUS=${status}`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
    this.#libc.close();
  }

  /**
   * Repeats the message while the queue of systemd is full: systemd ends a service that does not report that
   * it is ready. A later state replaces the one that waits.
   */
  #sendState(message: string): void {
    clearTimeout(this.#retry);
    if (this.#send(message) !== EAGAIN) return;
    this.#retry = setTimeout(() => this.#sendState(message), RETRY_MS);
  }

  /**
   * A service neither ends nor waits because systemd, which may be restarting or hang, takes no messages.
   *
   * @returns the number of the error, if there was one.
   */
  #send(message: string): number | undefined {
    try {
      sendDatagram(this.#libc, this.#socket, message);
      return undefined;
    } catch (error) {
      this.#log.warn("cannot notify systemd: {error}", { error });
      return error instanceof ErrnoError ? error.errno : undefined;
    }
  }
}

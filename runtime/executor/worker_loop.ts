/** A worker's time: spinning while calls come, asleep when they do not, and back on the event loop for promises. */

import type { Connection } from "../../fabric/fabric.ts";
import { nowMs } from "../../ffi/intrinsics.ts";
import {
  POLLS_PER_LOOK,
  POLLS_PER_LOOK_NETWORK,
  POLLS_PER_YIELD,
  PROBE_EVERY_MS,
  SCARCE_HOT_MS,
  SLEEP_MS,
  YIELD_AFTER_MS,
} from "../policy.ts";
import type { CallServer } from "./call_server.ts";
import type { CoreShare } from "./core_share.ts";
import type { WorkClock } from "./work_clock.ts";
import { BEAT, STOP } from "./watch_words.ts";

export interface LoopOptions {
  readonly connection: Connection;
  readonly server: CallServer;
  readonly watch: Int32Array;
  readonly clock: WorkClock;
  /** Tells functions that a call was given up. */
  readonly contexts: { look(): void };
  /**
   * How long the worker polls after its last call before it sleeps; 0 always sleeps, Infinity never. Where others want
   * the core it sleeps before that.
   */
  readonly hotMs: number;
  /** Becomes readable when the worker is to stop. */
  readonly stopFd: number;
  readonly cores: CoreShare;
}

// Held before foreign code is loaded.
const turn = setImmediate;
const Wait = Promise;
/** Without a prototype: what hangs on the common one may be foreign. */
const ASLEEP: { readonly timeoutMs: number } = Object.assign(Object.create(null), {
  timeoutMs: SLEEP_MS,
});

/** Calls served or polls made in one go while promises are pending. */
const BURST = 64;

export class WorkerLoop {
  readonly #o: LoopOptions;
  #idleSinceMs = nowMs();
  #probedMs = nowMs();

  constructor(options: LoopOptions) {
    this.#o = options;
  }

  /** Serves until the connection ends, the server breaks or the stop word is set; returns why. */
  async run(): Promise<string> {
    const { server } = this.#o;
    while (!this.#over()) {
      if (server.pending === 0) this.#spin();
      else await this.#share();
    }
    if (server.broken !== "") return server.broken;
    return this.#o.watch[STOP] !== 0 ? "stopped" : this.#o.connection.reason;
  }

  #over(): boolean {
    const { connection, server, watch } = this.#o;
    return connection.state !== "connected" || server.broken !== "" || watch[STOP] !== 0;
  }

  /** The synchronous loop: nothing else happens on this thread. Ends when a promise is pending or all is over. */
  #spin(): void {
    const { server, watch, hotMs } = this.#o;
    const pollsPerLook = server.inPlace ? POLLS_PER_LOOK : POLLS_PER_LOOK_NETWORK;
    const scarceHotMs = hotMs === Infinity
      ? hotMs
      : (hotMs < SCARCE_HOT_MS ? hotMs : SCARCE_HOT_MS);
    let polls = 0;
    let served = false;
    let yielding = false;
    let scarce = false;
    let woken = false;
    for (;;) {
      if (server.serveNext()) {
        if (server.pending !== 0 || server.broken !== "") return;
        if (woken) {
          woken = false;
          this.#o.cores.yield(); // the kernel likes to wake a thread on the core of who woke it: its client waits there
        }
        served = true;
        yielding = false; // until the next look: the call after this one is to find the worker awake
      } else if (yielding && polls % POLLS_PER_YIELD === 0 && this.#o.cores.shouldSleep()) {
        this.#o.cores.yield();
        scarce = true;
        polls = pollsPerLook;
      }
      if (++polls < pollsPerLook) continue;
      polls = 0;
      watch[BEAT] = (watch[BEAT]! + 1) | 0;
      const atMs = this.#look();
      if (atMs < 0) return;
      if (served) this.#idleSinceMs = atMs;
      served = false;
      const idleMs = atMs - this.#idleSinceMs;
      yielding = idleMs > YIELD_AFTER_MS;
      if (idleMs >= (scarce ? scarceHotMs : hotMs)) {
        this.#sleep();
        woken = true;
      }
      scarce = false;
    }
  }

  /** One burst beside the event loop, on which promises of asynchronous functions settle. */
  async #share(): Promise<void> {
    const { server, watch, hotMs, connection, clock, contexts } = this.#o;
    watch[BEAT] = (watch[BEAT]! + 1) | 0;
    let served = 0;
    for (let i = 0; i < BURST && server.broken === ""; i++) if (server.serveNext()) served++;
    const atMs = this.#look();
    if (atMs < 0) return;
    if (served > 0) this.#idleSinceMs = atMs;
    contexts.look();
    if (atMs - this.#idleSinceMs >= hotMs) {
      clock.leave();
      await connection.wait(ASLEEP);
      clock.comeBack();
      return;
    }
    clock.leave();
    await new Wait((resolve) => turn(resolve, undefined));
    clock.comeBack();
  }

  #sleep(): void {
    const { connection, stopFd, watch, clock } = this.#o;
    connection.waitSync(SLEEP_MS, stopFd);
    clock.slept();
    watch[BEAT] = (watch[BEAT]! + 1) | 0;
  }

  /** The time, read once a look: a call that comes meanwhile waits. -1 when the loop must end. */
  #look(): number {
    this.#o.clock.look();
    if (this.#over()) return -1;
    const atMs = nowMs();
    if (atMs - this.#probedMs >= PROBE_EVERY_MS) {
      this.#probedMs = atMs;
      if (!this.#o.connection.probe()) {
        while (this.#o.server.serveNext());
        return -1;
      }
    }
    return atMs;
  }
}

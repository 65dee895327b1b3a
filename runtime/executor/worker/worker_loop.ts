/** A worker's main loop: it spins while calls arrive, sleeps when they stop, and turns the event loop for promises. */

import type { Connection, SharedMemory } from "../../../fabric/fabric.ts";
import { nowMs } from "../../../ffi/intrinsics.ts";
import {
  GIVEN_UP_SLEEP_MS,
  POLLS_PER_CALL,
  POLLS_PER_LOOK,
  POLLS_PER_LOOK_NETWORK,
  POLLS_PER_YIELD,
  PROBE_EVERY_MS,
  SCARCE_HOT_MS,
  SLEEP_MS,
  TURN_EVERY_MS,
  YIELD_AFTER_MS,
} from "../../policy.ts";
import { type EndReason, endReason } from "../../protocol/end_reason.ts";
import type { CallServer } from "./call_server.ts";
import type { CoreShare } from "./core_share.ts";
import { LookTime } from "./look_time.ts";
import type { WorkClock } from "./work_clock.ts";
import { BEAT, STOP } from "../watch_words.ts";

/** What a {@linkcode WorkerLoop} needs. */
export interface LoopOptions {
  readonly connection: Connection;
  readonly server: CallServer;
  readonly watch: Int32Array;
  readonly clock: WorkClock;
  /**
   * How long the worker polls after its last call before it sleeps. With 0 it sleeps at once, with Infinity never. It
   * sleeps sooner if other threads need the core, and at once if its client has no other core than this one.
   */
  readonly hotMs: number;
  /** Becomes readable when the worker must stop. */
  readonly stopFd: number;
  readonly cores: CoreShare;
}

// Bound before foreign code loads.
const turn = setImmediate;
const Wait = Promise;
/** They have no prototype: foreign code may have added properties to the usual one. */
const waitFor = (timeoutMs: number): { readonly timeoutMs: number } =>
  Object.assign(Object.create(null), { timeoutMs });
const SLEEP_OPTIONS = waitFor(SLEEP_MS);
const SLEEP_OPTIONS_NETWORK = waitFor(GIVEN_UP_SLEEP_MS);

/** The number of polls between two turns of the event loop, while promises are pending. */
const BURST = 64;

/** The loop of one connection. */
export class WorkerLoop {
  readonly #options: LoopOptions;
  readonly #shared: SharedMemory | undefined;
  /** Whether the client cannot run while this thread does. */
  readonly #sharesCore: boolean;
  #idleSinceMs = nowMs();
  #turnedMs = nowMs();
  /** Whether a call was served since the event loop turned. */
  #servedSinceTurn = false;
  #probedMs = nowMs();
  readonly #time = new LookTime();

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#shared = options.connection.shared;
    this.#sharesCore = this.#shared?.sharesCore === true;
  }

  /** Serves until the connection ends, the server breaks or the stop word is set; returns the reason. */
  async run(): Promise<EndReason> {
    const { server } = this.#options;
    while (!this.#over()) {
      if (server.pending !== 0) await this.#share();
      else if (this.#sharesCore ? this.#takeTurns() : this.#spin()) await this.#turn();
    }
    const { connection, watch } = this.#options;
    if (server.broken !== "") {
      return endReason(connection.state === "connected" ? "crashed" : "client-gone", server.broken);
    }
    return watch[STOP] !== 0
      ? endReason("stopped", "stopped by its executor manager")
      : endReason("client-gone", connection.reason);
  }

  #over(): boolean {
    const { connection, server, watch } = this.#options;
    return connection.state !== "connected" || server.broken !== "" || watch[STOP] !== 0;
  }

  /**
   * The synchronous loop: no other code runs on this thread. It returns when a promise is pending, when the loop must end,
   * and when the event loop is due.
   *
   * @returns whether the event loop is due.
   */
  #spin(): boolean {
    const { server, watch, hotMs, clock } = this.#options;
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
        if (server.pending !== 0 || server.broken !== "") return false;
        if (woken) {
          woken = false;
          clock.look();
          this.#options.cores.yield(); // the kernel often wakes a thread on its waker's core, where the client now waits
          clock.yielded();
        }
        served = true;
        polls += POLLS_PER_CALL;
        yielding = false; // until the next look: the call after this one should find the worker awake
      } else if (yielding && polls % POLLS_PER_YIELD === 0) {
        if (this.#options.cores.shouldSleep()) {
          this.#options.cores.yield();
          scarce = true;
          polls = pollsPerLook;
        }
        clock.yielded();
      }
      if (++polls < pollsPerLook) continue;
      polls = 0;
      watch[BEAT] = (watch[BEAT]! + 1) | 0;
      const atMs = this.#look();
      if (atMs < 0) return false;
      if (served) {
        this.#idleSinceMs = atMs;
        this.#servedSinceTurn = true;
      }
      served = false;
      if (atMs - this.#turnedMs >= TURN_EVERY_MS) return true;
      const idleMs = atMs - this.#idleSinceMs;
      yielding = idleMs > YIELD_AFTER_MS;
      if (idleMs >= (scarce ? scarceHotMs : hotMs)) {
        if (this.#servedSinceTurn) return true; // before it sleeps
        this.#sleep(SLEEP_MS);
        woken = true;
      }
      scarce = false;
    }
  }

  /** As {@linkcode WorkerLoop.#spin}, but leaves the core to the client as soon as there is no call. */
  #takeTurns(): boolean {
    const { server, watch } = this.#options;
    for (;;) {
      let polls = 0;
      while (polls < POLLS_PER_LOOK && server.serveNext()) {
        if (server.pending !== 0 || server.broken !== "") return false;
        this.#servedSinceTurn = true;
        polls += POLLS_PER_CALL;
      }
      watch[BEAT] = (watch[BEAT]! + 1) | 0;
      const atMs = this.#look();
      if (atMs < 0) return false;
      if (!this.#servedSinceTurn) this.#sleep(SLEEP_MS);
      else {
        const leftMs = this.#turnedMs + TURN_EVERY_MS - atMs;
        if (leftMs <= 0) return true;
        this.#sleep(leftMs);
      }
    }
  }

  /** One burst of polls, then one turn of the event loop, on which the promises of functions settle. */
  async #share(): Promise<void> {
    const { server, watch, hotMs, connection, clock } = this.#options;
    watch[BEAT] = (watch[BEAT]! + 1) | 0;
    let served = 0;
    for (let i = 0; i < BURST && server.broken === ""; i++) if (server.serveNext()) served++;
    const atMs = this.#look();
    if (atMs < 0) return;
    if (served > 0) this.#idleSinceMs = atMs;
    server.endGivenUp(atMs);
    const isCold = this.#sharesCore ? served === 0 : atMs - this.#idleSinceMs >= hotMs;
    if (isCold) {
      clock.leave();
      await connection.wait(server.inPlace ? SLEEP_OPTIONS : SLEEP_OPTIONS_NETWORK);
      clock.resume();
      return;
    }
    await this.#turn();
  }

  /** One turn of the event loop: timers, reactions and finalizers of functions run in it. */
  async #turn(): Promise<void> {
    const { clock } = this.#options;
    clock.leave();
    await new Wait((resolve) => turn(resolve, undefined));
    clock.resume();
    this.#turnedMs = nowMs();
    this.#servedSinceTurn = false;
  }

  #sleep(ms: number): void {
    const { connection, stopFd, watch, clock } = this.#options;
    connection.waitSync(ms, stopFd);
    clock.slept();
    if (this.#shared !== undefined) this.#shared.publishCore();
    watch[BEAT] = (watch[BEAT]! + 1) | 0;
  }

  /**
   * Checks whether the loop must end, and probes the peer now and then. It runs once every {@linkcode POLLS_PER_LOOK}
   * polls, because a call that arrives meanwhile has to wait.
   *
   * @returns the time in milliseconds; -1 when the loop must end.
   */
  #look(): number {
    const cycles = this.#options.clock.look();
    this.#options.server.look();
    if (this.#shared !== undefined) this.#shared.publishCore();
    if (this.#over()) return -1;
    const atMs = this.#time.at(cycles);
    if (atMs - this.#probedMs >= PROBE_EVERY_MS) {
      this.#probedMs = atMs;
      if (!this.#options.connection.probe()) {
        while (this.#options.server.serveNext());
        return -1;
      }
    }
    return atMs;
  }
}

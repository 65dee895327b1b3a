/**
 * Takes the replies of calls that wait by a promise, for all leases of a client.
 *
 * It runs as a microtask right after the calls were posted, spins for a short time, goes on by setImmediate so that
 * the event loop stays alive, and sleeps when nothing comes: 64 calls travel together, and a timer still fires.
 */

import {
  CLIENT_YIELD_AFTER_MS,
  PROBE_EVERY_MS,
  PUMP_HOT_MS,
  PUMP_SPIN_MS,
  PUMP_TURN_MS,
} from "./policy.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Empty rounds between two looks at the clock. */
const ROUNDS_PER_LOOK = 32;

export class Pump {
  readonly #sessions = new Set<WorkerSession>();
  readonly #sleeping = new Set<WorkerSession>();
  readonly #yieldCore: () => void;
  readonly #onLost: (session: WorkerSession) => void;
  #running = false;
  #turnStartMs = 0;
  #progressMs = 0;
  #probedMs = 0;

  /** @param yieldCore gives the core to another thread that wants it. */
  constructor(yieldCore: () => void, onLost: (session: WorkerSession) => void) {
    this.#yieldCore = yieldCore;
    this.#onLost = onLost;
  }

  /** Pumps a session from now on; {@linkcode Pump.kick} starts it. */
  add(session: WorkerSession): void {
    this.#sessions.add(session);
  }

  remove(session: WorkerSession): void {
    this.#sessions.delete(session);
    this.#sleeping.delete(session);
  }

  /** A call was posted: take replies until none is outstanding. */
  kick(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(this.#begin);
  }

  readonly #begin = () => {
    this.#turnStartMs = this.#progressMs = performance.now();
    this.#turn();
  };

  readonly #nextTurn = () => {
    this.#turnStartMs = performance.now();
    this.#turn();
  };

  readonly #turn = () => {
    let rounds = 0;
    for (;;) {
      if (this.#pollAll()) {
        const nowMs = performance.now();
        this.#progressMs = nowMs;
        if (!this.#outstanding()) return this.#rest();
        // What waited for these replies runs before the next turn, and may post the next calls.
        if (nowMs - this.#turnStartMs < PUMP_TURN_MS) queueMicrotask(this.#turn);
        else setImmediate(this.#nextTurn);
        return;
      }
      if (++rounds % ROUNDS_PER_LOOK !== 0) continue;
      if (!this.#outstanding()) return this.#rest();
      const nowMs = performance.now();
      if (nowMs - this.#probedMs > PROBE_EVERY_MS) this.#probe(nowMs);
      const idleMs = nowMs - this.#progressMs;
      if (idleMs > PUMP_HOT_MS) return this.#sleep();
      if (idleMs > CLIENT_YIELD_AFTER_MS) this.#yieldCore();
      if (idleMs > PUMP_SPIN_MS) {
        setImmediate(this.#nextTurn);
        return;
      }
    }
  };

  #pollAll(): boolean {
    let taken = false;
    for (const session of this.#sessions) {
      if (session.outstanding > 0) { while (session.poll()) taken = true; }
    }
    return taken;
  }

  #outstanding(): boolean {
    for (const session of this.#sessions) if (session.outstanding > 0) return true;
    return false;
  }

  #probe(nowMs: number): void {
    this.#probedMs = nowMs;
    for (const session of this.#sessions) {
      if (session.outstanding > 0 && !session.connection.probe()) this.#lose(session);
    }
  }

  #rest(): void {
    this.#running = false;
  }

  #sleep(): void {
    this.#running = false;
    for (const session of this.#sessions) {
      if (session.outstanding > 0 && !this.#sleeping.has(session)) this.#sleepOn(session);
    }
  }

  async #sleepOn(session: WorkerSession): Promise<void> {
    this.#sleeping.add(session);
    try {
      await session.connection.wait();
    } finally {
      this.#sleeping.delete(session);
    }
    if (session.lost) return;
    if (session.connection.state !== "connected") this.#lose(session);
    else this.kick();
  }

  #lose(session: WorkerSession): void {
    while (session.poll()); // replies that came before the end still count
    this.remove(session);
    this.#onLost(session);
  }
}

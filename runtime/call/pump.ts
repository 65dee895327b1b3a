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
} from "../policy.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Empty rounds between two looks at the clock, which costs as much as ten of them. */
const ROUNDS_PER_LOOK = 32;

/**
 * Replies between two looks at the clock: they are often all there before an empty round, and then none is made. What
 * follows a reply takes some 0.6 µs, so the clock is seen every 20 µs and more.
 */
const REPLIES_PER_LOOK = 32;

export class Pump {
  #sessions: readonly WorkerSession[] = [];
  readonly #sleeping = new Set<WorkerSession>();
  readonly #yieldCore: () => void;
  readonly #onLost: (session: WorkerSession) => void;
  #running = false;
  /** Replies taken since the clock was last seen. */
  #unseen = 0;
  /** Since when the event loop has surely had no turn; 0: it may have had one just now. */
  #turnStartMs = 0;
  /** When the last replies were taken; 0: before the next look. */
  #progressMs = 0;
  #probedMs = 0;

  constructor(yieldCore: () => void, onLost: (session: WorkerSession) => void) {
    this.#yieldCore = yieldCore;
    this.#onLost = onLost;
  }

  /** Pumps a session from now on; {@linkcode Pump.kick} starts it. */
  add(session: WorkerSession): void {
    if (!this.#sessions.includes(session)) this.#sessions = [...this.#sessions, session];
  }

  remove(session: WorkerSession): void {
    this.#sessions = this.#sessions.filter((one) => one !== session);
    this.#sleeping.delete(session);
  }

  /** A call was posted: take replies until none is outstanding. */
  kick(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(this.#begin);
  }

  readonly #begin = () => {
    this.#progressMs = 0;
    // Calls one after the other are one chain of microtasks, in which nothing else would ever run.
    if (this.#unseen >= REPLIES_PER_LOOK && this.#isTurnDue(performance.now())) {
      setImmediate(this.#nextTurn);
    } else this.#turn();
  };

  readonly #nextTurn = () => {
    this.#turnStartMs = 0;
    this.#turn();
  };

  readonly #turned = () => void (this.#turnStartMs = 0);

  readonly #turn = () => {
    let rounds = 0;
    for (;;) {
      if (this.#pollAll()) {
        if (!this.#outstanding()) return this.#rest();
        const nowMs = performance.now();
        this.#progressMs = nowMs;
        // What waited for these replies runs before the next turn, and may post the next calls.
        if (this.#isTurnDue(nowMs)) setImmediate(this.#nextTurn);
        else queueMicrotask(this.#turn);
        return;
      }
      if (++rounds % ROUNDS_PER_LOOK !== 0) continue;
      if (!this.#outstanding()) return this.#rest();
      const nowMs = performance.now();
      if (nowMs - this.#probedMs > PROBE_EVERY_MS) this.#probe(nowMs);
      if (this.#progressMs === 0) this.#progressMs = nowMs;
      const idleMs = nowMs - this.#progressMs;
      if (idleMs > PUMP_HOT_MS) return this.#sleep();
      if (idleMs > CLIENT_YIELD_AFTER_MS) this.#yieldCore();
      if (idleMs > PUMP_SPIN_MS) {
        setImmediate(this.#nextTurn);
        return;
      }
    }
  };

  /** Has the event loop waited long enough for its turn? */
  #isTurnDue(nowMs: number): boolean {
    this.#unseen = 0;
    if (this.#turnStartMs === 0) {
      this.#turnStartMs = nowMs;
      setImmediate(this.#turned); // a turn that comes by itself counts
      return false;
    }
    return nowMs - this.#turnStartMs >= PUMP_TURN_MS;
  }

  #pollAll(): boolean {
    const before = this.#unseen;
    const sessions = this.#sessions;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i]!;
      if (session.outstanding > 0) { while (session.poll()) this.#unseen++; }
    }
    return this.#unseen !== before;
  }

  #outstanding(): boolean {
    const sessions = this.#sessions;
    for (let i = 0; i < sessions.length; i++) if (sessions[i]!.outstanding > 0) return true;
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

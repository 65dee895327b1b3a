/**
 * Polls for the replies of calls with a promise, for all leases of a client.
 *
 * It runs as a microtask right after calls were posted and spins for a short time. Then it continues by setImmediate, so
 * that the event loop stays alive, and sleeps if no reply arrives. So 64 calls travel together, and a timer still fires.
 */

import {
  CLIENT_YIELD_AFTER_MS,
  PROBE_EVERY_MS,
  PUMP_HOT_MS,
  PUMP_SPIN_MS,
  PUMP_TURN_MS,
} from "../policy.ts";
import type { WorkerSession } from "./worker_session.ts";

/** Empty rounds between two reads of the clock, each of which costs as much as ten rounds. */
const ROUNDS_PER_LOOK = 32;

/**
 * Replies between two reads of the clock. Often no round is empty, because all replies have arrived. A reply and what
 * follows it take some 0.6 µs, so the clock is read every 20 µs and more.
 */
const REPLIES_PER_LOOK = 32;

/** Typed by hand: in a project with the lib "dom" it has no declaration. */
const { setImmediate } = globalThis as unknown as { setImmediate(turn: () => void): unknown };

export class Pump {
  #sessions: readonly WorkerSession[] = [];
  readonly #sleeping = new Set<WorkerSession>();
  readonly #yieldCore: () => void;
  readonly #onLost: (session: WorkerSession) => void;
  #running = false;
  /** Whether a worker cannot run while this thread does. */
  #sharesCore = false;
  /** Replies since the last read of the clock. */
  #repliesSinceLook = 0;
  /** Since when the event loop had no turn; 0: it may have had one just now. */
  #turnStartMs = 0;
  /** When the last replies arrived; 0: before the next read of the clock. */
  #progressMs = 0;
  #probedMs = 0;

  constructor(yieldCore: () => void, onLost: (session: WorkerSession) => void) {
    this.#yieldCore = yieldCore;
    this.#onLost = onLost;
  }

  /** Adds a session. {@linkcode Pump.kick} starts to poll it. */
  add(session: WorkerSession): void {
    if (!this.#sessions.includes(session)) this.#sessions = [...this.#sessions, session];
    this.#sharesCore ||= session.sharesCore;
  }

  remove(session: WorkerSession): void {
    this.#sessions = this.#sessions.filter((one) => one !== session);
    this.#sleeping.delete(session);
    this.#sharesCore = this.#sessions.some(({ sharesCore }) => sharesCore);
  }

  /** Starts to poll, because a call was posted, until no reply is outstanding. */
  kick(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(this.#begin);
  }

  readonly #begin = () => {
    this.#progressMs = 0;
    // Calls one after the other are one chain of microtasks, in which no other task would ever run.
    if (this.#repliesSinceLook >= REPLIES_PER_LOOK && this.#isTurnDue(performance.now())) {
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
    let waited = false;
    for (;;) {
      if (this.#pollAll()) {
        if (!this.#outstanding()) return this.#rest();
        const nowMs = performance.now();
        this.#progressMs = nowMs;
        // The continuations of these replies run before the next turn, and may post the next calls.
        if (this.#isTurnDue(nowMs)) setImmediate(this.#nextTurn);
        else queueMicrotask(this.#turn);
        return;
      }
      if (++rounds % ROUNDS_PER_LOOK !== 0) continue;
      if (!this.#outstanding()) return this.#rest();
      if (this.#sharesCore) {
        if (waited || !this.#waitForOne()) return this.#sleep();
        waited = true;
        continue;
      }
      const nowMs = performance.now();
      if (nowMs - this.#probedMs > PROBE_EVERY_MS) this.#probe(nowMs);
      if (this.#progressMs === 0) this.#progressMs = nowMs;
      const idleMs = nowMs - this.#progressMs;
      if (idleMs > PUMP_HOT_MS) return this.#sleep();
      if (idleMs > CLIENT_YIELD_AFTER_MS && !this.#leaveCore()) this.#yieldCore();
      if (idleMs > PUMP_SPIN_MS) {
        setImmediate(this.#nextTurn);
        return;
      }
    }
  };

  /** Whether the event loop has waited for its turn for long enough. */
  #isTurnDue(nowMs: number): boolean {
    this.#repliesSinceLook = 0;
    if (this.#turnStartMs === 0) {
      this.#turnStartMs = nowMs;
      setImmediate(this.#turned); // a turn of the event loop resets it
      return false;
    }
    return nowMs - this.#turnStartMs >= PUMP_TURN_MS;
  }

  #pollAll(): boolean {
    const before = this.#repliesSinceLook;
    const sessions = this.#sessions;
    for (let i = 0; i < sessions.length; i++) {
      const session = sessions[i]!;
      if (session.outstanding > 0) { while (session.poll()) this.#repliesSinceLook++; }
    }
    return this.#repliesSinceLook !== before;
  }

  #outstanding(): boolean {
    const sessions = this.#sessions;
    for (let i = 0; i < sessions.length; i++) if (sessions[i]!.outstanding > 0) return true;
    return false;
  }

  /**
   * Blocks until the only worker with calls in flight replies, so that it has this core: a wait on the event loop takes a
   * second thread and twice the time.
   *
   * @returns whether there may be a reply; `false` if it takes longer, or several workers have calls.
   */
  #waitForOne(): boolean {
    const [session, another] = this.#sessions.filter(({ outstanding }) => outstanding > 0);
    if (another !== undefined) return false;
    const { connection } = session!;
    const woken = connection.waitSync(PUMP_TURN_MS);
    this.#repliesSinceLook += REPLIES_PER_LOOK; // the time counts: the event loop may be due
    if (connection.state !== "connected") this.#lose(session!);
    return woken;
  }

  /** Moves this thread off the core of a worker with calls in flight, if it may run on another one. */
  #leaveCore(): boolean {
    return this.#sessions.some((session) => session.outstanding > 0 && session.leaveCore());
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
    while (session.poll()); // replies that arrived before the end count
    this.remove(session);
    this.#onLost(session);
  }
}

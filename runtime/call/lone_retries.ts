/**
 * Calls that run again after an executor was lost, one at a time on a worker that runs nothing else meanwhile. So a call
 * that ends its executor takes no other with it, and is found.
 */

import { delay } from "../../std/async.ts";
import { LONE_LOOK_MS, MAX_LONE_LOSSES } from "../policy.ts";
import type { WaitingCall } from "./waiting_call.ts";
import type { WorkerPool } from "./worker_pool.ts";
import type { WorkerSession } from "./worker_session.ts";

/** A call, and the worker whose executor it was lost with. */
interface Suspect {
  readonly task: WaitingCall;
  readonly worker: number;
}

export class LoneRetries {
  readonly #pool: WorkerPool;
  /** Fails a call that no worker can run; returns false if one may. */
  readonly #failOrphan: (task: WaitingCall) => boolean;
  readonly #suspects: Suspect[] = [];
  /** How often a call was lost while it ran alone. */
  readonly #losses = new WeakMap<WaitingCall, number>();
  #running = false;
  /** The call that runs alone; undefined once it was lost. */
  #alone: WaitingCall | undefined;

  constructor(pool: WorkerPool, failOrphan: (task: WaitingCall) => boolean) {
    this.#pool = pool;
    this.#failOrphan = failOrphan;
  }

  /** Ends the turn of a call that was lost. Returns whether it ran alone. */
  onLost(task: WaitingCall): boolean {
    if (this.#alone !== task) return false;
    this.#alone = undefined;
    return true;
  }

  /** Records that a call was lost alone, by no cause from outside. Returns whether it has to be given up. */
  blame(task: WaitingCall): boolean {
    const losses = (this.#losses.get(task) ?? 0) + 1;
    this.#losses.set(task, losses);
    return losses >= MAX_LONE_LOSSES;
  }

  /** Runs a call alone when its turn comes. */
  add(task: WaitingCall): void {
    // The worker that was lost, since no call is in flight there.
    const worker = task.worker ?? task.session!.worker;
    this.#suspects.push({ task, worker });
    if (this.#running) return;
    this.#running = true;
    this.#pool.reserve(worker);
    this.#run();
  }

  async #run(): Promise<void> {
    try {
      for (let next; (next = this.#suspects.shift()) !== undefined;) {
        const { task, worker } = next;
        if (task.settled) continue;
        this.#pool.reserve(worker);
        const session = await this.#idleSession(next);
        if (session === undefined) continue;
        this.#alone = task;
        if (!this.#pool.postOn(task, session)) {
          this.#alone = undefined;
          this.#suspects.unshift(next);
          continue;
        }
        while (this.#alone === task && !task.settled) await delay(LONE_LOOK_MS);
        this.#alone = undefined;
      }
    } finally {
      this.#running = false;
      this.#pool.reserve(undefined);
    }
  }

  /** Waits until the worker of a call is there and runs no other. Undefined if the call has ended before. */
  async #idleSession({ task, worker }: Suspect): Promise<WorkerSession | undefined> {
    for (;;) {
      if (task.settled || this.#failOrphan(task)) return undefined;
      const session = this.#pool.session(worker);
      if (session === null) {
        this.#pool.submit(task); // the worker is gone for good, others go on
        return undefined;
      }
      const isIdle = session?.outstanding === 0 && session.freeSlots > 0;
      if (isIdle) return session;
      await delay(LONE_LOOK_MS);
    }
  }
}

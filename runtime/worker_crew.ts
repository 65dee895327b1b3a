/** The workers of a lease as calls see them: sessions with free slots, and the queue of calls that wait for one. */

import type { CallTask } from "./call_task.ts";
import { Busy } from "./errors.ts";
import type { Signature } from "./manifest.ts";
import { LEAVE_LOOK_MS, MAX_WAITING_CALLS, OVERDUE_MS } from "./policy.ts";
import type { Pump } from "./pump.ts";
import { SlotQueue } from "./slot_queue.ts";
import type { WorkerSession } from "./worker_session.ts";

export class WorkerCrew {
  readonly #pump: Pump;
  readonly #queue = new SlotQueue();
  readonly #onLost: () => void;
  #sessions: readonly WorkerSession[] = [];
  #signatures: ReadonlyMap<string, Signature> = new Map();
  #leaving: Promise<void> = Promise.resolve();
  #next = 0;
  #holding: ReturnType<typeof setTimeout> | undefined;

  /** @param onLost called when the connections of an executor are gone, all at once. */
  constructor(pump: Pump, onLost: () => void) {
    this.#pump = pump;
    this.#onLost = onLost;
  }

  /** One a worker, or none while the lease waits for a fresh executor. */
  get sessions(): readonly WorkerSession[] {
    return this.#sessions;
  }

  /** A function's place by its name, or `undefined` while no executor is there. */
  get functions(): ReadonlyMap<string, number> | undefined {
    return this.#sessions[0]?.functions;
  }

  /** What the functions take and give, as the last executor has told. */
  get signatures(): ReadonlyMap<string, Signature> {
    return this.#signatures;
  }

  /** Sets the sessions of a fresh executor to work. Those that are there still finish their calls, and are closed. */
  join(sessions: readonly WorkerSession[]): void {
    const left = this.#sessions;
    this.#sessions = sessions;
    this.#signatures = sessions[0]?.signatures ?? this.#signatures;
    for (const session of left) session.retire();
    clearTimeout(this.#holding);
    for (const session of sessions) {
      session.onFreed = () => this.serve();
      session.onOverdue = () => this.#holdBack(session);
      this.#pump.add(session);
    }
    this.serve();
    if (left.length > 0) this.#leaving = this.#leave(left);
  }

  /** Settles when no call is under way on sessions that were replaced. */
  get left(): Promise<void> {
    return this.#leaving;
  }

  async #leave(sessions: readonly WorkerSession[]): Promise<void> {
    await this.#leaving;
    while (sessions.some((session) => session.busy)) {
      await new Promise((resolve) => setTimeout(resolve, LEAVE_LOOK_MS));
    }
    for (const session of sessions) this.#close(session);
  }

  #close(session: WorkerSession): void {
    while (session.poll()); // replies that came before the end still count
    this.#pump.remove(session);
    session.close();
  }

  /** One connection went: the executor is gone, and the others with it. Calls under way are told. */
  lose(session: WorkerSession): void {
    if (session.retiring && !session.lost) return this.#close(session);
    if (!this.#sessions.includes(session)) return;
    const sessions = this.#sessions;
    this.#sessions = [];
    clearTimeout(this.#holding);
    for (const one of sessions) this.#close(one);
    this.#onLost();
  }

  /** Posts a call, or lets it wait for a slot. */
  submit(task: CallTask): void {
    const session = this.#pick(task.worker); // a free slot: then nobody waits who could have it
    if (session) return this.#post(task, session);
    if (this.#queue.length >= MAX_WAITING_CALLS && this.#queue.dropSettled() >= MAX_WAITING_CALLS) {
      return task.fail(
        new Busy(`Cannot call ${task.name}: ${MAX_WAITING_CALLS} calls wait for a free slot`),
      );
    }
    if (this.#sessions.length > 0 && this.#allHeld(task.worker)) {
      return task.fail(new Busy(`Cannot call ${task.name}: prepared calls hold every slot`));
    }
    this.#wait(task);
  }

  /** Posts calls that wait, as far as slots are free. */
  serve(): void {
    for (const session of this.#sessions) {
      while (session.takesCalls) {
        const task = this.#queue.takeFor(session);
        if (!task) break;
        this.#post(task, session);
      }
    }
  }

  /** Takes all calls that wait, to fail them. */
  dismiss(): CallTask[] {
    return this.#queue.takeAll();
  }

  /** The worker with most free slots, rather one that answers. */
  freest(): WorkerSession | undefined {
    let best: WorkerSession | undefined;
    for (const session of this.#sessions) {
      if (!best || rank(session) > rank(best)) best = session;
    }
    return best;
  }

  /** Sends a worker no call until it answers, its executor is ended, or it turns out that it will not be. */
  #holdBack(session: WorkerSession): void {
    if (!this.#sessions.includes(session)) return;
    clearTimeout(this.#holding);
    this.#holding = setTimeout(() => {
      for (const held of this.#sessions) held.overdue = false;
      this.serve();
    }, OVERDUE_MS);
  }

  /** The next session in turn that has a free slot. */
  #pick(worker: number | undefined): WorkerSession | undefined {
    if (worker !== undefined) {
      const session = this.#sessions[worker];
      return session?.takesCalls ? session : undefined;
    }
    for (let i = 0; i < this.#sessions.length; i++) {
      this.#next = (this.#next + 1) % this.#sessions.length;
      const session = this.#sessions[this.#next]!;
      if (session.takesCalls) return session;
    }
    return undefined;
  }

  /** No call is under way whose end would free a slot. */
  #allHeld(worker: number | undefined): boolean {
    return this.#sessions.every((session) =>
      (worker !== undefined && session.worker !== worker) || session.outstanding === 0
    );
  }

  #post(task: CallTask, session: WorkerSession): void {
    const functionIndex = session.functions.get(task.name);
    if (functionIndex === undefined) return task.failUnknown([...session.functions.keys()]);
    const slot = session.acquire()!;
    try {
      task.post(session, slot, functionIndex);
    } catch {
      // The connection is gone and nothing was sent: the call may wait for the next executor.
      this.lose(session);
      if (!task.settled) this.#wait(task);
      return;
    }
    this.#pump.kick();
  }

  #wait(task: CallTask): void {
    task.keepInput();
    this.#queue.push(task);
    this.#pump.kick(); // a slot may be free as soon as the reply of a call given up is taken
  }
}

/** Free slots; any that is behind its time comes after all that are not. */
function rank(session: WorkerSession): number {
  return session.overdue ? session.freeSlots - session.depth : session.freeSlots;
}

/** The workers of a lease as calls see them: sessions with free slots, and the queue of calls that wait for a slot. */

import { BusyError } from "../errors.ts";
import type { Signature } from "../protocol/manifest.ts";
import {
  DROP_EVERY_MS,
  GRACE_MS,
  LEAVE_LOOK_MS,
  MAX_WAITING_CALLS,
  OVERDUE_MS,
} from "../policy.ts";
import type { Pump } from "./pump.ts";
import { SlotQueue } from "./slot_queue.ts";
import { expire, type WaitingCall } from "./waiting_call.ts";
import type { WorkerSession } from "./worker_session.ts";

/** What the pool keeps for a session. */
interface Joined {
  readonly onLost: () => void;
  /** Ends the time in which the worker gets no call. */
  holdTimer: ReturnType<typeof setTimeout> | undefined;
}

export class WorkerPool {
  readonly #pump: Pump;
  readonly #queue = new SlotQueue();
  readonly #overdueMs: number;
  /** By worker index; `undefined` while an executor is awaited, `null` if there will be none. */
  readonly #sessions: (WorkerSession | undefined | null)[];
  /** Sessions that are not closed yet. */
  readonly #joined = new Map<WorkerSession, Joined>();
  /** The calls that were sent on those that are. */
  #sentBefore = 0;
  /** The index of a worker that takes no call but by {@linkcode WorkerPool.postOn}. */
  #reserved: number | undefined;
  /** When waiting calls that were given up were dropped last. */
  #droppedMs = -Infinity;
  #functions: ReadonlyMap<string, number> | undefined;
  #signatures: ReadonlyMap<string, Signature> = new Map();

  /** @param overdueMs How long a worker that may be stuck gets no call. */
  constructor(pump: Pump, workers: number, overdueMs = GRACE_MS + OVERDUE_MS) {
    this.#pump = pump;
    this.#overdueMs = overdueMs;
    this.#sessions = new Array(workers).fill(undefined);
  }

  /** A worker's session; `undefined` while its executor is awaited, `null` if there will be none. */
  session(worker: number): WorkerSession | undefined | null {
    return this.#sessions[worker];
  }

  /** The index of each function in the package, by name; `undefined` before the first executor. */
  get functions(): ReadonlyMap<string, number> | undefined {
    return this.#functions;
  }

  /** The calls that were sent, with their retries and the chunks of streams. */
  get sent(): number {
    return [...this.#joined.keys()].reduce((sum, { sent }) => sum + sent, this.#sentBefore);
  }

  /** The codecs of the functions, as the last executor sent them. */
  get signatures(): ReadonlyMap<string, Signature> {
    return this.#signatures;
  }

  /**
   * Adds sessions of new executors. The sessions that they replace finish their calls, and are closed.
   *
   * @param onLost Called once for each session whose connection is lost.
   * @returns A promise that settles when no call is in flight on the replaced sessions.
   */
  join(
    sessions: readonly WorkerSession[],
    onLost: (session: WorkerSession) => void,
  ): Promise<void> {
    const replaced: WorkerSession[] = [];
    for (const session of sessions) {
      const before = this.#sessions[session.worker];
      if (before) replaced.push(before);
      this.#sessions[session.worker] = session;
      this.#joined.set(session, { onLost: () => onLost(session), holdTimer: undefined });
      this.#functions = session.functions;
      this.#signatures = session.signatures;
      session.onFreed = () => this.serve();
      session.onOverdue = () => this.#holdBack(session);
      this.#pump.add(session);
    }
    for (const session of replaced) session.retire();
    this.serve();
    return this.#closeIdle(replaced);
  }

  /** Closes each session once no call is in flight on any of them. */
  async #closeIdle(sessions: readonly WorkerSession[]): Promise<void> {
    // Between two chunks of a stream, and before a result is read, nothing else checks whether the worker is alive.
    const isOver = (session: WorkerSession) => !session.busy || !session.connection.probe();
    while (!sessions.every(isOver)) {
      await new Promise((resolve) => setTimeout(resolve, LEAVE_LOOK_MS));
    }
    for (const session of sessions) this.#close(session);
  }

  #close(session: WorkerSession): void {
    while (session.poll()); // replies that arrived before the end count
    this.#pump.remove(session);
    clearTimeout(this.#joined.get(session)?.holdTimer);
    if (this.#joined.delete(session)) this.#sentBefore += session.sent;
    session.close();
  }

  /** Ends a session whose connection is lost. Calls in flight fail. */
  lose(session: WorkerSession): void {
    const joined = this.#joined.get(session);
    if (joined === undefined) return;
    if (this.#sessions[session.worker] !== session) return this.#close(session);
    this.#sessions[session.worker] = undefined;
    this.#close(session);
    joined.onLost();
  }

  /** Reserves one worker, and ends the reservation of another. Calls in flight there finish. */
  reserve(worker: number | undefined): void {
    if (this.#reserved === worker) return;
    this.#reserved = worker;
    this.serve();
  }

  /** Posts a call on a session with a free slot. Returns false if the connection is lost and nothing was sent. */
  postOn(task: WaitingCall, session: WorkerSession): boolean {
    return this.#send(task, session);
  }

  /** Takes the calls that wait for this worker alone, to fail them. */
  takeWaitingFor(worker: number): WaitingCall[] {
    return this.#queue.takeAll((task) => task.worker === worker);
  }

  /** Marks workers that get no executor any more. Takes the calls that wait for one of them, to fail them. */
  remove(workerIndexes: readonly number[]): WaitingCall[] {
    for (const index of workerIndexes) this.#sessions[index] = null;
    return this.#queue.takeAll(({ worker }) =>
      worker !== undefined && this.#sessions[worker] === null
    );
  }

  /** Posts a call, or queues it. */
  submit(task: WaitingCall): void {
    const session = this.#pick(task.worker); // with a free slot, for which no call waits
    if (session) return this.#post(task, session);
    if (this.#queue.length >= MAX_WAITING_CALLS && this.#dropSettled() >= MAX_WAITING_CALLS) {
      return task.fail(
        new BusyError(
          `Cannot call ${task.name}: ${MAX_WAITING_CALLS} calls wait for a free slot already`,
        ),
      );
    }
    if (this.#allHeld(task.worker)) {
      return task.fail(
        new BusyError(`Cannot call ${task.name}: prepared calls and streams hold every slot`),
      );
    }
    this.#wait(task);
  }

  /** Drops waiting calls that were given up, which takes some 20 ms, now and then. Returns how many wait. */
  #dropSettled(): number {
    const nowMs = performance.now();
    if (nowMs - this.#droppedMs < DROP_EVERY_MS) return this.#queue.length;
    this.#droppedMs = nowMs;
    return this.#queue.dropSettled();
  }

  /** Posts a call on one of the chosen sessions, if one has a free slot. */
  submitTo(task: WaitingCall, chosen: (session: WorkerSession) => boolean): boolean {
    const session = this.freest(chosen);
    if (!this.#takesCalls(session)) return false;
    this.#post(task, session);
    return true;
  }

  /** Posts waiting calls on free slots. */
  serve(): void {
    if (this.#queue.length === 0) return; // the common case, after each reply
    for (const session of this.#sessions) {
      while (this.#takesCalls(session)) {
        const task = this.#queue.takeFor(session);
        if (!task) break;
        this.#post(task, session);
      }
    }
  }

  /** Takes all waiting calls, to fail them. */
  takeWaiting(): WaitingCall[] {
    return this.#queue.takeAll();
  }

  /**
   * The worker with most free slots, one that is not overdue or reserved first, and the first of equals. So calls one after the other
   * stay on one worker, and the others sleep. Taking turns keeps all of them polling: on two cores, beside their client,
   * calls one after the other took 100 µs and more in turn, and 1 µs on the first worker alone.
   */
  freest(chosen: (session: WorkerSession) => boolean = any): WorkerSession | undefined {
    let best: WorkerSession | undefined;
    for (let i = 0; i < this.#sessions.length; i++) {
      const session = this.#sessions[i];
      if (!session || (best && this.#rank(session) <= this.#rank(best)) || !chosen(session)) {
        continue;
      }
      if (session.freeSlots === session.depth && !session.overdue && i !== this.#reserved) {
        return session;
      }
      best = session;
    }
    return best;
  }

  /** Sends a worker no call until it replies, its executor has ended, or that has taken too long. */
  #holdBack(session: WorkerSession): void {
    if (this.#sessions[session.worker] !== session) return;
    const joined = this.#joined.get(session)!;
    session.probe();
    this.#pump.kick();
    clearTimeout(joined.holdTimer);
    joined.holdTimer = setTimeout(() => {
      session.overdue = false;
      this.serve();
    }, this.#overdueMs);
  }

  /** The session for a call, if one takes it now. */
  #pick(worker: number | undefined): WorkerSession | undefined {
    const session = worker === undefined ? this.freest() : this.#sessions[worker];
    return this.#takesCalls(session) ? session : undefined;
  }

  #takesCalls(session: WorkerSession | undefined | null): session is WorkerSession {
    return session?.takesCalls === true && session.worker !== this.#reserved;
  }

  /** The number of free slots; below 0 for an overdue or reserved session, so that it comes after all others. */
  #rank(session: WorkerSession): number {
    const { overdue, freeSlots, depth, worker } = session;
    return overdue || worker === this.#reserved ? freeSlots - depth : freeSlots;
  }

  /** Whether no slot would become free: no call in flight releases one at its end, and no executor is awaited. */
  #allHeld(worker: number | undefined): boolean {
    return this.#sessions.every((session, index) =>
      session === null || (worker !== undefined && worker !== index) ||
      session?.freesSlots === false
    );
  }

  #post(task: WaitingCall, session: WorkerSession): void {
    // If the connection is lost and nothing was sent, the call may wait for the next executor.
    if (!this.#send(task, session) && !task.settled) this.#wait(task);
  }

  #send(task: WaitingCall, session: WorkerSession): boolean {
    if (expire(task)) return true;
    const functionIndex = session.indexOf(task.name);
    if (functionIndex === undefined) {
      task.failUnknown([...session.functions.keys()]);
      return true;
    }
    const slot = session.acquire()!;
    try {
      if (task.trace !== undefined) session.carryTrace(slot, task.trace);
      task.post(session, slot, functionIndex);
    } catch {
      this.lose(session);
      return false;
    }
    this.#pump.kick();
    return true;
  }

  #wait(task: WaitingCall): void {
    task.keepInput();
    this.#queue.push(task);
    this.#pump.kick(); // the reply of a call that was given up may free a slot
  }
}

const any = () => true;

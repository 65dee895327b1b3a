/** The workers of a lease as calls see them: sessions with free slots, and the queue of calls that wait for one. */

import { Busy } from "../errors.ts";
import type { Signature } from "../protocol/manifest.ts";
import { LEAVE_LOOK_MS, MAX_WAITING_CALLS, OVERDUE_MS } from "../policy.ts";
import type { Pump } from "./pump.ts";
import { SlotQueue } from "./slot_queue.ts";
import type { WaitingCall } from "./waiting_call.ts";
import type { WorkerSession } from "./worker_session.ts";

/** The sessions of one executor: they come and go together. */
interface Team {
  readonly sessions: readonly WorkerSession[];
  readonly onLost: () => void;
  holding: ReturnType<typeof setTimeout> | undefined;
}

export class WorkerCrew {
  readonly #pump: Pump;
  readonly #queue = new SlotQueue();
  /** By their workers' places; `undefined` where an executor is awaited, `null` where none will come. */
  readonly #sessions: (WorkerSession | undefined | null)[];
  readonly #teams = new WeakMap<WorkerSession, Team>();
  #functions: ReadonlyMap<string, number> | undefined;
  #signatures: ReadonlyMap<string, Signature> = new Map();

  constructor(pump: Pump, workers: number) {
    this.#pump = pump;
    this.#sessions = new Array(workers).fill(undefined);
  }

  /** A worker's session; `undefined` while its executor is awaited, `null` if none will come. */
  session(worker: number): WorkerSession | undefined | null {
    return this.#sessions[worker];
  }

  /** A function's place by its name, or `undefined` before the first executor is there. */
  get functions(): ReadonlyMap<string, number> | undefined {
    return this.#functions;
  }

  /** What the functions take and give, as the last executor has told. */
  get signatures(): ReadonlyMap<string, Signature> {
    return this.#signatures;
  }

  /**
   * Sets the sessions of a fresh executor to work. Those whose places they take still finish their calls, and are closed.
   *
   * @param onLost called when the connections of the executor are gone, all at once.
   * @returns settles when no call is under way on those that were replaced.
   */
  join(sessions: readonly WorkerSession[], onLost: () => void): Promise<void> {
    const team: Team = { sessions, onLost, holding: undefined };
    const left: WorkerSession[] = [];
    for (const session of sessions) {
      const before = this.#sessions[session.worker];
      if (before) left.push(before);
      this.#sessions[session.worker] = session;
      this.#teams.set(session, team);
      this.#functions = session.functions;
      this.#signatures = session.signatures;
      session.onFreed = () => this.serve();
      session.onOverdue = () => this.#holdBack(session);
      this.#pump.add(session);
    }
    for (const session of left) session.retire();
    this.serve();
    return this.#leave(left);
  }

  async #leave(sessions: readonly WorkerSession[]): Promise<void> {
    // Between two chunks of a stream, and before a result is taken, nobody else looks whether the worker is there.
    const isOver = (session: WorkerSession) => !session.busy || !session.connection.probe();
    while (!sessions.every(isOver)) {
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
    const team = this.#teams.get(session);
    if (team === undefined || session.lost) return;
    if (this.#sessions[session.worker] !== session) return this.#close(session);
    const lost = team.sessions.filter((one) => this.#sessions[one.worker] === one);
    for (const one of lost) this.#sessions[one.worker] = undefined;
    clearTimeout(team.holding);
    for (const one of lost) this.#close(one);
    team.onLost();
  }

  /** No executor will come for these workers. Takes the calls that wait for one of them, to fail them. */
  remove(places: readonly number[]): WaitingCall[] {
    for (const place of places) this.#sessions[place] = null;
    return this.#queue.takeAll(({ worker }) =>
      worker !== undefined && this.#sessions[worker] === null
    );
  }

  /** Posts a call, or lets it wait for a slot. */
  submit(task: WaitingCall): void {
    const session = this.#pick(task.worker); // a free slot: then nobody waits who could have it
    if (session) return this.#post(task, session);
    if (this.#queue.length >= MAX_WAITING_CALLS && this.#queue.dropSettled() >= MAX_WAITING_CALLS) {
      return task.fail(
        new Busy(`Cannot call ${task.name}: ${MAX_WAITING_CALLS} calls wait for a free slot`),
      );
    }
    if (this.#allHeld(task.worker)) {
      return task.fail(
        new Busy(`Cannot call ${task.name}: prepared calls and streams hold every slot`),
      );
    }
    this.#wait(task);
  }

  /** Posts a call to one of the sessions that are chosen, if one has a free slot. */
  submitTo(task: WaitingCall, chosen: (session: WorkerSession) => boolean): boolean {
    const session = this.freest(chosen);
    if (!session?.takesCalls) return false;
    this.#post(task, session);
    return true;
  }

  /** Posts calls that wait, as far as slots are free. */
  serve(): void {
    if (this.#queue.length === 0) return; // each reply comes by here
    for (const session of this.#sessions) {
      while (session?.takesCalls) {
        const task = this.#queue.takeFor(session);
        if (!task) break;
        this.#post(task, session);
      }
    }
  }

  /** Takes all calls that wait, to fail them. */
  dismiss(): WaitingCall[] {
    return this.#queue.takeAll();
  }

  /**
   * The worker with most free slots, rather one that answers, and the first of equals. Calls one after the other so stay
   * with one worker, and the others sleep. To take turns kept all of them polling for a part each: on two cores beside
   * their client, calls one after the other took 100 us and more in turn, and 1 by the first of them.
   */
  freest(chosen: (session: WorkerSession) => boolean = any): WorkerSession | undefined {
    let best: WorkerSession | undefined;
    for (let i = 0; i < this.#sessions.length; i++) {
      const session = this.#sessions[i];
      if (!session || (best && rank(session) <= rank(best)) || !chosen(session)) continue;
      if (session.freeSlots === session.depth && !session.overdue) return session;
      best = session;
    }
    return best;
  }

  /** Sends a worker no call until it answers, its executor is ended, or it turns out that it will not be. */
  #holdBack(session: WorkerSession): void {
    const team = this.#teams.get(session)!;
    if (this.#sessions[session.worker] !== session) return;
    clearTimeout(team.holding);
    team.holding = setTimeout(() => {
      for (const held of team.sessions) held.overdue = false;
      this.serve();
    }, OVERDUE_MS);
  }

  /** The session that a call goes to, if one takes it. */
  #pick(worker: number | undefined): WorkerSession | undefined {
    const session = worker === undefined ? this.freest() : this.#sessions[worker];
    return session?.takesCalls ? session : undefined;
  }

  /** No call is under way whose end would free a slot, and no executor is awaited. */
  #allHeld(worker: number | undefined): boolean {
    return this.#sessions.every((session, place) =>
      session === null || (worker !== undefined && worker !== place) ||
      session?.freesSlots === false
    );
  }

  #post(task: WaitingCall, session: WorkerSession): void {
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

  #wait(task: WaitingCall): void {
    task.keepInput();
    this.#queue.push(task);
    this.#pump.kick(); // a slot may be free as soon as the reply of a call given up is taken
  }
}

const any = () => true;

/** Free slots; any that is behind its time comes after all that are not. */
function rank(session: WorkerSession): number {
  return session.overdue ? session.freeSlots - session.depth : session.freeSlots;
}

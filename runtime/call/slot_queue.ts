/** Calls that wait for a free slot, first come first served, each for any worker or for a certain one. */

import type { WaitingCall } from "./waiting_call.ts";
import type { WorkerSession } from "./worker_session.ts";

export class SlotQueue {
  readonly #tasks: (WaitingCall | undefined)[] = [];
  #head = 0;

  get length(): number {
    return this.#tasks.length - this.#head;
  }

  push(task: WaitingCall): void {
    this.#tasks.push(task);
  }

  /** Takes the first task that may run on this session; settled ones are dropped on the way. */
  takeFor(session: WorkerSession): WaitingCall | undefined {
    for (let i = this.#head; i < this.#tasks.length; i++) {
      const task = this.#tasks[i];
      const dropped = task === undefined || task.settled;
      const fits = !dropped && (task.worker === undefined || task.worker === session.worker);
      if (dropped || fits) {
        this.#tasks[i] = undefined;
        if (i === this.#head) this.#advance();
      }
      if (fits) return task;
    }
    return undefined;
  }

  /** Lets go of calls that were given up; returns how many wait. */
  dropSettled(): number {
    const waiting = this.#tasks.filter((task) => task !== undefined && !task.settled);
    this.#tasks.length = 0;
    for (const task of waiting) this.#tasks.push(task);
    this.#head = 0;
    return waiting.length;
  }

  /** Takes all that are chosen. */
  takeAll(chosen: (task: WaitingCall) => boolean = () => true): WaitingCall[] {
    this.dropSettled();
    const tasks = this.#tasks.splice(0) as WaitingCall[];
    for (const task of tasks) if (!chosen(task)) this.#tasks.push(task);
    return tasks.filter(chosen);
  }

  #advance(): void {
    while (this.#head < this.#tasks.length && this.#tasks[this.#head] === undefined) this.#head++;
    if (this.#head > 1024 && this.#head * 2 > this.#tasks.length) {
      this.#tasks.splice(0, this.#head); // now and then, so that taking costs no copy of the rest
      this.#head = 0;
    }
  }
}

/**
 * Calls that wait for a free slot, first come, first served. A call waits for any worker or for one of them. Each worker
 * has a line of its own, and a number orders all calls, so a worker with a free slot compares the heads of two lines,
 * however many calls wait for other workers.
 */

import type { WaitingCall } from "./waiting_call.ts";
import type { WorkerSession } from "./worker_session.ts";

/** The key of the line of calls that any worker may run. The others have their worker index as key. */
const ANY = -1;

export class SlotQueue {
  readonly #lines = new Map<number, Line>();
  #length = 0;
  #lastNumber = 0;

  /** How many calls wait. Some of them may have been given up. */
  get length(): number {
    return this.#length;
  }

  push(task: WaitingCall): void {
    this.#enqueue(task, ++this.#lastNumber);
  }

  /** Takes the first call that may run on this session. Drops settled ones before it. */
  takeFor(session: WorkerSession): WaitingCall | undefined {
    const any = this.#lineOf(ANY);
    const own = this.#lineOf(session.worker);
    const line = !own || (any && any.number < own.number) ? any : own;
    if (line === undefined) return undefined;
    this.#length--;
    return line.take();
  }

  /** Drops calls that were given up. Returns how many wait. */
  dropSettled(): number {
    this.takeAll(() => false);
    return this.#length;
  }

  /** Takes all calls that `chosen` selects. */
  takeAll(chosen: (task: WaitingCall) => boolean = () => true): WaitingCall[] {
    const waiting = [...this.#lines.values()].flatMap((line) => line.entries)
      .filter(({ task }) => !task.settled)
      .sort((a, b) => a.number - b.number);
    this.#lines.clear();
    this.#length = 0;
    const taken: WaitingCall[] = [];
    for (const { task, number } of waiting) {
      if (chosen(task)) taken.push(task);
      else this.#enqueue(task, number);
    }
    return taken;
  }

  #enqueue(task: WaitingCall, number: number): void {
    const key = task.worker ?? ANY;
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, line = new Line());
    line.push(task, number);
    this.#length++;
  }

  /** The line of a key, if a call that was not given up waits in it. */
  #lineOf(key: number): Line | undefined {
    const line = this.#lines.get(key);
    if (line === undefined) return undefined;
    this.#length -= line.dropSettled();
    return line.number === Infinity ? undefined : line;
  }
}

interface Entry {
  readonly task: WaitingCall;
  readonly number: number;
}

/** First in, first out. */
class Line {
  /** Two lists rather than one of pairs: an entry costs no object. */
  readonly #tasks: (WaitingCall | undefined)[] = [];
  readonly #numbers: number[] = [];
  #head = 0;

  /** The number of the first call; Infinity if no call waits. */
  get number(): number {
    return this.#numbers[this.#head] ?? Infinity;
  }

  get entries(): Entry[] {
    const numbers = this.#numbers.slice(this.#head);
    return numbers.map((number, i) => ({ task: this.#tasks[this.#head + i]!, number }));
  }

  push(task: WaitingCall, number: number): void {
    this.#tasks.push(task);
    this.#numbers.push(number);
  }

  /** Takes the first call; there has to be one. */
  take(): WaitingCall {
    const task = this.#tasks[this.#head]!;
    this.#tasks[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#tasks.length) {
      this.#tasks.splice(0, this.#head); // rarely, so that most takes copy nothing
      this.#numbers.splice(0, this.#head);
      this.#head = 0;
    }
    return task;
  }

  /** Drops the calls at the head that were given up. Returns how many. */
  dropSettled(): number {
    let dropped = 0;
    for (; this.#tasks[this.#head]?.settled; dropped++) this.take();
    return dropped;
  }
}

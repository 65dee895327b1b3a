/**
 * Calls that wait for a free slot, first come first served, each for any worker or for a certain one. Those for one
 * worker stand in a line of their own, and each place is numbered: who frees a slot looks at the heads of two lines,
 * however many calls wait for others.
 */

import type { WaitingCall } from "./waiting_call.ts";
import type { WorkerSession } from "./worker_session.ts";

/** The line of those that any worker may run; others are called by their worker's place. */
const ANY = -1;

export class SlotQueue {
  readonly #lines = new Map<number, Line>();
  #length = 0;
  #lastTurn = 0;

  /** How many wait; some may have been given up meanwhile. */
  get length(): number {
    return this.#length;
  }

  push(task: WaitingCall): void {
    this.#stand(task, ++this.#lastTurn);
  }

  /** Takes the first task that may run on this session; settled ones are dropped on the way. */
  takeFor(session: WorkerSession): WaitingCall | undefined {
    const any = this.#awake(ANY);
    const own = this.#awake(session.worker);
    const line = !own || (any && any.turn < own.turn) ? any : own;
    if (line === undefined) return undefined;
    this.#length--;
    return line.take();
  }

  /** Lets go of calls that were given up; returns how many wait. */
  dropSettled(): number {
    this.takeAll(() => false);
    return this.#length;
  }

  /** Takes all that are chosen. */
  takeAll(chosen: (task: WaitingCall) => boolean = () => true): WaitingCall[] {
    const waiting = [...this.#lines.values()].flatMap((line) => line.places)
      .filter(({ task }) => !task.settled)
      .sort((a, b) => a.turn - b.turn);
    this.#lines.clear();
    this.#length = 0;
    for (const { task, turn } of waiting) if (!chosen(task)) this.#stand(task, turn);
    return waiting.map(({ task }) => task).filter(chosen);
  }

  #stand(task: WaitingCall, turn: number): void {
    const key = task.worker ?? ANY;
    let line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, line = new Line());
    line.push(task, turn);
    this.#length++;
  }

  /** The line if there is anybody in it who has not given up. */
  #awake(key: number): Line | undefined {
    const line = this.#lines.get(key);
    if (line === undefined) return undefined;
    this.#length -= line.dropSettled();
    return line.turn === Infinity ? undefined : line;
  }
}

interface Place {
  readonly task: WaitingCall;
  readonly turn: number;
}

/** First in, first out. */
class Line {
  /** Two lists rather than one of pairs: a place costs no object. */
  readonly #tasks: (WaitingCall | undefined)[] = [];
  readonly #turns: number[] = [];
  #head = 0;

  /** Whose turn it is; Infinity if nobody is there. */
  get turn(): number {
    return this.#turns[this.#head] ?? Infinity;
  }

  get places(): Place[] {
    const turns = this.#turns.slice(this.#head);
    return turns.map((turn, i) => ({ task: this.#tasks[this.#head + i]!, turn }));
  }

  push(task: WaitingCall, turn: number): void {
    this.#tasks.push(task);
    this.#turns.push(turn);
  }

  /** Takes the first; there must be one. */
  take(): WaitingCall {
    const task = this.#tasks[this.#head]!;
    this.#tasks[this.#head++] = undefined;
    if (this.#head > 1024 && this.#head * 2 > this.#tasks.length) {
      this.#tasks.splice(0, this.#head); // now and then, so that taking costs no copy of the rest
      this.#turns.splice(0, this.#head);
      this.#head = 0;
    }
    return task;
  }

  /** Drops those in front that were given up; returns how many. */
  dropSettled(): number {
    let dropped = 0;
    for (; this.#tasks[this.#head]?.settled; dropped++) this.take();
    return dropped;
  }
}

/** Completions of this end's own requests. In shared memory a request is done once it was posted. */

import type { Completion } from "../fabric.ts";

/** A ring of records that are not yet polled. */
export class SendCompletions {
  /** Completions not yet polled. */
  waiting = 0;
  /** How many there may be before posting is refused. */
  readonly depth: number;
  readonly #records: Int32Array; // id, opcode, status
  #next = 0;

  constructor(depth: number) {
    this.depth = depth;
    this.#records = new Int32Array((depth + 1) * 3); // one more for the failure that ends the connection
  }

  /** Whether a signaled request must be refused. */
  get full(): boolean {
    return this.waiting >= this.depth;
  }

  /** Adds a completion. */
  push(id: number, opcode: number, status: number): void {
    const at = ((this.#next + this.waiting) % (this.depth + 1)) * 3;
    this.#records[at] = id;
    this.#records[at + 1] = opcode;
    this.#records[at + 2] = status;
    this.waiting++;
  }

  /** Takes the oldest completion, of which there must be one. */
  take(completion: Completion): boolean {
    const at = this.#next * 3;
    completion.id = this.#records[at]!;
    completion.opcode = this.#records[at + 1]!;
    completion.status = this.#records[at + 2]!;
    completion.byteLength = 0;
    completion.immediate = 0;
    this.#next = (this.#next + 1) % (this.depth + 1);
    this.waiting--;
    return true;
  }
}

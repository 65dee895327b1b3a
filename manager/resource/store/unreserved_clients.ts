/**
 * The clients for which nothing is reserved at present, in memory: they had cores reserved and did not claim them. A
 * restart forgets them, which costs others a few seconds of some cores.
 */
import type { UndoLog } from "./undo_log.ts";

/** The ends of the times without reservations, by client. */
export class UnreservedClients {
  readonly #undo: UndoLog;
  readonly #untilMs = new Map<string, number>();

  /** @param undo receives the undo step of each write. */
  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** The end of the last such time of a client, or 0. */
  until(client: string): number {
    return this.#untilMs.get(client) ?? 0;
  }

  put(client: string, ms: number): void {
    const before = this.#untilMs.get(client);
    this.#undo.note(() => this.#place(client, before));
    this.#place(client, ms);
  }

  #place(client: string, ms: number | undefined): void {
    if (ms === undefined) this.#untilMs.delete(client);
    else this.#untilMs.set(client, ms);
  }
}

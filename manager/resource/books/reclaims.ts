/** Reclaimed nodes: a batch system drains a node for a job, which waits until the node is free. */
import type * as api from "../../../runtime/http/manager_api.ts";
import { isUp } from "../leases/node_capacity.ts";
import { notFound } from "../refusal.ts";
import type { NodeRow, TokenRow } from "../store/store.ts";
import type { BookContext } from "./book_context.ts";
import type { LentBook } from "./lent_book.ts";
import type { Settling } from "./settling.ts";

export class Reclaims {
  readonly #context: Pick<BookContext, "store" | "aliveSinceMs">;
  readonly #lent: LentBook;
  readonly #settling: Settling;

  constructor(
    context: Pick<BookContext, "store" | "aliveSinceMs">,
    lent: LentBook,
    settling: Settling,
  ) {
    this.#context = context;
    this.#lent = lent;
    this.#settling = settling;
  }

  /**
   * Drains a node, and waits until it is free: with its own confirmation, which is sent at once.
   *
   * @param signal fires when the client has gone.
   * @returns the state of the node when it is free or lost, when the time is over, or when too many wait.
   * @throws {RefusalError} 404 if the node is unknown.
   */
  async reclaim(
    caller: TokenRow,
    { name, graceMs, by, waitMs }: api.ReclaimRequest,
    signal: AbortSignal,
  ): Promise<api.Reclaimed> {
    const untilMs = performance.now() + waitMs;
    const { store } = this.#context;
    const known = await store.transact((tx) => tx.nodeNamed(name));
    if (known === undefined) throw notFound("node", name);
    await this.#lent.drain(caller, known.id, { graceMs, by });
    for (;;) {
      const leftMs = untilMs - performance.now();
      using report = this.#settling.awaitReport(known.id); // before the row is read
      const { node, leasedCores } = await store.transact((tx) => ({
        node: tx.node(known.id),
        leasedCores: tx.allocatedOn(known.id).workers,
      }));
      const state = this.#stateOf(node);
      const isOver = state.isFree || state.isLost || leftMs <= 0;
      if (isOver || !await report.within(leftMs, signal)) {
        return { node: known.id, ...state, leasedCores };
      }
    }
  }

  /** A node that was removed has nothing to lend. */
  #stateOf(node: NodeRow | undefined): { isFree: boolean; isLost: boolean } {
    if (node === undefined) return { isFree: true, isLost: false };
    const isLost = !isUp(node, this.#context.aliveSinceMs());
    return { isFree: !isLost && this.#settling.isSettled(node), isLost };
  }
}

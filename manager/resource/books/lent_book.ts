/** What nodes have to lend: operators and programs such as Slurm drain them, and lend them again. */
import * as api from "../../../runtime/http/manager_api.ts";
import { drainedBy, limited } from "../leases/lent_limits.ts";
import { actorOn, ofNode, recordEvent } from "../record_event.ts";
import { notFound, quoted, RefusalError } from "../refusal.ts";
import type { LentLimit, NodeRow, TokenRow } from "../store/store.ts";
import type { BookContext } from "./book_context.ts";
import type { Settling } from "./settling.ts";

/** The requests to drain nodes and to lend them. */
export class LentBook {
  readonly #context: BookContext;
  readonly #settling: Settling;

  constructor(context: BookContext, settling: Settling) {
    this.#context = context;
    this.#settling = settling;
  }

  /**
   * Drains a node with a grace period, until each that drained it lends it. May be repeated.
   *
   * @throws {RefusalError} 404 if the node is unknown, 409 `changed` if its revision is another one.
   */
  async drain(
    caller: TokenRow,
    id: string,
    { graceMs, by = api.OPERATOR, revision }: api.DrainRequest,
  ): Promise<void> {
    await this.#limit(caller, id, { by, limit: { cores: 0, graceMs }, revision });
    this.#context.log.info("Node {node} drains within {graceMs} ms, by {by}", {
      node: id,
      graceMs,
      by,
    });
  }

  /**
   * Lends a node, or some of its cores. May be repeated.
   *
   * @throws {RefusalError} 404 if the node is unknown, 400 if it has fewer cores, 409 `drained` if another still drains
   * it; then the request has effect once that one lends it too, or `changed` as {@linkcode LentBook.drain}.
   */
  async lend(
    caller: TokenRow,
    id: string,
    { cores, graceMs = api.DEFAULT_GRACE_MS, by = api.OPERATOR, revision }: api.LendRequest,
  ): Promise<void> {
    const limit = cores === undefined ? undefined : { cores, graceMs };
    const node = await this.#limit(caller, id, { by, limit, revision });
    const others = drainedBy(node);
    if (others.length > 0) {
      const message = `Cannot lend node ${node.name} yet: ${others.join(" and ")} still drains it`;
      throw new RefusalError(409, "drained", message);
    }
    this.#context.queue.wake();
    this.#context.log.info("Node {node} lends {cores} cores, by {by}", {
      node: id,
      cores: node.cores,
      by,
    });
  }

  async #limit(
    caller: TokenRow,
    id: string,
    { by, limit, revision }: {
      by: string;
      limit: LentLimit | undefined;
      revision: number | undefined;
    },
  ): Promise<NodeRow> {
    const { store, clock, notifications } = this.#context;
    const nowMs = clock();
    if (revision !== undefined && revision !== this.#settling.revision(id)) {
      const message = `Cannot change node ${quoted(id)}: it was drained or lent since then`;
      throw new RefusalError(409, "changed", message);
    }
    // Counted before as well, for requests with a revision that arrive before the row is written.
    this.#settling.change(id);
    const node = await store.transact((tx) => {
      const known = tx.node(id);
      if (known === undefined) return undefined;
      const node = limited(known, by, limit);
      const { cores, graceMs } = known.limits[by] ?? {};
      if (cores === limit?.cores && graceMs === limit?.graceMs) return node;
      tx.putNode(node);
      if (limit?.cores !== 0 && node.drainMs !== null) return node; // another still drains it
      const event = limit?.cores === 0 ? "node-drains" : "node-lends";
      const message = limitText(node, by, limit);
      recordEvent(tx, event, nowMs, actorOn(node, caller), { ...ofNode(node), ...message });
      return node;
    });
    if (node === undefined) {
      this.#settling.forget(id);
      throw notFound("node", id);
    }
    this.#settling.change(id);
    notifications.notify(id);
    return node;
  }
}

/** The message of the event of a limit; none if an operator lends all cores. `rfaas report` reads `for NAME` at its end. */
function limitText(node: NodeRow, by: string, limit?: LentLimit): { message?: string } {
  const parts = [
    ...limit?.cores === 0 ? [`grace period ${limit.graceMs} ms`] : [],
    ...limit?.cores ? [`${limit.cores} of ${node.maxCores} cores`] : [],
    ...by === api.OPERATOR ? [] : [`for ${by}`],
  ];
  return parts.length === 0 ? {} : { message: parts.join(", ") };
}

/** What heartbeats report that is shown and not stored. */
import type { Heartbeat, NodeExecutors } from "../../../runtime/http/heartbeat_api.ts";

export class ShownReports {
  readonly #executors = new Map<string, NodeExecutors>();

  record(node: string, { executors }: Heartbeat): void {
    if (executors !== undefined) this.#executors.set(node, executors);
  }

  /** Forgets a node that was removed. */
  forget(node: string): void {
    this.#executors.delete(node);
  }

  /** The executors of a node by its last heartbeat; undefined before the first one since the start. */
  executorsOf(node: string): NodeExecutors | undefined {
    return this.#executors.get(node);
  }
}

import type { Logger } from "../../log.ts";
import type { Classes } from "../leases/classes.ts";
import type { LeaseQueue } from "../leases/lease_queue.ts";
import type { NodeNotifications } from "../node_notifications.ts";
import type { Store } from "../store/store.ts";
import type { GrantKeys } from "./key_ring.ts";
import type { LeaseStarts } from "./lease_starts.ts";
import type { Preemptions } from "./preemptions.ts";
import type { RefusedRequests } from "./refused_requests.ts";
import type { UsageBook } from "./usage_book.ts";

/** What the books share. */
export interface BookContext {
  readonly store: Store;
  /** The time in milliseconds. It never runs backwards. */
  readonly clock: () => number;
  /** Returns the time since which a node has sent a heartbeat unless it is lost. */
  readonly aliveSinceMs: () => number;
  readonly keys: GrantKeys;
  readonly log: Logger;
  /** The requests that wait for capacity. */
  readonly queue: LeaseQueue;
  readonly classes: Classes;
  /** What accounts have used; undefined if the order of waiting requests does not depend on it. */
  readonly usage?: UsageBook | undefined;
  /** The leases that leave for requests of higher classes; undefined if no class preempts others. */
  readonly preemptions?: Preemptions | undefined;
  readonly notifications: NodeNotifications;
  readonly starts: LeaseStarts;
  readonly refused: RefusedRequests;
}

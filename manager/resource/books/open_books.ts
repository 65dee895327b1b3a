/** The books of one resource manager over one store. */
import project from "../../../deno.json" with { type: "json" };
import type { Prices } from "../../../runtime/http/bill_api.ts";
import type { Logger } from "../../log.ts";
import { steadyClock } from "../clock.ts";
import { Classes, type ClassOptions } from "../leases/classes.ts";
import { LeaseQueue } from "../leases/lease_queue.ts";
import type { Placement } from "../leases/placement.ts";
import { NodeNotifications } from "../node_notifications.ts";
import {
  MAX_FOLLOWERS,
  MAX_FOLLOWERS_SHARE,
  MAX_NOTIFICATIONS_SHARE,
  MAX_RECLAIMS_SHARE,
  MAX_REQUESTS_AT_ONCE,
  MAX_WAITING_SHARE,
  NODE_REQUESTS_PER_SECOND,
  OPERATOR_REQUESTS_PER_SECOND,
  USAGE_HALF_LIFE_MS,
} from "../policy.ts";
import { BY_MANAGER, recordEvent } from "../record_event.ts";
import type { Quota, Store, Transaction } from "../store/store.ts";
import { BillBook } from "./bill_book.ts";
import { EventBook } from "./event_book.ts";
import { KeyRing } from "./key_ring.ts";
import { LeaseBook } from "./lease_book.ts";
import { LeaseStarts } from "./lease_starts.ts";
import { LentHours } from "./lent_hours.ts";
import { NodeBook } from "./node_book.ts";
import { RefusedRequests } from "./refused_requests.ts";
import { Preemptions } from "./preemptions.ts";
import { TokenBook } from "./token_book.ts";
import { openTokenFiles, type TokenFiles } from "./tokens.ts";
import { UsageBook } from "./usage_book.ts";

/** The options of the books. */
export interface BooksOptions {
  /**
   * The time in milliseconds since 1970, which never runs backwards. For tests.
   *
   * @default a clock that starts at the host's time and does not follow its jumps
   */
  readonly clock?: () => number;
  /** The policy that chooses among the nodes that fit a lease. @default "spread" */
  readonly placement?: Placement;
  /** The default of each limit that a client's token leaves out. @default no limits */
  readonly quota?: Quota;
  /** The classes of clients, by name. @default one class: all clients take turns */
  readonly classes?: Readonly<Record<string, ClassOptions>>;
  /** How long it takes until usage counts half, in milliseconds, if there are classes. @default a day */
  readonly usageHalfLifeMs?: number;
  /** The prices of bills. @default everything is free */
  readonly prices?: Prices;
  /** Requests a second with one node token, which many nodes may share. @default 8000 */
  readonly nodeRequestsPerSecond?: number;
  /** Requests a second with one operator token. @default 1000 */
  readonly operatorRequestsPerSecond?: number;
  /** The most requests in flight, of which shares may wait for capacity, notifications and events. @default 4096 */
  readonly maxRequestsAtOnce?: number;
}

/** All books, and what they share. */
export interface Books {
  readonly clock: () => number;
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  readonly tokens: TokenBook;
  readonly keys: KeyRing;
  readonly bills: BillBook;
  /** What nodes had to lend. */
  readonly lentHours: LentHours;
  readonly events: EventBook;
  readonly tokenFiles: TokenFiles;
  /** How leases started. */
  readonly starts: LeaseStarts;
  /** The lease requests that were refused, as events. */
  readonly refused: RefusedRequests;
  /** The requests that wait for capacity. */
  readonly queue: Pick<LeaseQueue, "length" | "longestWaitMs" | "waiting">;
  readonly classes: Classes;
  /** Returns the time since which a node has sent a heartbeat unless it is lost. */
  readonly aliveSinceMs: () => number;
  /** Records the start, if it could not be recorded with the opening of the books without a commit of its own. */
  begun(): Promise<void>;
  /** Refuses all requests that wait for capacity, notifications or events. */
  stopWaiting(): Promise<void>;
}

/**
 * Opens the books.
 *
 * @param stateDir the folder of the token files.
 * @param silenceMs returns how long ago the last heartbeat of a node may be.
 */
export async function openBooks(
  store: Store,
  stateDir: string,
  options: BooksOptions,
  log: Logger,
  silenceMs: () => number,
): Promise<Books> {
  const { quota, maxRequestsAtOnce = MAX_REQUESTS_AT_ONCE } = options;
  const clock = options.clock ?? store.shared?.clock ??
    steadyClock(await store.transact((tx) => tx.latestMs()));
  const nowMs = clock();
  // The stored times may be old. A node that is gone is lost again after three missed heartbeats.
  const start = store.transact((tx) => {
    tx.nodes().forEach(({ id }) => tx.markSeen(id, nowMs));
    if (store.shared === undefined) recordStart(tx, nowMs);
  });
  // All at once, so that a shared store commits what they write together. Most times that is nothing.
  const [, tokenFiles, keys] = await Promise.all([
    start,
    openTokenFiles(store, stateDir, nowMs),
    KeyRing.open(store, clock),
  ]);
  const classes = new Classes(options.classes);
  const usage = classes.areNamed
    ? new UsageBook({ store, clock, log }, options.usageHalfLifeMs ?? USAGE_HALF_LIFE_MS)
    : undefined;
  const queue = new LeaseQueue(
    clock,
    Math.floor(maxRequestsAtOnce * MAX_WAITING_SHARE),
    usage && ((payer) => usage.of(payer)),
  );
  const notifications = new NodeNotifications(
    nowMs,
    Math.floor(maxRequestsAtOnce * MAX_NOTIFICATIONS_SHARE),
  );
  const events = new EventBook(
    { store, clock },
    Math.min(MAX_FOLLOWERS, Math.floor(maxRequestsAtOnce * MAX_FOLLOWERS_SHARE)),
  );
  const aliveSinceMs = () => clock() - silenceMs();
  const starts = new LeaseStarts();
  const refused = new RefusedRequests({ store, clock });
  const preemptions = classes.havePreemption
    ? new Preemptions({ store, clock, aliveSinceMs, classes, notifications, log })
    : undefined;
  const context = {
    ...{ store, clock, aliveSinceMs, keys, log },
    ...{ queue, classes, usage, preemptions, notifications, starts, refused },
  };
  const nodes = new NodeBook(context, Math.floor(maxRequestsAtOnce * MAX_RECLAIMS_SHARE));
  const tokens = await TokenBook.open({
    ...context,
    files: tokenFiles,
    perSecond: {
      node: options.nodeRequestsPerSecond ?? NODE_REQUESTS_PER_SECOND,
      operator: options.operatorRequestsPerSecond ?? OPERATOR_REQUESTS_PER_SECOND,
    },
    ...(quota === undefined ? {} : { standardQuota: quota }),
  });
  void usage?.readEarlier();
  return {
    clock,
    nodes,
    leases: new LeaseBook(context, options.placement),
    tokens,
    keys,
    bills: new BillBook(context, options.prices ?? {}, usage),
    lentHours: new LentHours(context),
    events,
    tokenFiles,
    starts,
    refused,
    queue,
    classes,
    aliveSinceMs,
    begun: async () => {
      if (store.shared !== undefined) await store.transact((tx) => recordStart(tx, nowMs));
    },
    stopWaiting: async () => {
      events.close();
      await usage?.close();
      await queue.close();
      notifications.close();
      nodes.stopWaiting();
    },
  };
}

function recordStart(tx: Transaction, nowMs: number): void {
  const message = `version ${project.version}`;
  recordEvent(tx, "manager-started", nowMs, BY_MANAGER, { message });
}

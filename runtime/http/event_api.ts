/** The response of `/v1/events`. */
import { count, timeMs } from "./api_fields.ts";
import type { PageQuery } from "./page_api.ts";
import * as v from "../valibot.ts";

/** The longest wait of a request for events, in milliseconds; then the client sends the next one. */
export const EVENTS_WAIT_MS = 20_000;

/** What can happen, as a word for programs. docs/http.md has the table. */
export const EVENT_KINDS = [
  "lease-granted",
  "lease-refused",
  "lease-claimed",
  "lease-preempted",
  "executor-ended",
  "part-ended",
  "lease-ended",
  "node-registered",
  "node-restarted",
  "node-lost",
  "node-back",
  "node-drains",
  "node-lends",
  "node-removed",
  "token-created",
  "token-revoked",
  "key-created",
  "manager-started",
] as const;

/** What can happen, as a word for programs. */
export type EventKind = (typeof EVENT_KINDS)[number];

/** Something that happened to a lease, a request for one, a node, a token or a key. */
export interface ClusterEvent {
  /** Its number. Later events have greater ones. */
  readonly seq: number;
  /** When it happened, by the resource manager's clock, in milliseconds since 1970. */
  readonly atMs: number;
  /** What happened, such as `lease-granted`. A newer resource manager may have others. */
  readonly event: string;
  /** The role of the actor: `client`, `node`, `operator` or `resource-manager`. */
  readonly role: string;
  /** The name of the actor: of the client's or operator's token, or of the node. */
  readonly by?: string;
  /** The id of the lease that it is about. */
  readonly lease?: string;
  /** The first of the leases that replaced each other, if it is another one. */
  readonly root?: string;
  /** The name of the client of the lease or of the request. */
  readonly client?: string;
  /** The workers that were requested, granted, claimed or ended. */
  readonly workers?: number;
  /** How many refused requests of the client the event stands for; the other fields are those of the last one. */
  readonly requests?: number;
  /** The worker whose executor ended, by its index. */
  readonly worker?: number;
  /** Which of the worker's executors on the node it was, from 1. */
  readonly generation?: number;
  /** The id of the node. */
  readonly node?: string;
  /** The name of the node. */
  readonly nodeName?: string;
  /** The name of the token. */
  readonly token?: string;
  /** The reason, as a word for programs. */
  readonly code?: string;
  /** More for people. */
  readonly message?: string;
}

const text = v.exactOptional(v.string());

const clusterEventSchema: v.GenericSchema<ClusterEvent> = v.object({
  seq: count(1),
  atMs: timeMs,
  event: v.string(),
  role: v.string(),
  by: text,
  lease: text,
  root: text,
  client: text,
  workers: v.exactOptional(count(0)),
  requests: v.exactOptional(count(1)),
  worker: v.exactOptional(count(0)),
  generation: v.exactOptional(count(0)),
  node: text,
  nodeName: text,
  token: text,
  code: text,
  message: text,
});

/** Selects events. */
export interface EventsQuery {
  /** Only those about this lease, by its id, and about leases that replaced it. */
  readonly lease?: string;
  /** Only those about this node, by its id or its name. */
  readonly node?: string;
  /** Only those about leases and requests of this client. */
  readonly client?: string;
  /** Only those at or after this time, in milliseconds since 1970. */
  readonly sinceMs?: number;
}

/** Selects one page of events, and whether to wait for one. */
export interface EventPageQuery extends EventsQuery, PageQuery {
  /** `last` or `next` of an earlier response. Left out: from the oldest event that is kept. */
  readonly after?: string;
  /** Only the last ones, 1 to 1,000, in place of `limit`. */
  readonly newest?: number;
  /** How long to wait if there is none yet, in milliseconds, 20,000 at most. @default {0} */
  readonly waitMs?: number;
}

/** The number of an event in a query, as `after`. */
export const eventCursor = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9][0-9]{0,14})$/, "expected the last or next of a response"),
);
/** A wait in a query. */
export const waitText = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9][0-9]{0,3}|1[0-9]{4}|20000)$/, "expected 0 to 20000 milliseconds"),
);

/** The response of `GET /v1/events`. */
export interface EventList {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The events of this page, oldest first. */
  readonly events: readonly ClusterEvent[];
  /** Where the next page begins, as `after` of its request. Left out if there are no more events yet. */
  readonly next?: string;
  /** The newest event of any kind: `after` of a request for what happens from now on. */
  readonly last: string;
  /**
   * How many events behind `after`, of all clients and kinds, were dropped before this request: the resource manager
   * keeps a limited number.
   */
  readonly missed: number;
}

export const eventListSchema: v.GenericSchema<EventList> = v.object({
  nowMs: timeMs,
  events: v.array(clusterEventSchema),
  next: v.exactOptional(eventCursor),
  last: eventCursor,
  missed: count(0),
});

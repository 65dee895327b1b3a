/** One route of the HTTP interface: its description and its handler. */
import type { GenericSchema, InferOutput } from "../../../runtime/valibot.ts";
import type { BillBook } from "../books/bill_book.ts";
import type { EventBook } from "../books/event_book.ts";
import type { KeyRing } from "../books/key_ring.ts";
import type { LeaseBook } from "../books/lease_book.ts";
import type { LentHours } from "../books/lent_hours.ts";
import type { NodeBook } from "../books/node_book.ts";
import type { TokenBook } from "../books/token_book.ts";
import type { StateWatch } from "../state_watch.ts";
import type { Role, TokenRow } from "../store/store.ts";
import type { Live } from "../ui/live.ts";

/** What the handlers work on. */
export interface RouteTargets {
  readonly nodes: NodeBook;
  readonly leases: LeaseBook;
  readonly tokens: TokenBook;
  readonly keys: KeyRing;
  readonly bills: BillBook;
  readonly lentHours: LentHours;
  readonly events: EventBook;
  readonly state: Pick<StateWatch, "assertKept">;
  /** The streams of the dashboard. */
  readonly live: Pick<Live, "open">;
  readonly version: string;
  /** Whether no other resource manager can lead at this moment. */
  leads(): boolean;
  /** When this one began to lead; undefined if it is the only one. */
  readonly sinceMs?: number | undefined;
  /** The description of all routes, as JSON text. */
  description(): string;
}

/** A request whose token and body were checked. */
export interface RouteRequest<Body> {
  /** The token of the request. Reading it is an error on a route without roles. */
  readonly caller: TokenRow;
  readonly body: Body;
  readonly query: Record<string, string>;
  /** Fires when the client has gone. Each reading of it creates a signal, which costs time. */
  readonly signal: AbortSignal;
  /** A parameter of the path. */
  param(name: string): string;
  /** A header. */
  header(name: string): string | undefined;
}

type BodyOf<S extends GenericSchema | undefined> = S extends GenericSchema ? InferOutput<S>
  : undefined;

/** A route whose handler receives what the schema of the body accepts. */
interface RouteOf<S extends GenericSchema | undefined, Body> {
  /** What it does, in one sentence. */
  readonly summary: string;
  /** The roles whose tokens are accepted. Empty: no token is needed. */
  readonly roles: readonly Role[];
  /**
   * What a request takes of a turn of the event loop, at most {@linkcode GATE_PER_TURN}. It waits for its turn behind
   * requests that keep a node or a lease alive, which take nothing. @default {0}
   */
  readonly cost?: number;
  /** Whether it needs the token itself: a session of the dashboard must begin no other one. @default {false} */
  readonly needsToken?: boolean;
  /** Whether it makes something that must outlast a restart. Refused while the state is not kept. @default {false} */
  readonly needsState?: boolean;
  readonly body?: S;
  /** The fields of the query, all of them optional. */
  readonly query?: Readonly<Record<string, GenericSchema>>;
  /** The status of a success, and the schema of its body; null for no body. */
  readonly response: readonly [status: 200 | 201 | 204, body: GenericSchema | null];
  /** The refusals of this route by status, besides those of all routes. */
  readonly refusals?: Readonly<Record<number, string>>;
  /** @returns the body of the response, or a whole response. */
  handle(targets: RouteTargets, request: RouteRequest<Body>): unknown;
}

/** A route. */
export type Route = RouteOf<GenericSchema | undefined, unknown>;

/** Routes by method and path. The parameters of a path are written as `:name`. */
export type Routes = Readonly<Record<string, Route>>;

/** Defines a route, so that the type of the body follows from its schema. */
export function route<S extends GenericSchema | undefined = undefined>(
  definition: RouteOf<S, BodyOf<S>>,
): Route {
  return definition as Route;
}

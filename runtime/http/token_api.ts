/** The bodies of `/v1/tokens`. */
import {
  accountName,
  byteCount,
  className,
  count,
  plainName,
  termMs,
  timeMs,
} from "./api_fields.ts";
import type { Page } from "./page_api.ts";
import * as v from "../valibot.ts";

/** What a token may do: run the cluster, serve as a node, or take leases. */
export type TokenRole = "operator" | "node" | "client";

/** The most that one client may have. A limit that is left out is the configuration's, else there is none. */
export interface Quota {
  /** The workers of all its running leases together. */
  readonly workers?: number;
  /** The memory of all its running leases together, in bytes. */
  readonly memoryBytes?: number;
  /** Its running leases. */
  readonly leases?: number;
  /** The longest term of a lease, in milliseconds, 1,000 to 86,400,000. */
  readonly termMs?: number;
  /** Its HTTP requests in a second, 1 or more. */
  readonly requestsPerSecond?: number;
}

export const quotaSchema: v.GenericSchema<Quota> = v.object({
  workers: v.exactOptional(count(0)),
  memoryBytes: v.exactOptional(byteCount),
  leases: v.exactOptional(count(0)),
  termMs: v.exactOptional(termMs),
  requestsPerSecond: v.exactOptional(count(1)),
});

const role = v.picklist(["operator", "node", "client"]);

/** The body of `POST /v1/tokens`. */
export interface TokenRequest {
  /** What the token may do. */
  readonly role: TokenRole;
  /** The name of the client, node or operator: 1 to 128 letters, digits, `.`, `_` or `-`. */
  readonly name: string;
  /** The limits of a client. */
  readonly quota?: Quota;
  /** The account of a client in the accounting of its site, which its bills carry: a name like that of the token. */
  readonly account?: string;
  /** The class of a client, which the resource manager's configuration names: which requests are served first. */
  readonly class?: string;
}

export const tokenRequestSchema: v.GenericSchema<TokenRequest> = v.object({
  role,
  name: plainName,
  quota: v.exactOptional(quotaSchema),
  account: v.exactOptional(accountName),
  class: v.exactOptional(className),
});

/** The response of `POST /v1/tokens`, the only one that holds the token's text. */
export interface TokenResponse {
  /** The token's text, for `Authorization: Bearer`. */
  readonly token: string;
  /** What the token may do. */
  readonly role: TokenRole;
  /** The name that it was made with. */
  readonly name: string;
}

export const tokenResponseSchema: v.GenericSchema<TokenResponse> = v.object({
  token: v.string(),
  role,
  name: plainName,
});

/** A token as the resource manager keeps it: without its text. */
export interface TokenEntry {
  /** What the token may do. */
  readonly role: TokenRole;
  /** Its name. */
  readonly name: string;
  /** When it was made, in milliseconds since 1970. */
  readonly createdMs: number;
  /** Its limits. */
  readonly quota: Quota;
  /** The account of a client. Left out if it has none. */
  readonly account?: string;
  /** The class of a client. Left out if it was made without one. */
  readonly class?: string;
}

/** Where a page of tokens ends: the name of its last one. */
export const tokenCursor = plainName;

/** The response of `GET /v1/tokens`. */
export interface TokenList extends Page {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The tokens, by name. */
  readonly tokens: readonly TokenEntry[];
}

export const tokenListSchema: v.GenericSchema<TokenList> = v.object({
  nowMs: timeMs,
  tokens: v.array(v.object({
    role,
    name: plainName,
    createdMs: timeMs,
    quota: quotaSchema,
    account: v.exactOptional(accountName),
    class: v.exactOptional(className),
  })),
  next: v.exactOptional(tokenCursor),
});

/** The bodies of `/v1/leases`. */
import {
  bootId,
  byteCount,
  count,
  fabricAddresses,
  hexId,
  MAX_LEASE_WAIT_MS,
  plainName,
  termMs,
  timeMs,
  workerCount,
} from "./api_fields.ts";
import type { Page } from "./page_api.ts";
import * as v from "../valibot.ts";

/** The body of `POST /v1/leases`. */
export interface LeaseRequest {
  /** Its workers, 1 to 1,024. Each takes one core. */
  readonly workers: number;
  /** The memory of all workers together, in bytes. */
  readonly memoryBytes: number;
  /** The term in milliseconds, 1,000 to 86,400,000. */
  readonly termMs: number;
  /** How long to wait for capacity, in milliseconds, 0 to 600,000. Left out: no wait. */
  readonly waitMs?: number;
  /** The id of the lease whose part this one replaces. A quota counts both as one. */
  readonly replaces?: string;
  /** The ids of nodes to leave out, 64 at most: they have just refused a grant. */
  readonly avoid?: readonly string[];
  /**
   * 32 hex digits that name the request: 12 of the time in milliseconds since 1970, the others at random. One that is
   * repeated with the same name, within an hour, gets the lease that was granted before, as its response may have been
   * lost.
   */
  readonly request?: string;
}

/** The most nodes that a request for a lease may leave out. */
export const MAX_AVOIDED_NODES = 64;

export const leaseRequestSchema: v.GenericSchema<LeaseRequest> = v.object({
  workers: workerCount,
  memoryBytes: byteCount,
  termMs,
  waitMs: v.exactOptional(count(0, MAX_LEASE_WAIT_MS)),
  replaces: v.exactOptional(hexId),
  avoid: v.exactOptional(v.pipe(v.array(hexId), v.maxLength(MAX_AVOIDED_NODES))),
  request: v.exactOptional(hexId),
});

/** A candidate node of a lease, with the grant that claims workers there. */
export interface NodeGrant {
  /** The node's id. */
  readonly node: string;
  /** The node's name. */
  readonly name: string;
  /** The node's fabric addresses, such as `shm:NAME` or `verbs://HOST:PORT`. */
  readonly addresses: readonly string[];
  /** The boot id of the node's host: a client with the same one can share memory with the node. */
  readonly bootId: string;
  /** The most workers of the lease that may be claimed there. */
  readonly workers: number;
  /** The signed grant. */
  readonly grant: string;
}

const nodeGrantSchema: v.GenericSchema<NodeGrant> = v.object({
  node: hexId,
  name: plainName,
  addresses: fabricAddresses,
  bootId,
  workers: workerCount,
  grant: v.string(),
});

/** The response of `POST /v1/leases`. */
export interface LeaseResponse {
  /** The lease's id. */
  readonly lease: string;
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** When the term ends, in milliseconds since 1970. */
  readonly expiresMs: number;
  /** One grant a candidate node, at least one. Cores are reserved on the first ones only: claim in this order. */
  readonly grants: readonly NodeGrant[];
}

export const leaseResponseSchema: v.GenericSchema<LeaseResponse> = v.object({
  lease: hexId,
  nowMs: timeMs,
  expiresMs: timeMs,
  grants: v.pipe(v.array(nodeGrantSchema), v.minLength(1)),
});

/** The body of `POST /v1/leases/:lease/renew`. */
export interface LeaseRenewal {
  /** The new term, from now, in milliseconds, 1,000 to 86,400,000. */
  readonly termMs: number;
}

export const leaseRenewalSchema: v.GenericSchema<LeaseRenewal> = v.object({ termMs });

/** The response of `POST /v1/leases/:lease/renew`. */
export interface LeaseRenewalResponse {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** When the term ends, in milliseconds since 1970. */
  readonly expiresMs: number;
  /** A new grant for each node that serves the lease. */
  readonly grants: readonly NodeGrant[];
}

export const leaseRenewalResponseSchema: v.GenericSchema<LeaseRenewalResponse> = v.object({
  nowMs: timeMs,
  expiresMs: timeMs,
  grants: v.array(nodeGrantSchema),
});

/** What one node has of a lease. */
export interface LeaseNode {
  /** The node's id. */
  readonly node: string;
  /** The node's name. */
  readonly name: string;
  /** The workers there. */
  readonly workers: number;
  /** `candidate` until the client has claimed the workers. */
  readonly state: "candidate" | "claimed";
}

/** A running lease. */
export interface LeaseEntry {
  /** The lease's id. */
  readonly lease: string;
  /** The name of the client's token. */
  readonly client: string;
  /** Its workers on all nodes together. */
  readonly workers: number;
  /** Its memory on all nodes together, in bytes. */
  readonly memoryBytes: number;
  /** When it was granted, in milliseconds since 1970. */
  readonly issuedMs: number;
  /** When the term ends, in milliseconds since 1970. */
  readonly expiresMs: number;
  /** Its nodes. */
  readonly nodes: readonly LeaseNode[];
}

/** Where a page of leases ends: the time of the grant and the id of its last one. */
export const leaseCursor = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9][0-9]{0,14})\.[0-9a-f]{32}$/, "expected the next of a response"),
);

/** The response of `GET /v1/leases`. */
export interface LeaseList extends Page {
  /** The resource manager's clock, in milliseconds since 1970. */
  readonly nowMs: number;
  /** The running leases, oldest first. */
  readonly leases: readonly LeaseEntry[];
}

export const leaseListSchema: v.GenericSchema<LeaseList> = v.object({
  nowMs: timeMs,
  leases: v.array(v.object({
    lease: hexId,
    client: plainName,
    workers: workerCount,
    memoryBytes: byteCount,
    issuedMs: timeMs,
    expiresMs: timeMs,
    nodes: v.array(v.object({
      node: hexId,
      name: v.string(),
      workers: workerCount,
      state: v.picklist(["candidate", "claimed"]),
    })),
  })),
  next: v.exactOptional(leaseCursor),
});

/**
 * What travels between the resource manager and those who ask it: one schema for each body, used by
 * the server to refuse a request and by the client to refuse an answer. docs/http.md tells the routes.
 *
 * Times are milliseconds of the resource manager's clock, memory is in bytes.
 */
import { billReportSchema, maxHeartbeatBills } from "./bill_api.ts";
import * as v from "../valibot.ts";

/** The most workers that one lease may ask for. */
export const maxLeaseWorkers = 1024;
/** The longest term of a lease, in seconds: a day. A longer need is met by renewing. */
export const maxLeaseSeconds = 86_400;
/** How long a request for a lease may wait for room, in milliseconds: ten minutes. Who waits longer asks again. */
export const maxLeaseWaitMs = 600_000;
/** How long a node waits for orders at most, in milliseconds; then it asks again. */
export const ordersWaitMs = 20_000;
/** The most leases that one heartbeat may list: one for each of the cores that a node may have. */
const maxHeartbeatLeases = 4096;

const count = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

/** Milliseconds since 1970. */
export const timeMs = count(0);
/** The same in a query. */
export const timeText = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9][0-9]{0,14})$/, "expected milliseconds"),
);
/** A size in bytes. */
export const byteCount = count(0);
/** The workers of a lease or of a part of it. */
export const workerCount = count(1, maxLeaseWorkers);
/** The number of starts of a node's executor manager. */
export const epochNumber = count(1, 2 ** 31 - 1);
/** A name of a node or a client: no quotes, spaces or control characters, so it is safe in any log. */
export const plainName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/));
/** 128 random bits. Ids of leases and of nodes have this form. */
export const hexId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
/** The first 64 bits of the SHA-256 of a public key. */
export const keyId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
/** A fabric address, such as `shm:NAME` or `verbs://HOST:PORT`. */
const fabricAddress = v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,256}$/));
const fabricAddresses = v.pipe(v.array(fabricAddress), v.minLength(1), v.maxLength(16));
/** The host's boot id: nodes and clients that share one can share memory. */
const bootId = v.pipe(v.string(), v.regex(/^[0-9A-Za-z-]{1,64}$/));
/** One word, or a short line, on why something ended: printable, since it ends up in logs. */
const reasonText = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,256}$/));

/** A reason as a report may give it: it may hold what a function threw. */
export function reportedReason(reason: string): string {
  return reason.slice(0, 200).replace(/[^\x20-\x7e]/g, "?");
}

/** A key that grants are signed with: its id and the raw 32 bytes of Ed25519 in base64url. */
export const grantKeySchema = v.object({
  id: keyId,
  publicKey: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/)),
});

/** How long a node's leases have to move elsewhere, in milliseconds: a day at most. */
const noticeMs = v.pipe(count(0), v.maxValue(86_400_000));
/** The notice of a node that is to be drained, else null. */
const drainMs = v.nullable(noticeMs);

/** The body of every answer that is no success. */
export const errorSchema = v.object({
  error: v.object({ code: v.string(), message: v.string() }),
});

/** `GET /v1/health` */
export const healthSchema = v.object({ ok: v.literal(true), version: v.string() });

/** `GET /v1/openapi.json`: as far as anyone but a reader of OpenAPI needs to know it. */
export const openApiSchema = v.looseObject({ openapi: v.literal("3.1.0") });

/** `POST /v1/nodes` */
export const nodeRegistrationSchema = v.object({
  name: plainName,
  cores: count(1, 4096),
  memoryBytes: byteCount,
  addresses: fabricAddresses,
  bootId,
});
/** The answer to a registration. */
export const nodeWelcomeSchema = v.object({
  node: hexId,
  epoch: epochNumber,
  keys: v.array(grantKeySchema),
  nowMs: timeMs,
  heartbeatMs: count(1),
});

/** `POST /v1/nodes/:node/heartbeat` */
export const heartbeatSchema = v.object({
  epoch: epochNumber,
  leases: v.pipe(
    v.array(v.object({ lease: hexId, workers: workerCount })),
    v.maxLength(maxHeartbeatLeases),
  ),
  /** Totals that the node has, also of leases that have ended: what was not answered is told again. */
  bills: v.exactOptional(v.pipe(v.array(billReportSchema), v.maxLength(maxHeartbeatBills))),
});
/** The answer to a heartbeat. `end` lists the leases which the node should end. */
export const heartbeatAnswerSchema = v.object({
  nowMs: timeMs,
  keys: v.array(grantKeySchema),
  end: v.array(hexId),
  drainMs,
});

/** `POST /v1/nodes/:node/orders` */
export const ordersRequestSchema = v.object({
  epoch: epochNumber,
  /** The revision that was answered last. Left out: nothing is waited for. */
  since: v.exactOptional(count(0)),
});
/** The answer: the newest revision. If it is another one than `since`, a heartbeat is due. */
export const ordersAnswerSchema = v.object({ revision: count(0) });

/** `POST /v1/nodes/:node/drain` */
export const drainSchema = v.object({ noticeMs });

/** `PUT /v1/nodes/:node/leases/:lease` */
export const leaseReportSchema = v.object({
  epoch: epochNumber,
  state: v.picklist(["claimed", "ended"]),
  workers: workerCount,
  reason: v.optional(reasonText),
  /** With `ended`: its totals. */
  bill: v.exactOptional(billReportSchema),
});

/** `GET /v1/nodes` */
export const nodeListSchema = v.object({
  nowMs: timeMs,
  nodes: v.array(v.object({
    node: hexId,
    name: plainName,
    epoch: epochNumber,
    addresses: v.array(fabricAddress),
    cores: count(1),
    freeCores: count(0),
    memoryBytes: byteCount,
    freeMemoryBytes: byteCount,
    state: v.picklist(["up", "draining", "lost"]),
    lastSeenMs: timeMs,
  })),
});

/** `GET /v1/leases` */
export const leaseListSchema = v.object({
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
});

/** `POST /v1/leases` */
export const leaseRequestSchema = v.object({
  workers: workerCount,
  memoryBytes: byteCount,
  seconds: count(1, maxLeaseSeconds),
  /** How long to wait for room. Left out: not at all. */
  waitMs: v.exactOptional(count(0, maxLeaseWaitMs)),
  /** The lease a part of which it takes the place of: for a quota they count as one. */
  instead: v.exactOptional(hexId),
});
/** `POST /v1/leases/:lease/renew` */
export const leaseRenewalSchema = v.object({ seconds: count(1, maxLeaseSeconds) });

/** A candidate node of a lease, and the grant that it will ask for. */
export const nodeGrantSchema = v.object({
  node: hexId,
  name: plainName,
  addresses: fabricAddresses,
  bootId,
  /** At most so many workers of the lease. */
  workers: workerCount,
  grant: v.string(),
});
/** The answer to a renewal. */
export const leaseRenewedSchema = v.object({
  nowMs: timeMs,
  expiresMs: timeMs,
  grants: v.array(nodeGrantSchema),
});
/** The answer to a request for a lease. */
export const leaseTakenSchema = v.object({
  lease: hexId,
  nowMs: timeMs,
  expiresMs: timeMs,
  grants: v.pipe(v.array(nodeGrantSchema), v.minLength(1)),
});

/** What a client may have at most: sums over its running leases, the longest term, and requests over time. */
export const quotaSchema = v.object({
  workers: v.exactOptional(count(0)),
  memoryBytes: v.exactOptional(byteCount),
  leases: v.exactOptional(count(0)),
  seconds: v.exactOptional(count(1, maxLeaseSeconds)),
  requestsPerSecond: v.exactOptional(count(1)),
});
const role = v.picklist(["operator", "node", "client"]);
/** `POST /v1/tokens` */
export const tokenRequestSchema = v.object({
  role,
  name: plainName,
  quota: v.exactOptional(quotaSchema),
});
/** The answer: the one time that the token's text is told. */
export const tokenCreatedSchema = v.object({ token: v.string(), role, name: plainName });
/** `GET /v1/tokens` */
export const tokenListSchema = v.object({
  nowMs: timeMs,
  tokens: v.array(v.object({ role, name: plainName, createdMs: timeMs, quota: quotaSchema })),
});

/** `GET /v1/keys` and `POST /v1/keys/rotate` */
export const keyListSchema = v.object({
  nowMs: timeMs,
  keys: v.array(v.object({
    ...grantKeySchema.entries,
    state: v.picklist(["coming", "signing", "old"]),
    createdMs: timeMs,
    signsFromMs: timeMs,
    dropMs: v.nullable(timeMs),
  })),
});

export type GrantKey = v.InferOutput<typeof grantKeySchema>;
export type KeyList = v.InferOutput<typeof keyListSchema>;
export type Health = v.InferOutput<typeof healthSchema>;
export type NodeRegistration = v.InferOutput<typeof nodeRegistrationSchema>;
export type NodeWelcome = v.InferOutput<typeof nodeWelcomeSchema>;
export type Heartbeat = v.InferOutput<typeof heartbeatSchema>;
export type HeartbeatAnswer = v.InferOutput<typeof heartbeatAnswerSchema>;
export type OrdersRequest = v.InferOutput<typeof ordersRequestSchema>;
export type OrdersAnswer = v.InferOutput<typeof ordersAnswerSchema>;
export type Drain = v.InferOutput<typeof drainSchema>;
export type LeaseReport = v.InferOutput<typeof leaseReportSchema>;
export type NodeList = v.InferOutput<typeof nodeListSchema>;
export type LeaseList = v.InferOutput<typeof leaseListSchema>;
export type LeaseRequest = v.InferOutput<typeof leaseRequestSchema>;
export type LeaseRenewal = v.InferOutput<typeof leaseRenewalSchema>;
export type NodeGrant = v.InferOutput<typeof nodeGrantSchema>;
export type LeaseRenewed = v.InferOutput<typeof leaseRenewedSchema>;
export type LeaseTaken = v.InferOutput<typeof leaseTakenSchema>;
export type Quota = v.InferOutput<typeof quotaSchema>;
export type TokenRequest = v.InferOutput<typeof tokenRequestSchema>;
export type TokenCreated = v.InferOutput<typeof tokenCreatedSchema>;
export type TokenList = v.InferOutput<typeof tokenListSchema>;

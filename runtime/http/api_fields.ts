/**
 * The fields that several bodies of the HTTP interface share, and their limits.
 *
 * Times are milliseconds of the resource manager's clock, memory is in bytes.
 */
import { MAX_LEASE_WORKERS } from "../protocol/wire.ts";
import * as v from "../valibot.ts";

/** The longest term of a lease, in milliseconds: a day. A longer lease is renewed. */
export const MAX_TERM_MS = 86_400_000;
/** The longest grace period of a node's leases, in milliseconds: a day. */
export const MAX_DRAIN_GRACE_MS = 86_400_000;
/** The longest that a request for a lease may wait for capacity, in milliseconds: ten minutes. */
export const MAX_LEASE_WAIT_MS = 600_000;

/** An integer from `least` to `most`. */
export const count = (least: number, most: number = Number.MAX_SAFE_INTEGER) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

/** Milliseconds since 1970. */
export const timeMs = count(0);
/** The same in a query. */
export const timeText = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9][0-9]{0,14})$/, "expected milliseconds"),
);
/** A term of a lease, in milliseconds. */
export const termMs = count(1000, MAX_TERM_MS);
/** A size in bytes. */
export const byteCount = count(0);
/** A grace period, in milliseconds. */
export const graceMs = count(0, MAX_DRAIN_GRACE_MS);
/** One short line on why a lease or an executor ended: printable, since it ends up in logs. */
export const reasonText = v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,256}$/));
/** The workers of a lease or of a part of it. */
export const workerCount = count(1, MAX_LEASE_WORKERS);
/** The largest epoch of a node. */
export const MAX_EPOCH = 2 ** 31 - 1;
/** The number of starts of a node's executor manager. */
export const epochNumber = count(1, MAX_EPOCH);
/** A name of a node or a client: no quotes, spaces or control characters, so it is safe in any log. */
export const plainName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/));
/** The name of an account of a site, as those of Slurm: it stands between the `|` of `sacct`, and in CSV. */
export const accountName = plainName;
/** The name of a class of clients. It begins with a letter, so that a list is no table of classes. */
export const className = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z][A-Za-z0-9._-]{0,63}$/,
    "expected a letter, then at most 63 letters, digits, dots, underscores and hyphens",
  ),
);
/** 32 hex digits. Ids of leases and of nodes have this form; see time_ordered_name.ts. */
export const hexId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/));
/** The first 64 bits of the SHA-256 of a public key. */
export const keyId = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
/** A fabric address, such as `shm:NAME` or `verbs://HOST:PORT`. */
export const fabricAddress = v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,256}$/));
/** The addresses of a node. */
export const fabricAddresses = v.pipe(v.array(fabricAddress), v.minLength(1), v.maxLength(16));
/** The host's boot id: nodes and clients that share one can share memory. */
export const bootId = v.pipe(v.string(), v.regex(/^[0-9A-Za-z-]{1,64}$/));

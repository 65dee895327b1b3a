/** The messages of etcd's gateway: keys and values in base64, numbers of 64 bits as texts, defaults left out. */
import * as v from "../../../../runtime/valibot.ts";
import type { SeenVersions } from "./seen_versions.ts";

/** A row as etcd holds it. */
export interface Stored {
  readonly key: string;
  readonly value: string;
  /** The revision of its last write. */
  readonly revision: number;
}

const integer = v.pipe(v.optional(v.string(), "0"), v.regex(/^\d{1,16}$/), v.transform(Number));
const text = v.pipe(v.optional(v.string(), ""), v.transform(decodeText));
const header = v.object({ revision: integer });
const read = v.object({
  count: integer,
  kvs: v.optional(v.array(v.object({ key: text, value: text, mod_revision: integer })), []),
});
const range = v.object({
  ...read.entries,
  header,
  more: v.optional(v.boolean(), false),
});
const txn = v.object({
  header,
  succeeded: v.optional(v.boolean(), false),
  responses: v.optional(v.array(v.object({ response_range: v.optional(read) })), []),
});

/** The rows of a range, or the first of them. */
export interface Range {
  readonly rows: readonly Stored[];
  /** Whether there are rows after these. */
  readonly more: boolean;
  /** The number of all rows of the range. */
  readonly count: number;
  /** The newest revision. */
  readonly revision: number;
}

/** Checks the response to a range. @throws {v.ValiError} if it is another message. */
export function checkRange(message: unknown): Range {
  const { kvs, more, count, header: { revision } } = v.parse(range, message);
  return { rows: kvs.map(storedOf), more, count, revision };
}

/** What a transaction did and has read. */
export interface TxnResult {
  readonly done: boolean;
  readonly revision: number;
  /** The first row of each range that it has read. */
  readonly found: readonly (Stored | undefined)[];
  /** The number of rows of each range. */
  readonly counts: readonly number[];
}

/** Checks the response to a transaction. @throws {v.ValiError} if it is another message. */
export function checkTxn(message: unknown): TxnResult {
  const { header, succeeded, responses } = v.parse(txn, message);
  const ranges = responses.flatMap(({ response_range }) => response_range ?? []);
  return {
    done: succeeded,
    revision: header.revision,
    found: ranges.map(({ kvs: [row] }) => row && storedOf(row)),
    counts: ranges.map(({ count }) => count),
  };
}

/** What has changed since the message before, of whole revisions. */
export interface WatchMessage {
  readonly rows: readonly Stored[];
  readonly deleted: readonly string[];
  /** That of the last change; 0 if there is none. */
  readonly revision: number;
}

const event = v.object({
  type: v.optional(v.string(), "PUT"),
  kv: v.object({ key: text, value: text, mod_revision: integer, version: integer }),
});
const watch = v.object({
  result: v.object({
    canceled: v.optional(v.literal(false)),
    events: v.optional(v.array(event), []),
  }),
});

/**
 * Checks a message of a watch.
 *
 * @param seen the versions in the messages before it.
 * @throws {Error} if changes are missing between the two.
 * @throws {v.ValiError} if it is another message, or etcd ends the watch: it has dropped the versions that would be next, or
 * the member is cut off from the others.
 */
export function checkWatch(message: unknown, seen: SeenVersions): WatchMessage {
  const { events } = v.parse(watch, message).result;
  for (const { kv } of events) seen.add(kv);
  // The last change of each key counts.
  const last = new Map(events.map((each) => [each.kv.key, each]));
  const changes = [...last.values()];
  return {
    rows: changes.filter(({ type }) => type !== "DELETE").map(({ kv }) => storedOf(kv)),
    deleted: changes.filter(({ type }) => type === "DELETE").map(({ kv }) => kv.key),
    revision: events.at(-1)?.kv.mod_revision ?? 0,
  };
}

/** The state of a member. */
export interface MemberStatus {
  readonly version: string;
  /** The size of its file. */
  readonly bytes: number;
  /** Whether it is connected to a majority. */
  readonly hasLeader: boolean;
}

const status = v.object({
  version: v.string(),
  dbSize: integer,
  leader: v.optional(v.string(), "0"),
});

/** Checks the response to a request for the state. @throws {v.ValiError} if it is another message. */
export function checkStatus(message: unknown): MemberStatus {
  const { version, dbSize, leader } = v.parse(status, message);
  return { version, bytes: dbSize, hasLeader: leader !== "0" };
}

function storedOf(row: { key: string; value: string; mod_revision: number }): Stored {
  return { key: row.key, value: row.value, revision: row.mod_revision };
}

/** A text as etcd's messages carry it. */
export function encodeText(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

/** @throws {SyntaxError} if it is no base64. */
function decodeText(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}

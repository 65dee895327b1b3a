/**
 * Requests to etcd by its gateway for JSON over HTTP, of etcd 3.4 and later. A library for gRPC would add a megabyte of
 * code for the three requests that a store needs.
 */
import { abortable, deadline } from "../../../../std/async.ts";
import { TextLineStream } from "../../../../std/streams.ts";
import { createDirectClient } from "../../../../runtime/http/direct_client.ts";
import { inTrace } from "../../../../runtime/tracing/tracing.ts";
import { EtcdRefusedError, EtcdUnreachableError } from "./etcd_errors.ts";
import {
  checkRange,
  checkStatus,
  checkTxn,
  checkWatch,
  encodeText,
  type MemberStatus,
  type Range,
  type Stored,
  type WatchMessage,
} from "./etcd_messages.ts";
import { AUTHENTICATE_TIMEOUT_MS } from "./etcd_policy.ts";
import { SeenVersions } from "./seen_versions.ts";

/** How to reach etcd. */
export interface EtcdConnection {
  /** HOST:PORT of each member. */
  readonly members: readonly string[];
  /** Certificates of authorities in PEM form. With them the connections use TLS. */
  readonly caCert?: string;
  /** The certificate of this client with its key, both in PEM form. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  readonly user?: { readonly name: string; readonly password: string };
}

/** A condition of a transaction: the revision of a key's last write (0: it does not exist), or its value. */
export type Condition =
  | { readonly key: string; readonly revision: number }
  | { readonly key: string; readonly value: string };

/** A write: a key with its new value; undefined deletes it. */
export interface Write {
  readonly key: string;
  readonly value: string | undefined;
}

/** What a transaction did. */
export interface Outcome {
  readonly done: boolean;
  readonly revision: number;
  /** If it was not done, the rows that were to be read then, in the order of their keys in the request. */
  readonly found: readonly (Stored | undefined)[];
}

/** The rows that have changed. */
export interface Changes {
  readonly rows: readonly Stored[];
  /** The number of all rows, changed or not. */
  readonly count: number;
  /** The revision at which they were read. */
  readonly revision: number;
}

/** How long a connection may be idle. etcd closes none. */
const IDLE_TIMEOUT_MS = 60_000;
/** The rows of one response when all rows with a prefix are read. */
const PAGE_ROWS = 2000;

/** A client of one etcd cluster. It sends each request to one member, and the next one to another after a failure. */
export class EtcdClient implements Disposable {
  readonly #connection: EtcdConnection;
  /** One a member, which passes no proxy: it would read the rows. */
  readonly #clients: readonly Deno.HttpClient[];
  readonly #ended = new AbortController();
  #at = 0;
  #token: Promise<string> | undefined;

  constructor(connection: EtcdConnection) {
    this.#connection = connection;
    this.#clients = connection.members.map((member) => createClient(member, connection));
  }

  /** The members, for messages. */
  get name(): string {
    return `etcd at ${this.#connection.members.join(", ")}`;
  }

  /** The number of members. */
  get size(): number {
    return this.#connection.members.length;
  }

  /** The values of some keys at one revision. */
  async read(keys: readonly string[], timeoutMs: number): Promise<readonly (Stored | undefined)[]> {
    const success = keys.map(readOf);
    const { found } = checkTxn(await this.#post("kv/txn", { success }, timeoutMs));
    return found;
  }

  /**
   * All rows whose keys begin with a prefix that ends with a slash, and that were written after a revision.
   *
   * @param after the revision; 0 for all rows.
   * @param at the revision at which they are read. @default the newest
   */
  async changes(prefix: string, after: number, timeoutMs: number, at?: number): Promise<Changes> {
    const since = after === 0 ? {} : { min_mod_revision: after + 1 };
    let first: Range | undefined;
    const rows: Stored[] = [];
    for await (const page of this.#pages(prefix, since, at, timeoutMs)) {
      first ??= page;
      rows.push(...page.rows);
    }
    return { rows, count: first!.count, revision: at ?? first!.revision };
  }

  /**
   * Follows the rows whose keys begin with a prefix that ends with a slash, until the signal ends it. Each message has
   * whole revisions, and later ones than the message before.
   *
   * @param after the revision before the first change.
   * @param silenceMs the longest time to the first message, and between two.
   * @throws {EtcdUnreachableError} if the member ends the watch, sends no message in time, or skips changes.
   * @throws {EtcdRefusedError}
   */
  async *watch(
    prefix: string,
    after: number,
    silenceMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchMessage> {
    const at = this.#at;
    const cut = new AbortController();
    const ending = AbortSignal.any([this.#ended.signal, signal, cut.signal]);
    const create_request = { ...rangeOf(prefix), start_revision: after + 1 };
    try {
      const begin = async () => {
        const token = await this.#authenticated(ending);
        return await this.#fetch(at, "watch", { create_request }, ending, token);
      };
      const response = await deadline(begin(), silenceMs);
      const lines = response.body!.pipeThrough(new TextDecoderStream())
        .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
      const seen = new SeenVersions();
      for (;;) {
        const { done, value } = await deadline(lines.next(), silenceMs);
        if (done) throw new Error("the watch has ended");
        yield checkWatch(JSON.parse(value), seen);
      }
    } catch (error) {
      if (ending.aborted) return; // the member has not failed
      throw this.#failed(at, error, error instanceof Error ? error.message : String(error));
    } finally {
      cut.abort();
    }
  }

  /** The keys that begin with a prefix that ends with a slash, at a revision. */
  async keys(prefix: string, revision: number, timeoutMs: number): Promise<string[]> {
    const found: string[] = [];
    for await (const page of this.#pages(prefix, { keys_only: true }, revision, timeoutMs)) {
      found.push(...page.rows.map(({ key }) => key));
    }
    return found;
  }

  /** The number of keys that begin with each prefix, which ends with a slash, at a revision. */
  async counts(
    prefixes: readonly string[],
    revision: number,
    timeoutMs: number,
  ): Promise<readonly number[]> {
    const success = prefixes.map((prefix) => ({
      request_range: { ...rangeOf(prefix), count_only: true, revision },
    }));
    return checkTxn(await this.#post("kv/txn", { success }, timeoutMs)).counts;
  }

  /** Whether a row was written as it is, at its revision. Also false if etcd does not have the revision any more. */
  async holds({ key, value, revision }: Stored, timeoutMs: number): Promise<boolean> {
    const success = [{ request_range: { key: encodeText(key), revision } }];
    try {
      const { found: [row] } = checkTxn(await this.#post("kv/txn", { success }, timeoutMs));
      return row?.revision === revision && row.value === value;
    } catch (error) {
      if (error instanceof EtcdRefusedError && error.isRevision) return false;
      throw error;
    }
  }

  /** The pages of a range, in the order of the keys, all at the revision of the first one. */
  async *#pages(
    prefix: string,
    what: { readonly min_mod_revision?: number; readonly keys_only?: true },
    at: number | undefined,
    timeoutMs: number,
  ): AsyncGenerator<Range> {
    const { range_end } = rangeOf(prefix);
    let [key, revision] = [prefix, at];
    for (;;) {
      const request = {
        ...what,
        key: encodeText(key),
        range_end,
        limit: PAGE_ROWS,
        ...(revision === undefined ? {} : { revision }),
      };
      const page = checkRange(await this.#post("kv/range", request, timeoutMs));
      yield page;
      if (!page.more) return;
      key = `${page.rows.at(-1)!.key}\0`;
      revision ??= page.revision;
    }
  }

  /** The first key from `from`, before `to`; undefined if there is none. */
  async firstKey(from: string, to: string, timeoutMs: number): Promise<string | undefined> {
    const range = { key: encodeText(from), range_end: encodeText(to), limit: 1, keys_only: true };
    return checkRange(await this.#post("kv/range", range, timeoutMs)).rows[0]?.key;
  }

  /** Makes all writes if all conditions hold; otherwise reads some keys. Both at one revision. */
  async transact(
    conditions: readonly Condition[],
    writes: readonly Write[],
    otherwise: readonly string[],
    timeoutMs: number,
  ): Promise<Outcome> {
    const request = {
      compare: conditions.map((condition) => ({
        key: encodeText(condition.key),
        result: "EQUAL",
        ...("value" in condition
          ? { target: "VALUE", value: encodeText(condition.value) }
          : { target: "MOD", mod_revision: condition.revision }),
      })),
      success: writes.map(({ key, value }) =>
        value === undefined
          ? { request_delete_range: { key: encodeText(key) } }
          : { request_put: { key: encodeText(key), value: encodeText(value) } }
      ),
      failure: otherwise.map(readOf),
    };
    return checkTxn(await this.#post("kv/txn", request, timeoutMs));
  }

  /** The state of the current member. */
  async status(timeoutMs: number): Promise<MemberStatus> {
    return checkStatus(await this.#post("maintenance/status", {}, timeoutMs));
  }

  /** The newest revision. */
  async revision(timeoutMs: number): Promise<number> {
    return checkTxn(await this.#post("kv/txn", {}, timeoutMs)).revision;
  }

  /** Drops versions before a revision that are not the newest of their keys. */
  async compact(revision: number, timeoutMs: number): Promise<void> {
    await this.#post("kv/compaction", { revision }, timeoutMs);
  }

  /** Ends all requests. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    for (const http of this.#clients) http.close();
  }

  async #post(path: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const at = this.#at;
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const token = await this.#authenticated(signal);
      return await this.#send(at, path, body, signal, token);
    } catch (error) {
      const state = signal.aborted && !this.#ended.signal.aborted
        ? `no response within ${timeoutMs} ms`
        : error instanceof Error
        ? error.message
        : String(error);
      throw this.#failed(at, error, state);
    }
  }

  /** Moves on to another member, unless the request is wrong. @returns the error of a request to a member. */
  #failed(at: number, error: unknown, state: string): EtcdRefusedError | EtcdUnreachableError {
    const { members } = this.#connection;
    if (error instanceof EtcdRefusedError) {
      if (error.isToken) this.#token = undefined;
      if (!error.isTemporary) return error;
    }
    // Another request may have moved on already.
    if (this.#at === at) this.#at = (at + 1) % members.length;
    if (error instanceof EtcdRefusedError) return error;
    return new EtcdUnreachableError(`Cannot reach etcd at ${members[at]}: ${state}`, {
      cause: error,
    });
  }

  async #authenticated(signal: AbortSignal): Promise<string | undefined> {
    const { user } = this.#connection;
    if (user === undefined) return undefined;
    return await abortable(this.#token ??= this.#authenticate(user), signal);
  }

  /** Requests a token, for all requests that need one meanwhile, however long each of them may take. */
  #authenticate(user: EtcdConnection["user"]): Promise<string> {
    const limit = AbortSignal.timeout(AUTHENTICATE_TIMEOUT_MS);
    const signal = AbortSignal.any([this.#ended.signal, limit]);
    const token = this.#send(this.#at, "auth/authenticate", user, signal)
      .then((response) => (response as { token: string }).token);
    token.catch(() => {
      if (this.#token === token) this.#token = undefined;
    });
    return token;
  }

  async #send(
    at: number,
    path: string,
    body: unknown,
    signal: AbortSignal,
    token?: string,
  ): Promise<unknown> {
    return await (await this.#fetch(at, path, body, signal, token)).json();
  }

  /** @throws {EtcdRefusedError} unless the status of the response is good. */
  async #fetch(
    at: number,
    path: string,
    body: unknown,
    signal: AbortSignal,
    token?: string,
  ): Promise<Response> {
    const { members, caCert } = this.#connection;
    const member = members[at]!;
    const scheme = caCert === undefined ? "http" : "https";
    const response = await inTrace(undefined, () =>
      fetch(`${scheme}://${member}/v3/${path}`, {
        method: "POST",
        // Without this, a member that is cut off from the others holds the request.
        headers: {
          "Grpc-Metadata-hasleader": "true",
          ...(token === undefined ? {} : { authorization: token }),
        },
        body: JSON.stringify(body),
        redirect: "error",
        signal,
        client: this.#clients[at]!,
      }));
    if (response.ok) return response;
    throw new EtcdRefusedError(member, response.status, await response.text());
  }
}

function createClient(
  member: string,
  { caCert, certificate }: EtcdConnection,
): Deno.HttpClient {
  const { hostname, port } = new URL(`tcp://${member}`);
  if (caCert === undefined) {
    const proxy = { transport: "tcp", hostname, port: Number(port) } as const;
    return Deno.createHttpClient({ poolIdleTimeout: IDLE_TIMEOUT_MS, proxy });
  }
  const options = { poolIdleTimeout: IDLE_TIMEOUT_MS, caCerts: [caCert], ...certificate };
  return createDirectClient(options, hostname);
}

/** All keys with a prefix that ends with a slash: 0 is the next character. */
function rangeOf(prefix: string) {
  return { key: encodeText(prefix), range_end: encodeText(prefix.replace(/\/$/, "0")) };
}

function readOf(key: string) {
  return { request_range: { key: encodeText(key) } };
}

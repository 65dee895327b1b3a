/** Requests to one etcd cluster by its gateway, and what becomes of them if a member fails. */
import { abortable, deadline } from "../../../../std/async.ts";
import { TextLineStream } from "../../../../std/streams.ts";
import { createDirectClient } from "../../../../runtime/http/direct_client.ts";
import { inTrace } from "../../../../runtime/tracing/tracing.ts";
import { EtcdRefusedError, EtcdUnreachableError } from "./etcd_errors.ts";
import { AUTHENTICATE_TIMEOUT_MS } from "./etcd_policy.ts";

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

/** How long a connection may be idle. etcd closes none. */
const IDLE_TIMEOUT_MS = 60_000;

/** Sends each request to one member, and the next one to another after a failure. */
export class EtcdGateway implements Disposable {
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

  /** Ends all requests. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    for (const http of this.#clients) http.close();
  }

  /**
   * Sends a request. @returns the response, as it was parsed.
   *
   * @throws {EtcdUnreachableError | EtcdRefusedError}
   */
  async post(path: string, body: unknown, timeoutMs: number): Promise<unknown> {
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

  /**
   * Follows the messages of one member until the signal ends it.
   *
   * @param read returns what a message means. If it throws, the member has failed.
   * @param silenceMs the longest time to the first message, and between two.
   * @throws {EtcdUnreachableError | EtcdRefusedError}
   */
  async *follow<T>(
    path: string,
    body: unknown,
    read: (message: unknown) => T,
    silenceMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<T> {
    const at = this.#at;
    const cut = new AbortController();
    const ending = AbortSignal.any([this.#ended.signal, signal, cut.signal]);
    try {
      const begin = async () => {
        const token = await this.#authenticated(ending);
        return await this.#fetch(at, path, body, ending, token);
      };
      const response = await deadline(begin(), silenceMs);
      const lines = response.body!.pipeThrough(new TextDecoderStream())
        .pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
      for (;;) {
        const { done, value } = await deadline(lines.next(), silenceMs);
        if (done) throw new Error("the watch has ended");
        yield read(JSON.parse(value));
      }
    } catch (error) {
      if (ending.aborted) return; // the member has not failed
      throw this.#failed(at, error, error instanceof Error ? error.message : String(error));
    } finally {
      cut.abort();
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

/**
 * One HTTP request to the resource manager, over TCP or a Unix socket, with a time limit. Of several resource managers,
 * the one that leads gets it.
 */
import { delay } from "../../std/async.ts";
import { ADDRESS, checkOptions, type OptionTable, TEXT } from "../options.ts";
import { ManagerUnreachableError } from "../errors.ts";
import { isNotConnected } from "./connect_failure.ts";
import { errorOf, failureText, type ManagerResponse } from "./error_response.ts";
import { LEADER_HEADER } from "./leader_headers.ts";
import { inTrace } from "../tracing/tracing.ts";
import { createManagerClient, type ManagerUrl, parseManagerUrls } from "./manager_url.ts";
import { tokenText } from "./token_text.ts";

/** How a client reaches a resource manager. */
export interface ManagerAddress {
  /**
   * Its address: `http://HOST:PORT`, `https://HOST:PORT` or `unix:/path`. Of several resource managers that share a
   * store, all addresses with commas between them.
   */
  readonly url: string | URL;
  /** The token, which has a role: operator, node or client. White space around it does not count. */
  readonly token: string;
  /** Certificates in PEM form to trust for `https:`, besides those of the public authorities. */
  readonly caCert?: string;
  /** How long one request may take, in milliseconds, greater than 0. @default {5_000} */
  readonly timeoutMs?: number;
}

const ADDRESS_OPTIONS: OptionTable<ManagerAddress> = {
  url: ADDRESS,
  token: TEXT,
  caCert: TEXT,
  timeoutMs: {
    expected: "milliseconds, more than 0,",
    accepts: (value) => typeof value === "number" && value > 0,
    range: true,
  },
};

/** The first pause before a request is sent again to the same or another resource manager. */
const FIRST_RETRY_MS = 25;
const RETRY_GROWTH = 1.5;
const MAX_RETRY_MS = 200;
/**
 * Requests that make something new at each time, except for a lease whose request has a name: they are sent again only if
 * they have not arrived.
 */
const MAKES_NEW = /^POST \/v1\/(leases|tokens|nodes|keys\/rotate)$/;

/** The codes of responses with status 503 to requests that were not done, where another resource manager may do them. */
const NOT_DONE: readonly string[] = ["not-leader", "no-store", "closing"];

/** A resource manager with a client for it. */
interface Target extends ManagerUrl {
  readonly client: Deno.HttpClient;
}

interface ManagerRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly traceparent: string | undefined;
}

interface Answer {
  readonly response: ManagerResponse;
  /** When a request that was refused may be sent again. */
  readonly retryAfterMs?: number;
  /** The leader, of a response that another resource manager has forwarded. */
  readonly leader?: string;
}

/** An answer, or a failure after which the request may be sent again. */
interface Attempt extends Partial<Answer> {
  readonly failure?: ManagerUnreachableError;
}

/** Sends requests to resource managers, of which one leads, and keeps connections between them. */
export class ManagerHttp {
  readonly #targets: readonly Target[];
  /** The target of the next request. */
  #at = 0;
  readonly #token: string;
  readonly #timeoutMs: number;
  #closed = false;

  /**
   * @throws {TypeError} When the address has no known form, the token has characters that no token has, or a value has
   * another type.
   * @throws {RangeError} When `timeoutMs` is not greater than 0.
   */
  constructor(address: ManagerAddress) {
    checkOptions("use manager", address, ADDRESS_OPTIONS);
    for (const name of ["url", "token"] as const) {
      if (address[name] === undefined) {
        throw new TypeError(`Cannot use manager: ${name} is missing`);
      }
    }
    const { url, caCert, timeoutMs = 5000 } = address;
    const token = tokenText(address.token);
    const urls = parseManagerUrls(`${url}`);
    this.#token = token;
    this.#timeoutMs = timeoutMs;
    this.#targets = urls.map((each) => ({ ...each, client: createManagerClient(each, caCert) }));
  }

  /** The address, or the addresses with commas between them, without user names and passwords. */
  get url(): string {
    return this.#targets.map(({ url }) => url).join();
  }

  /**
   * Sends one request. After a 429 with `retry-after` it sends the request again, within the request's time. So it does
   * to another resource manager if the first one stands by or has failed, as long as the request is done once only.
   *
   * @param waitMs How much longer than others this request may take because the resource manager waits with its
   * response.
   * @param traceparent The trace that the request is part of. @default the active one
   * @throws {ManagerUnreachableError} When no complete response arrives in time, or its status is 500 or more.
   * @throws {unknown} The signal's reason when it fires.
   */
  async send(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
    waitMs = 0,
    traceparent?: string,
  ): Promise<ManagerResponse> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.unreachable("this client is closed");
    const timeout = new AbortController();
    const limitMs = this.#timeoutMs + waitMs;
    const timer = setTimeout(() => timeout.abort(), limitMs);
    const signals = signal === undefined ? [timeout.signal] : [timeout.signal, signal];
    const merged = AbortSignal.any(signals);
    const request = { method, path, body, waitMs, signal: merged, traceparent };
    const untilMs = performance.now() + limitMs;
    try {
      let retryMs = FIRST_RETRY_MS;
      for (let attempts = 1;; attempts++) {
        const { response, failure, retryAfterMs } = await this.#attempt(request);
        // A pause is of no use before each of them had the request.
        if (failure !== undefined && attempts % this.#targets.length !== 0) {
          if (performance.now() >= untilMs) throw failure;
          continue;
        }
        // Spread by up to a quarter: other requests with the same token may wait as well.
        const pauseMs = (retryAfterMs ?? retryMs) * (1 + Math.random() / 4);
        const isLast = performance.now() + pauseMs >= untilMs;
        if (response !== undefined && (retryAfterMs === undefined || isLast)) return response;
        if (failure !== undefined && isLast) throw failure;
        await delay(pauseMs, { signal: request.signal });
        retryMs = Math.min(RETRY_GROWTH * retryMs, MAX_RETRY_MS);
      }
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (cause instanceof ManagerUnreachableError) throw cause;
      if (timeout.signal.aborted) throw this.unreachable(`no response within ${limitMs} ms`);
      throw this.unreachable(cause instanceof Error ? cause.message : String(cause), { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a request to the current target. A failure after which it may be sent again is returned. */
  async #attempt(request: ManagerRequest): Promise<Attempt> {
    const target = this.#targets[this.#at]!;
    const isOnly = this.#targets.length === 1;
    const mayRepeat = !MAKES_NEW.test(`${request.method} ${request.path}`) ||
      Object(request.body).request !== undefined;
    const cut = new AbortController();
    // A host that is gone does not refuse connections.
    const shareMs = this.#timeoutMs / this.#targets.length + request.waitMs;
    const timer = isOnly || !mayRepeat ? undefined : setTimeout(() => cut.abort(), shareMs);
    let answer: Answer;
    try {
      answer = await this.#fetch(target, request, AbortSignal.any([request.signal, cut.signal]));
    } catch (cause) {
      this.#move(target);
      if (isOnly || request.signal.aborted) throw cause;
      const state = cut.signal.aborted
        ? `no response within ${shareMs} ms`
        : cause instanceof Error
        ? cause.message
        : String(cause);
      const failure = this.unreachable(state, { cause });
      if (mayRepeat || isNotConnected(cause)) return { failure };
      throw failure;
    } finally {
      clearTimeout(timer);
    }
    if (answer.response.status < 500) {
      if (this.#isKnown(answer.leader)) this.#move(target, answer.leader);
      return answer;
    }
    const failure = this.unusable(failureText(answer.response));
    const { code = "", leader } = errorOf(answer.response);
    const isDoneOnce = code === "outcome-unknown" ? mayRepeat : NOT_DONE.includes(code);
    // A standby finds the next leader. Any other failure of the only resource manager lasts.
    const maySucceed = !isOnly || code === "not-leader" || code === "outcome-unknown";
    if (!isDoneOnce || !maySucceed) throw failure;
    this.#move(target, leader);
    return { failure };
  }

  async #fetch(
    { base, client }: Target,
    { method, path, body, traceparent }: ManagerRequest,
    signal: AbortSignal,
  ): Promise<Answer> {
    const fetched = await inTrace(traceparent, (headers) =>
      fetch(base + path, {
        method,
        headers: {
          ...headers,
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: body === undefined ? null : JSON.stringify(body),
        // A redirect would carry the token to an address that the caller did not name.
        redirect: "error",
        signal,
        client,
      } as RequestInit)); // in a project with the lib "dom" the type has no client
    const response = { status: fetched.status, body: await fetched.text() };
    const seconds = Number(fetched.headers.get("retry-after") ?? NaN);
    const leader = fetched.headers.get(LEADER_HEADER);
    return {
      response,
      ...(response.status === 429 && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {}),
      ...(leader === null ? {} : { leader }),
    };
  }

  /** Chooses the target of the next request: the leader, if its address was given, or the next one. */
  #move(from: Target, leader?: string): void {
    if (this.#targets[this.#at] !== from) return; // another request has moved on already
    const named = this.#targets.findIndex(({ url }) => url === leader);
    const next = (this.#at + 1) % this.#targets.length;
    this.#at = named < 0 || named === this.#at ? next : named;
  }

  #isKnown(leader: string | undefined): boolean {
    return this.#targets.some(({ url }) => url === leader);
  }

  /** The error for a missing response. */
  unreachable(state: string, options?: ErrorOptions): ManagerUnreachableError {
    return new ManagerUnreachableError(
      `Cannot reach resource manager at ${this.url}: ${state}`,
      options,
    );
  }

  /** The error for a response that is of no use, such as that of a manager whose disk is full. */
  unusable(state: string, options?: ErrorOptions): ManagerUnreachableError {
    return new ManagerUnreachableError(
      `Cannot use resource manager at ${this.url}: ${state}`,
      options,
    );
  }

  /** Closes the connections. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { client } of this.#targets) client.close();
  }
}

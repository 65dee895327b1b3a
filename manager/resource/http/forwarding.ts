/** Forwards requests from a resource manager that stands by to the leader. */
import { isNotConnected } from "../../../runtime/http/connect_failure.ts";
import { isLoopback } from "../../../runtime/http/direct_client.ts";
import { FORWARDED_HEADER, LEADER_HEADER } from "../../../runtime/http/leader_headers.ts";
import {
  createManagerClient,
  type ManagerUrl,
  parseManagerUrls,
} from "../../../runtime/http/manager_url.ts";
import { inTrace } from "../../../runtime/tracing/tracing.ts";
import { FORWARD_AGAIN_MS } from "../policy.ts";
import type { RefusalCode } from "../refusal.ts";
import type { BodyLimits } from "./body.ts";
import type { HeldRequest } from "./held_request.ts";

/** An election takes less than a second. */
const RETRY_AFTER_SECONDS = "1";
const REQUEST_HEADERS = ["authorization", "content-type"];
/** Headers of one connection. */
const OWN_HEADERS = ["connection", "keep-alive", "transfer-encoding", "content-length", "date"];

/** What all connections to leaders have in common. */
export interface ForwardingOptions {
  /** The address of this resource manager; undefined if it has none. */
  readonly ownUrl: string | undefined;
  /** Certificates in PEM form to trust for a leader at `https:`. */
  readonly caCert?: string | undefined;
  readonly bodyLimits: BodyLimits;
}

/** What became of a request. */
export interface Forwarded {
  readonly response: Response;
  /** If no leader has executed it: when it may be sent again, unless another one leads before. */
  readonly retryAfterMs?: number;
}

/** The connections to one leader. */
export class Forwarding implements Disposable {
  readonly #leader: ManagerUrl;
  readonly #http: Deno.HttpClient;
  readonly #ended = new AbortController();

  private constructor(leader: ManagerUrl, { caCert }: ForwardingOptions) {
    this.#leader = leader;
    this.#http = createManagerClient(leader, caCert);
  }

  /** @returns undefined if tokens may not travel to this address: unencrypted, unless they do so to this process. */
  static to(url: string, options: ForwardingOptions): Forwarding | undefined {
    const { protocol, hostname } = URL.parse(url) ?? {};
    const isSafe = protocol === "https:" || isLoopback(hostname ?? "") ||
      options.ownUrl?.startsWith("http:");
    const isOne = /^https?:\/\/[^,@]+$/.test(url);
    return isSafe && isOne ? new Forwarding(parseManagerUrls(url)[0]!, options) : undefined;
  }

  /** Sends a request to the leader. Each failure becomes a response. */
  async send({ request, body }: HeldRequest): Promise<Forwarded> {
    const { url, base } = this.#leader;
    const { pathname, search } = new URL(request.url);
    try {
      const traceparent = request.headers.get("traceparent") ?? undefined;
      const response = await inTrace(traceparent, (headers) =>
        fetch(base + pathname + search, {
          method: request.method,
          headers: { ...headers, ...forwarded(request.headers), [FORWARDED_HEADER]: "1" },
          body,
          redirect: "error",
          signal: AbortSignal.any([request.signal, this.#ended.signal]),
          client: this.#http,
        }));
      const headers = new Headers(response.headers);
      for (const name of OWN_HEADERS) headers.delete(name);
      headers.set(LEADER_HEADER, url);
      const { status } = response;
      const isStream = headers.get("content-type") === "text/event-stream";
      // Any other response is complete, or it is a failure.
      const content = isStream ? response.body : await response.arrayBuffer();
      const sent = new Response(status === 204 ? null : content, { status, headers });
      const isRefused = status === 503 && content instanceof ArrayBuffer && isOver(content);
      return { response: sent, ...(isRefused ? { retryAfterMs: FORWARD_AGAIN_MS } : {}) };
    } catch (error) {
      if (request.signal.aborted) throw error;
      const isDone = request.method !== "GET" && !isNotConnected(error);
      const response = unavailable(
        isDone ? "outcome-unknown" : "not-leader",
        `${url} leads, and does not respond`,
        url,
      );
      return { response, ...(isDone ? {} : { retryAfterMs: Infinity }) };
    }
  }

  /** Ends the requests in flight: another resource manager leads. */
  [Symbol.dispose](): void {
    this.#ended.abort();
    this.#http.close();
  }
}

/** A response with status 503. */
export function unavailable(
  code: RefusalCode,
  state: string,
  leader: string | undefined,
): Response {
  const message = `Cannot serve request: ${state}`;
  const body = { error: { code, message, ...(leader === undefined ? {} : { leader }) } };
  return Response.json(body, { status: 503, headers: { "retry-after": RETRY_AFTER_SECONDS } });
}

/** Whether the body of a refusal is that of a leader that ends, or does not lead. */
function isOver(body: ArrayBuffer): boolean {
  try {
    const { code } = JSON.parse(new TextDecoder().decode(body)).error;
    return code === "not-leader" || code === "closing";
  } catch {
    return false;
  }
}

function forwarded(headers: Headers): Record<string, string> {
  return Object.fromEntries(REQUEST_HEADERS.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  }));
}

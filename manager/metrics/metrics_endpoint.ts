/** Serves the metrics of a process at `/metrics`, on a listener of its own. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { ConnectionLimits } from "../http/http_server.ts";
import { listenAt } from "../http/listen.ts";
import type { Logger } from "../log.ts";
import { type MetricTable, type Observe, unobserved } from "./metric.ts";
import type { MetricRegistry } from "./metric_registry.ts";

/** Where metrics are served. */
export interface MetricsOptions {
  /** `http://HOST:PORT` (port 0: any free one) or `unix:/path`. */
  readonly listen: string;
  /** What a scraper must present as its bearer token. @default none is needed */
  readonly token?: string;
}

/** How long the text of a scrape serves further ones: a flood of them costs no more than four a second. */
const MIN_SCRAPE_MS = 250;
/** How long a close waits until the responses are read, before it cuts the connections. */
const CLOSE_TIMEOUT_MS = 1000;
/** What connections may cost. Few programs read metrics, at intervals of seconds. */
const LIMITS: ConnectionLimits = {
  connections: 32,
  backlog: 32,
  headTimeoutMs: 10_000,
  idleTimeoutMs: 120_000, // twice the longest usual interval of scrapes
  bodyTimeoutMs: 1000,
  responseReadMs: 10_000,
};

/** The metrics of a process whose figures are `S`. Without options, they are neither kept nor served. */
export class MetricsEndpoint<S> implements AsyncDisposable {
  /** Records an event. */
  readonly observe: Observe;
  readonly #registry: MetricRegistry<S> | undefined;
  readonly #options: MetricsOptions | undefined;
  readonly #log: Logger;
  readonly #held = new AsyncDisposableStack();
  #url: string | undefined;
  #scrape: { readonly sinceMs: number; readonly text: Promise<string> } | undefined;

  private constructor(
    registry: MetricRegistry<S> | undefined,
    options: MetricsOptions | undefined,
    log: Logger,
  ) {
    this.#registry = registry;
    this.#options = options;
    this.#log = log;
    this.observe = registry === undefined
      ? unobserved
      : (name, value, ...labels) => registry.observe(name, value, ...labels);
  }

  /** Begins to keep the metrics of a table, if there are options. */
  static async open<S>(
    table: MetricTable<S>,
    options: MetricsOptions | undefined,
    log: Logger,
  ): Promise<MetricsEndpoint<S>> {
    if (options === undefined) return new MetricsEndpoint<S>(undefined, undefined, log);
    // The library is loaded where metrics are on only: its modules take tens of milliseconds.
    const { MetricRegistry } = await import("./metric_registry.ts");
    return new MetricsEndpoint(new MetricRegistry(table), options, log);
  }

  /** Where they are served; undefined if they are not. */
  get url(): string | undefined {
    return this.#url;
  }

  /**
   * Begins to serve them.
   *
   * @param read returns the figures of the moment.
   * @throws {AddressUnavailableError} if the address is in use or malformed.
   */
  async serve(read: () => S | Promise<S>): Promise<void> {
    const registry = this.#registry;
    if (registry === undefined || this.#options === undefined) return;
    const { listen, token } = this.#options;
    const isAllowed = token === undefined ? () => true : bearerCheck(token);
    const text = () => this.#text(async () => await registry.text(await read()));
    const cut = new AbortController();
    const server = await listenAt(listen, async ({ url, method, headers }) => {
      if (new URL(url).pathname !== "/metrics") return refuse(404, "the path is /metrics");
      if (method !== "GET") return refuse(405, "the method is GET", { allow: "GET" });
      if (!isAllowed(headers.get("authorization"))) {
        return refuse(401, "it needs the token", { "www-authenticate": "Bearer" });
      }
      try {
        const type = { "content-type": registry.contentType };
        return new Response(await text(), { headers: type });
      } catch (error) {
        this.#log.error("Metrics not read: {error}", { error });
        return refuse(500, "the manager failed, its log has the reason");
      }
    }, { limits: LIMITS, signal: cut.signal, socketMode: 0o600 });
    this.#held.defer(async () => {
      const timer = setTimeout(() => cut.abort(), CLOSE_TIMEOUT_MS);
      await server.drain();
      clearTimeout(timer);
    });
    this.#url = server.url;
    this.#log.info("Metrics are at {url}", { url: server.url });
  }

  /** Ends the listener. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held.disposeAsync();
  }

  #text(make: () => Promise<string>): Promise<string> {
    const nowMs = performance.now();
    if (this.#scrape === undefined || nowMs - this.#scrape.sinceMs >= MIN_SCRAPE_MS) {
      this.#scrape = { sinceMs: nowMs, text: make() };
    }
    return this.#scrape.text;
  }
}

/** Compares digests, so that the time reveals nothing about the token. */
function bearerCheck(token: string): (header: string | null) => boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  const expected = digest(`Bearer ${token}`);
  return (header) => timingSafeEqual(digest(header ?? ""), expected);
}

function refuse(status: number, state: string, headers: Record<string, string> = {}): Response {
  return new Response(`Cannot serve metrics: ${state}\n`, { status, headers });
}

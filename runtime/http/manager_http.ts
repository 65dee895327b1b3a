/** One HTTP request to the resource manager, over TCP or a Unix socket, with a time limit. */
import { ManagerUnreachable } from "../errors.ts";

/** How to reach a resource manager. */
export interface ManagerAddress {
  /** `http://HOST:PORT`, `https://HOST:PORT` or `unix:/path`. */
  readonly url: string;
  /** The token of the caller's role. */
  readonly token: string;
  /** Certificates in PEM form that an `https:` manager may be known by, besides the public authorities'. */
  readonly caCert?: string;
  /** How long one request may take, in milliseconds. @default 5000 */
  readonly timeoutMs?: number;
}

/** How long a connection is kept that nothing is asked on: the resource manager closes it after twice as long. */
const idleTimeoutMs = 30_000;

/** What came back: the status and the body as text. */
export interface ManagerAnswer {
  readonly status: number;
  readonly body: string;
}

/** Sends requests to one resource manager and keeps connections between them. */
export class ManagerHttp {
  readonly #url: string;
  readonly #base: string;
  readonly #token: string;
  readonly #timeoutMs: number;
  readonly #client: Deno.HttpClient;
  #closed = false;

  /** @throws {TypeError} if the address is of no known form. */
  constructor(address: ManagerAddress) {
    const { url, token, caCert, timeoutMs = 5000 } = address;
    if (!/^[\x21-\x7e]*$/.test(token)) {
      throw new TypeError("Cannot use token: it holds characters that no token holds");
    }
    if (!(timeoutMs > 0)) throw new RangeError(`Cannot use timeoutMs: ${timeoutMs}`);
    const parsed = parseManagerUrl(url);
    this.#url = parsed.shown;
    this.#base = parsed.base;
    this.#token = token;
    this.#timeoutMs = timeoutMs;
    this.#client = Deno.createHttpClient({
      poolIdleTimeout: idleTimeoutMs,
      ...(caCert === undefined ? {} : { caCerts: [caCert] }),
      ...(parsed.path === undefined ? {} : { proxy: { transport: "unix", path: parsed.path } }),
    });
  }

  /** The address as it may be shown: without user and password. */
  get url(): string {
    return this.#url;
  }

  /**
   * Sends one request. If the answer is that there were too many (429) and when to ask again, it does so, within the
   * request's time.
   *
   * @param waitMs how much longer than others this request may take, since it asks to wait.
   * @throws {ManagerUnreachable} if no whole answer came in time, or it was a 5xx.
   * @throws `signal.reason` if the caller gave up.
   */
  async send(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
    waitMs = 0,
  ): Promise<ManagerAnswer> {
    signal?.throwIfAborted();
    if (this.#closed) throw this.unreachable("this client is closed");
    const tooLate = new AbortController();
    const limitMs = this.#timeoutMs + waitMs;
    const timer = setTimeout(() => tooLate.abort(), limitMs);
    const signals = signal === undefined ? [tooLate.signal] : [tooLate.signal, signal];
    const allSignals = AbortSignal.any(signals);
    const untilMs = performance.now() + this.#timeoutMs;
    try {
      while (true) {
        const { answer, retryAfterMs } = await this.#ask(method, path, body, allSignals);
        if (answer.status >= 500) throw this.unreachable(`it answered ${answer.status}`);
        if (retryAfterMs === undefined || performance.now() + retryAfterMs >= untilMs) {
          return answer;
        }
        await pause(retryAfterMs, allSignals);
      }
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      if (cause instanceof ManagerUnreachable) throw cause;
      if (tooLate.signal.aborted) throw this.unreachable(`no answer within ${limitMs} ms`);
      throw this.unreachable(cause instanceof Error ? cause.message : String(cause), { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(
    method: string,
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<{ answer: ManagerAnswer; retryAfterMs: number | undefined }> {
    const response = await fetch(this.#base + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      // A redirect would carry the token to a place that nobody named.
      redirect: "error",
      signal,
      client: this.#client,
    });
    const answer = { status: response.status, body: await response.text() };
    const seconds = Number(response.headers.get("retry-after") ?? NaN);
    if (answer.status !== 429 || !(seconds >= 0)) return { answer, retryAfterMs: undefined };
    // Not all in the same moment, should others of the same token wait as well.
    return { answer, retryAfterMs: seconds * 1000 * (1 + Math.random() / 4) };
  }

  /** The error for a manager that does not answer sensibly. */
  unreachable(state: string, options?: ErrorOptions): ManagerUnreachable {
    return new ManagerUnreachable(
      `Cannot reach resource manager at ${this.#url}: ${state}`,
      options,
    );
  }

  /** Drops the connections. May be called twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => reject(signal.reason);
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", abort, { once: true });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
}

function parseManagerUrl(url: string): { shown: string; base: string; path?: string } {
  if (url.startsWith("unix:")) {
    const path = url.slice("unix:".length);
    if (!path.startsWith("/")) {
      throw new TypeError(`Cannot use manager url: "${url}" does not name an absolute path`);
    }
    return { shown: url, base: "http://localhost", path };
  }
  const parsed = URL.parse(url);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) {
    throw new TypeError(
      `Cannot use manager url: "${url}" is not http://…, https://… or unix:/path`,
    );
  }
  const shown = `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/\/+$/, "")}`;
  return { shown, base: shown };
}

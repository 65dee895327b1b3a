/** The HTTP servers of a resource manager, one for each address. */
import type { ConnectionLimits, Handler } from "../../http/http_server.ts";
import { listenAt, type Listening, type SocketMode } from "../../http/listen.ts";
import type { Logger } from "../../log.ts";
import {
  BODY_TIMEOUT_MS,
  CONNECTIONS_PER_REQUEST,
  HEAD_TIMEOUT_MS,
  IDLE_TIMEOUT_MS,
  MAX_REQUESTS_AT_ONCE,
  RESPONSE_READ_MS,
  RESPONSE_TIMEOUT_MS,
} from "../policy.ts";
import { Certificate } from "./certificate.ts";
import { InFlight } from "./in_flight.ts";
import { connectionsEach } from "./open_files.ts";
import type { TlsFiles } from "./tls_files.ts";

/** The options of the servers. */
export interface HttpOptions {
  /** The addresses: `http://HOST:PORT` (port 0: any free one), `https://HOST:PORT` and `unix:/path`. */
  readonly listen: readonly string[];
  /** The certificate for `https:` addresses, with its chain and its private key. */
  readonly tls?: TlsFiles;
  /** The mode of Unix sockets. With 0o660 the group of the process may connect as well. @default 0o600 */
  readonly socketMode?: SocketMode;
  /** The most requests in flight. @default 4096 */
  readonly maxRequestsAtOnce?: number;
  /** How long the body of a request may take, in milliseconds. @default 10000 */
  readonly bodyTimeoutMs?: number;
  /** What connections may cost. For tests. @default the values of policy.ts */
  readonly connections?: Partial<ConnectionLimits>;
}

/** Servers that share a handler, a certificate, and the limit of requests in flight. */
export class HttpListeners {
  readonly #options: HttpOptions;
  readonly #maxRequestsAtOnce: number;
  readonly #log: Logger;
  readonly #handler: Handler;
  readonly #inFlight: InFlight;
  readonly #cut = new AbortController();
  readonly #servers: Listening[] = [];
  #certificate: Certificate | undefined;

  constructor(options: HttpOptions, handler: Handler, log: Logger) {
    this.#options = options;
    this.#log = log;
    this.#maxRequestsAtOnce = options.maxRequestsAtOnce ?? MAX_REQUESTS_AT_ONCE;
    this.#inFlight = new InFlight(this.#maxRequestsAtOnce);
    this.#handler = this.#inFlight.tracked(handler);
  }

  /** The requests in flight. */
  get inFlight(): Pick<InFlight, "size" | "overloads"> {
    return this.#inFlight;
  }

  /** The addresses, in the order of the options. */
  get urls(): string[] {
    return this.#servers.map(({ url }) => url);
  }

  /**
   * Listens at all addresses.
   *
   * @throws {AddressUnavailableError} if one is in use or malformed.
   * @throws {CertificateUnavailableError} if the certificate cannot be used.
   */
  async open(): Promise<void> {
    const { listen, tls, socketMode = 0o600 } = this.#options;
    this.#certificate = tls && await Certificate.open(tls, this.#log);
    const requested = this.#maxRequestsAtOnce * CONNECTIONS_PER_REQUEST;
    const limits = {
      ...await connectionsEach(requested, listen.length, this.#log),
      headTimeoutMs: HEAD_TIMEOUT_MS,
      idleTimeoutMs: IDLE_TIMEOUT_MS,
      bodyTimeoutMs: this.#options.bodyTimeoutMs ?? BODY_TIMEOUT_MS,
      responseReadMs: RESPONSE_READ_MS,
      ...this.#options.connections,
    };
    const listenOptions = { socketMode, signal: this.#cut.signal, limits };
    for (const address of listen) {
      const pair = this.#certificate && { tls: this.#certificate.pair };
      const server = await listenAt(address, this.#handler, { ...listenOptions, ...pair });
      this.#servers.push(server);
      this.#certificate?.onChange(server.useCertificate);
    }
  }

  /** Reads the files of the certificate again. Does nothing without a certificate. */
  async reloadCertificate(): Promise<void> {
    await this.#certificate?.reload();
  }

  /** Accepts no more requests. Resolves when those in flight have their responses, or their time is over. */
  async drain(): Promise<void> {
    await this.#inFlight.drain();
    const timer = setTimeout(() => this.#cut.abort(), RESPONSE_TIMEOUT_MS);
    await Promise.all(this.#servers.map((server) => server.drain()));
    clearTimeout(timer);
  }
}

/** The addresses of resource managers. */
import { createDirectClient, isLoopback } from "./direct_client.ts";
import { shownUrl } from "./shown_url.ts";

/** How long an idle connection is kept: the resource manager closes one after twice as long. */
const IDLE_TIMEOUT_MS = 30_000;

/** An address. */
export interface ManagerUrl {
  /** Without user name and password. */
  readonly url: string;
  /** The base of the requests. */
  readonly base: string;
  /**
   * How to connect, whatever HTTP_PROXY and its kind name: a proxy would read the token. Undefined for `https:`, which
   * Deno 2.9.6 cannot combine with a transport; through a proxy of HTTPS_PROXY it travels encrypted.
   */
  readonly transport?: Deno.Proxy;
  /** The host of an `https:` address that is this host itself. */
  readonly loopback?: string;
}

function parseOne(url: string): ManagerUrl {
  if (url.startsWith("unix:")) {
    const path = url.slice("unix:".length);
    if (!path.startsWith("/")) {
      throw new TypeError(
        `Cannot use manager url: "${shownUrl(url)}" does not name an absolute path`,
      );
    }
    return { url, base: "http://localhost", transport: { transport: "unix", path } };
  }
  const parsed = URL.parse(url);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) {
    throw new TypeError(
      `Cannot use manager url: "${shownUrl(url)}" is not http://…, https://… or unix:/path`,
    );
  }
  const base = `${parsed.protocol}//${parsed.host}${parsed.pathname.replace(/\/+$/, "")}`;
  const { hostname } = parsed;
  if (parsed.protocol === "https:") {
    return { url: base, base, ...(isLoopback(hostname) ? { loopback: hostname } : {}) };
  }
  return {
    url: base,
    base,
    transport: { transport: "tcp", hostname, port: Number(parsed.port || 80) },
  };
}

/**
 * Parses an address, or several with commas between them.
 *
 * @throws {TypeError} When one has no known form.
 */
export function parseManagerUrls(urls: string): ManagerUrl[] {
  // A comma within a path or a password separates nothing.
  return urls.split(/,(?=(?:https?:\/\/|unix:))/).map((url) => parseOne(url.trim()));
}

/** Makes a client for the connections to one address. */
export function createManagerClient(
  { transport, loopback }: ManagerUrl,
  caCert: string | undefined,
): Deno.HttpClient {
  const options: Deno.CreateHttpClientOptions = {
    poolIdleTimeout: IDLE_TIMEOUT_MS,
    ...(caCert === undefined ? {} : { caCerts: [caCert] }),
    ...(transport === undefined ? {} : { proxy: transport }),
  };
  if (loopback === undefined) return Deno.createHttpClient(options);
  return createDirectClient(options, loopback);
}

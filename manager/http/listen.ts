/** Listening on TCP ports and Unix sockets. */
import type { AddressInfo } from "node:net";
import { RfaasError } from "../../runtime/errors.ts";
import {
  type ConnectionLimits,
  createHttpServer,
  type Handler,
  type HttpServer,
  type PemPair,
} from "./http_server.ts";

/** The address cannot be listened at, for example because another process listens there. */
export class AddressUnavailableError extends RfaasError {
  override name = "AddressUnavailableError";
}

/** A running server. */
export interface Listening {
  /** The address, with the port that replaced a port of 0. */
  readonly url: string;
  /** Accepts no more requests. Resolves when those in flight have their responses. */
  drain(): Promise<void>;
  /** Replaces the certificate for new connections. Does nothing without TLS. */
  useCertificate(pair: PemPair): void;
}

/** The longest path of a Unix socket on Linux (`man 7 unix`: 108 bytes with the closing zero). */
const MAX_SOCKET_PATH_BYTES = 107;

/** The mode of a Unix socket: its owner may connect, or its group as well. */
export type SocketMode = 0o600 | 0o660;

/** Options of {@linkcode listenAt}. */
export interface ListenOptions {
  /** Closes all connections at once, including those with requests in flight. */
  readonly signal: AbortSignal;
  /** The mode of a Unix socket. */
  readonly socketMode: SocketMode;
  readonly limits: ConnectionLimits;
  /** The certificate and key for `https:` addresses. */
  readonly tls?: PemPair;
}

/**
 * Listens at `http://HOST:PORT` (port 0: any free one), `https://HOST:PORT` or `unix:/path`.
 *
 * @throws {AddressUnavailableError} if the address is in use or malformed.
 * @throws {Deno.errors.NotCapable} without the permission to listen there.
 */
export async function listenAt(
  address: string,
  handler: Handler,
  options: ListenOptions,
): Promise<Listening> {
  const { limits, signal, socketMode, tls } = options;
  ignoreServeAddress();
  if (address.startsWith("unix:")) {
    const path = address.slice("unix:".length);
    await clearSocket(path);
    const created = createHttpServer(handler, limits);
    await opened(address, created, () => {
      // The socket must never have another mode, not even before it accepts connections.
      const umask = Deno.umask(0o777 & ~socketMode);
      try {
        created.server.listen({ path, backlog: limits.backlog });
      } finally {
        Deno.umask(umask);
      }
    });
    return listening(`unix:${path}`, created, signal);
  }
  const url = URL.parse(address);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || url.pathname !== "/" || url.search !== "") {
    throw new AddressUnavailableError(
      `Cannot listen at "${address}": expected http://HOST:PORT, https://HOST:PORT or unix:/path`,
    );
  }
  const secure = url.protocol === "https:";
  if (secure && tls === undefined) {
    throw new AddressUnavailableError(
      `Cannot listen at ${address}: https needs a certificate and a key`,
    );
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  await requestPermission(`${url.hostname}:${port}`);
  const created = createHttpServer(handler, limits, secure ? tls : undefined);
  await opened(
    address,
    created,
    () => created.server.listen({ host, port, backlog: limits.backlog }),
  );
  const assigned = (created.server.address() as AddressInfo).port;
  return listening(`${url.protocol}//${url.hostname}:${assigned}`, created, signal);
}

/** Deno would listen at the address in this variable instead. */
function ignoreServeAddress(): void {
  const variable = "DENO_SERVE_ADDRESS";
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return;
  Deno.env.delete(variable);
}

/** Without this, `node:http` throws the lack of a permission where no caller can catch it (Deno 2.9.6). */
async function requestPermission(host: string): Promise<void> {
  const { state } = await Deno.permissions.request({ name: "net", host });
  if (state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to "${host}", run again with the --allow-net flag`,
  );
}

/** What a failure to listen means, by its code. Deno 2.9.6 has EINVAL where Linux has EADDRNOTAVAIL. */
const LISTEN_STATES: Readonly<Record<string, string>> = {
  EACCES: "this user may not listen there",
  EADDRINUSE: "another process listens there",
  EADDRNOTAVAIL: "this host has no such address",
  EINVAL: "this host has no such address",
  ENOTFOUND: "there is no host of this name",
};

/** Starts to listen, and waits until the server is ready. */
async function opened(address: string, { server }: HttpServer, listen: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("listening", resolve);
  server.once("error", reject);
  try {
    listen();
    await promise;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const state = LISTEN_STATES[code] ?? (cause instanceof Error ? cause.message : String(cause));
    throw new AddressUnavailableError(`Cannot listen at ${address}: ${state}`, { cause });
  } finally {
    server.off("error", reject);
  }
}

function listening(
  url: string,
  { server, connections, useCertificate }: HttpServer,
  signal: AbortSignal,
): Listening {
  signal.addEventListener("abort", () => connections.cut(), { once: true });
  const drain = () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    connections.drain();
    return closed;
  };
  return { url, drain, useCertificate };
}

/** Removes the socket file that an ended process left behind. Refuses anything else at the path. */
async function clearSocket(path: string): Promise<void> {
  const refuse = (state: string, options?: ErrorOptions) =>
    new AddressUnavailableError(`Cannot listen at unix:${path}: ${state}`, options);
  if (!path.startsWith("/")) throw refuse("the path is not absolute");
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw refuse(`the path has ${bytes} bytes, at most ${MAX_SOCKET_PATH_BYTES} are possible`);
  }
  try {
    const info = await Deno.lstat(path);
    if (!info.isSocket) throw refuse("the path is a file that is not a socket");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    if (!(cause instanceof Deno.errors.ConnectionRefused)) {
      throw refuse("cannot connect to the socket at the path", { cause });
    }
    await Deno.remove(path);
    return;
  }
  throw refuse("another process listens there");
}

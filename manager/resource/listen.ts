/** Listening on TCP ports and Unix sockets. */
import type { AddressInfo } from "node:net";
import { type ConnectionLimits, createHttpServer, type HttpServer } from "./http_server.ts";
import type { Handler } from "./in_flight.ts";
import { AddressUnavailable } from "./start_errors.ts";
import type { PemPair } from "./tls_files.ts";

/** A running server. */
export interface Listening {
  /** Where it can be reached: a port of 0 has been replaced by the one that was given. */
  readonly url: string;
  /** Takes no more requests and ends when those under way are answered. */
  drain(): Promise<void>;
  /** Shows another certificate from the next connection on; over plain HTTP there is none to show. */
  useCertificate(pair: PemPair): void;
}

/** The longest path of a Unix socket on Linux (`man 7 unix`: 108 bytes with the closing zero). */
const maxSocketPathBytes = 107;

/** Who may connect to a Unix socket: its owner, or its group as well. */
export type SocketMode = 0o600 | 0o660;

/** How to listen. */
export interface ListenOptions {
  /** Ends the server at once, with whatever is under way. */
  readonly signal: AbortSignal;
  /** The mode of a Unix socket. */
  readonly socketMode: SocketMode;
  readonly limits: ConnectionLimits;
  /** Certificate and key, for `https:` addresses. */
  readonly tls?: PemPair;
}

/**
 * Listens at `http://HOST:PORT` (port 0: any free one), `https://HOST:PORT` or `unix:/path`.
 *
 * @throws {AddressUnavailable} if the address is taken, or of no known form.
 * @throws {Deno.errors.NotCapable} if the process may not listen there.
 */
export async function listenAt(
  address: string,
  handler: Handler,
  options: ListenOptions,
): Promise<Listening> {
  const { limits, signal, socketMode, tls } = options;
  if (address.startsWith("unix:")) {
    const path = address.slice("unix:".length);
    await clearSocket(path);
    const made = createHttpServer(handler, limits);
    await opened(address, made, () => {
      // No one else may connect, from the first moment on.
      const umask = Deno.umask(0o777 & ~socketMode);
      try {
        made.server.listen({ path, backlog: limits.backlog });
      } finally {
        Deno.umask(umask);
      }
    });
    return listening(`unix:${path}`, made, signal);
  }
  const url = URL.parse(address);
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url === null || !isHttp || url.pathname !== "/" || url.search !== "") {
    throw new AddressUnavailable(
      `Cannot listen at "${address}": it is not http://HOST:PORT, https://HOST:PORT or unix:/path`,
    );
  }
  const secure = url.protocol === "https:";
  if (secure && tls === undefined) {
    throw new AddressUnavailable(
      `Cannot listen at ${address}: https needs a certificate, none is given`,
    );
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  await allowed(`${url.hostname}:${port}`);
  const made = createHttpServer(handler, limits, secure ? tls : undefined);
  await opened(
    address,
    made,
    () => made.server.listen({ host, port, backlog: limits.backlog }),
  );
  const given = (made.server.address() as AddressInfo).port;
  return listening(`${url.protocol}//${url.hostname}:${given}`, made, signal);
}

/** Asks first: `node:http` throws that it may not where nobody can catch it (Deno 2.9.6). */
async function allowed(host: string): Promise<void> {
  const { state } = await Deno.permissions.request({ name: "net", host });
  if (state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to "${host}", run again with the --allow-net flag`,
  );
}

/** Waits until it listens. */
async function opened(address: string, { server }: HttpServer, listen: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("listening", resolve);
  server.once("error", reject);
  try {
    listen();
    await promise;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const state = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE"
      ? "another process listens there"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new AddressUnavailable(`Cannot listen at ${address}: ${state}`, { cause });
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

/** Removes the socket file of a process that is gone; refuses to touch anything else. */
async function clearSocket(path: string): Promise<void> {
  const refuse = (state: string, options?: ErrorOptions) =>
    new AddressUnavailable(`Cannot listen at unix:${path}: ${state}`, options);
  if (!path.startsWith("/")) throw refuse("the path is not absolute");
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > maxSocketPathBytes) {
    throw refuse(`the path has ${bytes} bytes, more than ${maxSocketPathBytes}`);
  }
  try {
    const info = await Deno.lstat(path);
    if (!info.isSocket) throw refuse("a file that is no socket is in its place");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return;
    if (!(cause instanceof Deno.errors.ConnectionRefused)) {
      throw refuse("the socket in its place can't be tried", { cause });
    }
    await Deno.remove(path);
    return;
  }
  throw refuse("another process listens there");
}

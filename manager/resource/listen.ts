/** Listening on TCP ports and Unix sockets. */
import type { Handler } from "./in_flight.ts";
import { AddressUnavailable } from "./start_errors.ts";

/** A running server. */
export interface Listening {
  /** Where it can be reached: a port of 0 has been replaced by the one that was given. */
  readonly url: string;
  /** Takes no more requests and ends when those under way are answered. */
  drain(): Promise<void>;
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
  /** Certificate and key in PEM form, for `https:` addresses. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/**
 * Listens at `http://HOST:PORT` (port 0: any free one), `https://HOST:PORT` or `unix:/path`.
 *
 * @throws {AddressUnavailable} if the address is taken, or of no known form.
 */
export async function listenAt(
  address: string,
  handler: Handler,
  options: ListenOptions,
): Promise<Listening> {
  const { signal, socketMode, tls } = options;
  const common = { signal, onListen: () => {} };
  if (address.startsWith("unix:")) {
    const path = address.slice("unix:".length);
    await clearSocket(path);
    const server = attempt(address, () => {
      // No one else may connect, from the first moment on.
      const umask = Deno.umask(0o777 & ~socketMode);
      try {
        return Deno.serve({ ...common, transport: "unix", path }, handler);
      } finally {
        Deno.umask(umask);
      }
    });
    return { url: `unix:${path}`, drain: () => server.shutdown() };
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
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = url.port === "" ? (secure ? 443 : 80) : Number(url.port);
  const server = attempt(
    address,
    () => Deno.serve({ ...common, hostname, port, ...(secure ? tls : {}) }, handler),
  );
  return {
    url: `${url.protocol}//${url.hostname}:${server.addr.port}`,
    drain: () => server.shutdown(),
  };
}

function attempt<T>(address: string, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    const state = cause instanceof Deno.errors.AddrInUse
      ? "another process listens there"
      : cause instanceof Error
      ? cause.message
      : String(cause);
    throw new AddressUnavailable(`Cannot listen at ${address}: ${state}`, { cause });
  }
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

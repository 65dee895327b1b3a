/**
 * HTTP/1.1 by `node:http`, which limits what a connection without a token may cost. `Deno.serve` has no such limits
 * (Deno 2.9.6): it keeps silent connections and incomplete heads forever.
 */
import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Connections } from "./connections.ts";
import { getRequestListener, RequestError } from "./hono_node_server.ts";

/** The longest head of a request: those of the library have some 300 bytes, and a proxy adds its own. */
const MAX_HEAD_BYTES = 16 * 1024;
/** The most header lines of a request. */
const MAX_HEADER_LINES = 100;
/** The interval of the check for connections whose head timed out. */
const CHECK_CONNECTIONS_MS = 1000;

/** Responds to a request. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** A certificate with its chain and its private key, both in PEM form. */
export interface PemPair {
  readonly cert: string;
  readonly key: string;
}

/** What connections may cost. */
export interface ConnectionLimits {
  /** The most connections at each address. */
  readonly connections: number;
  /** The most connections at each address that wait to be accepted. */
  readonly backlog: number;
  /** How long the first byte, and then the rest of a request's head, may take. Also for a TLS handshake. */
  readonly headTimeoutMs: number;
  /** How long a connection may be idle between requests. */
  readonly idleTimeoutMs: number;
  /** How long the body of a request may take. For handlers that do not read it; the others have a timeout of their own. */
  readonly bodyTimeoutMs: number;
  /** How long a client may take to read a complete response. */
  readonly responseReadMs: number;
}

/** A server before it listens. */
export interface HttpServer {
  readonly server: http.Server;
  readonly connections: Connections;
  /** Replaces the certificate for new connections. Does nothing without TLS. */
  useCertificate(pair: PemPair): void;
}

/** Creates a server, for HTTPS if a certificate is given. */
export function createHttpServer(
  handler: Handler,
  limits: ConnectionLimits,
  tls?: PemPair,
): HttpServer {
  const connections = new Connections(limits.connections);
  // With TLS, the socket of a request is not the accepted one, but the address of its peer is the same.
  const keyOf = (socket: Socket) =>
    tls === undefined ? socket : `${socket.remoteAddress} ${socket.remotePort}`;
  const listener = getRequestListener((request) => respond(handler, request), {
    overrideGlobalObjects: false,
    // node:http discards the rest of a body, within the time of the request.
    autoCleanupIncoming: false,
    // For a request that no handler can receive, such as one without a host. Handlers respond to their own errors.
    errorHandler: (error) => {
      if (error instanceof RequestError) {
        return Response.json(errorBody(...MALFORMED), { status: 400 });
      }
      throw error;
    },
  });
  const options = {
    headersTimeout: limits.headTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    keepAliveTimeoutBuffer: 0,
    requestTimeout: limits.headTimeoutMs + limits.bodyTimeoutMs + CHECK_CONNECTIONS_MS,
    connectionsCheckingInterval: Math.min(CHECK_CONNECTIONS_MS, limits.headTimeoutMs),
    maxHeaderSize: MAX_HEAD_BYTES,
    requireHostHeader: false, // checked later, so that the response has the form of all errors
  };
  const secure = tls === undefined
    ? undefined
    : https.createServer({ ...options, ...tls, handshakeTimeout: limits.headTimeoutMs });
  const server = secure ?? http.createServer(options);
  server.on("connection", (socket: Socket) => connections.opened(keyOf(socket), socket));
  server.on("request", (incoming, outgoing) => {
    if (incoming.rawHeaders.length > 2 * MAX_HEADER_LINES) {
      incoming.socket.end(refusalOf("HPE_HEADER_OVERFLOW"), () => incoming.socket.destroy());
      return;
    }
    const ended = connections.began(keyOf(incoming.socket));
    let unread: ReturnType<typeof setTimeout> | undefined;
    outgoing.once("close", () => {
      clearTimeout(unread);
      ended();
    });
    listener(incoming, outgoing).then(() => {
      if (outgoing.writableFinished || outgoing.destroyed) return;
      unread = setTimeout(() => outgoing.destroy(), limits.responseReadMs);
    });
  });
  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    // A client that has not sent HTTP, or is receiving a response, would not understand another one.
    const isHttp = /^(HPE_|ERR_HTTP_)/.test(error.code ?? "");
    if (!isHttp || !socket.writable || connections.isBusy(keyOf(socket as Socket))) {
      socket.destroy();
      return;
    }
    socket.end(refusalOf(error.code), () => socket.destroy());
  });
  return {
    server,
    connections,
    useCertificate: (pair) => secure?.setSecureContext({ ...pair }),
  };
}

async function respond(handler: Handler, request: Request): Promise<Response> {
  try {
    return await handler(request);
  } catch (error) {
    // The client has gone: this response is never read, and there is no failure to log.
    if (request.signal.aborted) return new Response(null, { status: 499 });
    throw error;
  }
}

const MALFORMED = ["bad-request", "Cannot read request: it is not HTTP/1.1"] as const;

function errorBody(code: string, message: string) {
  return { error: { code, message } };
}

/** The response to bytes that are not a request. */
function refusalOf(cause: string | undefined): string {
  const refused = (status: string, code: string, message: string) => {
    const body = JSON.stringify(errorBody(code, message));
    return `HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`;
  };
  if (cause === "ERR_HTTP_REQUEST_TIMEOUT") {
    const message = "Cannot read request: its head took too long";
    return refused("408 Request Timeout", "too-slow", message);
  }
  if (cause === "HPE_HEADER_OVERFLOW") {
    const message =
      `Cannot read request: its head is longer than ${MAX_HEAD_BYTES} bytes or ${MAX_HEADER_LINES} lines`;
    return refused("431 Request Header Fields Too Large", "too-large", message);
  }
  return refused("400 Bad Request", ...MALFORMED);
}

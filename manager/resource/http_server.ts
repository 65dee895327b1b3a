/**
 * HTTP/1.1 by `node:http`, with limits on what a connection may cost before anyone has shown a token. `Deno.serve` has
 * none (Deno 2.9.6): it keeps silent connections and half a head for ever.
 */
import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Connections } from "./connections.ts";
import { getRequestListener, RequestError } from "./hono_node_server.ts";
import type { Handler } from "./in_flight.ts";
import { checkConnectionsMs, maxHeadBytes, maxHeaderLines } from "./policy.ts";
import type { PemPair } from "./tls_files.ts";

/** What connections may cost. */
export interface ConnectionLimits {
  /** Connections at a time, at each address. */
  readonly connections: number;
  /** Connections that wait to be accepted. */
  readonly backlog: number;
  /** How long the first byte and then the rest of a request's head may take; a TLS handshake as well. */
  readonly headTimeoutMs: number;
  /** How long a connection may be idle between requests. */
  readonly idleTimeoutMs: number;
  /** How long a request's body may take; who reads it sees to that and answers, this is for who does not read. */
  readonly bodyTimeoutMs: number;
  /** How long who asked may take to read its answer, once it is complete. */
  readonly answerReadMs: number;
}

/** A server that does not listen yet. */
export interface HttpServer {
  readonly server: http.Server;
  readonly connections: Connections;
  /** Another certificate for connections to come, if it is one for `https:`. */
  useCertificate(pair: PemPair): void;
}

/** Makes a server: of HTTPS if a certificate is given. */
export function createHttpServer(
  handler: Handler,
  limits: ConnectionLimits,
  tls?: PemPair,
): HttpServer {
  const connections = new Connections(limits.connections);
  // What a request's socket is to TLS is not what was accepted; the name of the other end is the same.
  const keyOf = (socket: Socket) =>
    tls === undefined ? socket : `${socket.remoteAddress} ${socket.remotePort}`;
  const listener = getRequestListener((request) => answer(handler, request), {
    overrideGlobalObjects: false,
    // What is left of a body is dropped by node:http, within the time of the request.
    autoCleanupIncoming: false,
    // Of a request that can't be told to a handler, such as one without a host; handlers answer their own errors.
    errorHandler: (error) => {
      if (error instanceof RequestError) {
        return Response.json(errorBody(...malformed), { status: 400 });
      }
      throw error;
    },
  });
  const options = {
    headersTimeout: limits.headTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    keepAliveTimeoutBuffer: 0,
    requestTimeout: limits.headTimeoutMs + limits.bodyTimeoutMs + checkConnectionsMs,
    connectionsCheckingInterval: Math.min(checkConnectionsMs, limits.headTimeoutMs),
    maxHeaderSize: maxHeadBytes,
    requireHostHeader: false, // it is looked at later, and answered as all errors are
  };
  const secure = tls === undefined
    ? undefined
    : https.createServer({ ...options, ...tls, handshakeTimeout: limits.headTimeoutMs });
  const server = secure ?? http.createServer(options);
  server.on("connection", (socket: Socket) => connections.opened(keyOf(socket), socket));
  server.on("request", (incoming, outgoing) => {
    if (incoming.rawHeaders.length > 2 * maxHeaderLines) {
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
      unread = setTimeout(() => outgoing.destroy(), limits.answerReadMs);
    });
  });
  server.on("clientError", (error: Error & { code?: string }, socket: Duplex) => {
    // Who has not come as far as HTTP, or is being answered, would not understand more.
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

async function answer(handler: Handler, request: Request): Promise<Response> {
  try {
    return await handler(request);
  } catch (error) {
    // Who waited has hung up: nobody reads this, and nothing is wrong.
    if (request.signal.aborted) return new Response(null, { status: 499 });
    throw error;
  }
}

const malformed = ["bad-request", "Cannot read request: it is not HTTP/1.1"] as const;

function errorBody(code: string, message: string) {
  return { error: { code, message } };
}

/** The answer to what did not become a request. */
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
      `Cannot read request: its head is longer than ${maxHeadBytes} bytes or ${maxHeaderLines} lines`;
    return refused("431 Request Header Fields Too Large", "too-large", message);
  }
  return refused("400 Bad Request", ...malformed);
}

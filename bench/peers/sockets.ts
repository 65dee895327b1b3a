/** The transports of Deno on one host: HTTP, sockets, a Worker. */

import { Child } from "../child.ts";
import { type Contender, timeAsync } from "../contender.ts";

const startServer = (kind: string) =>
  Child.deno(new URL("./echo_server.ts", import.meta.url), kind);

/** `Deno.serve` and `fetch`, with a persistent connection. */
export async function fetchContender(cycles: () => number): Promise<Contender> {
  const server = await startServer("http");
  return {
    path: "Deno.serve + fetch",
    measure: (payload, times) =>
      timeAsync(cycles, times, async () => {
        const response = await fetch(server.ready, { method: "POST", body: payload });
        await response.arrayBuffer();
      }),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** A Unix socket between two processes. */
export async function unixContender(cycles: () => number): Promise<Contender> {
  const server = await startServer("unix");
  const connection = await Deno.connect({ transport: "unix", path: server.ready });
  return socketContender("Unix socket", server, connection, cycles);
}

/** TCP over the loopback interface, without delay. */
export async function tcpContender(cycles: () => number): Promise<Contender> {
  const server = await startServer("tcp");
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(server.ready) });
  connection.setNoDelay(true);
  return socketContender("TCP", server, connection, cycles);
}

function socketContender(
  path: string,
  server: Child,
  connection: Deno.Conn,
  cycles: () => number,
): Contender {
  return {
    path,
    async measure(payload, times) {
      const reply = new Uint8Array(payload.length);
      await timeAsync(cycles, times, async () => {
        await Promise.all([writeAll(connection, payload), readAll(connection, reply)]);
      });
    },
    async [Symbol.asyncDispose]() {
      connection.close();
      await server.close();
    },
  };
}

export async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Fills `into`. @throws {Error} If the other end closes first. */
export async function readAll(connection: Deno.Conn, into: Uint8Array): Promise<void> {
  for (let at = 0; at < into.length;) {
    const read = await connection.read(into.subarray(at));
    if (read === null) throw new Error("Cannot read the reply: the connection has ended");
    at += read;
  }
}

/** `postMessage` to a Worker and back, by structured clone. */
export function postMessageContender(cycles: () => number): Contender {
  const source = "self.onmessage = (event) => self.postMessage(event.data)";
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url, { type: "module" });
  URL.revokeObjectURL(url);
  return {
    path: "Worker postMessage",
    measure: (payload, times) =>
      timeAsync(cycles, times, () =>
        new Promise((resolve, reject) => {
          worker.onmessage = resolve;
          worker.onerror = reject;
          worker.postMessage(payload);
        })),
    // deno-lint-ignore require-await -- nothing to wait for
    async [Symbol.asyncDispose]() {
      worker.terminate();
    },
  };
}

/** What a user might take instead, on one host: HTTP, a Unix socket, a Worker. */

import { type Contender, timeAsync } from "./contender.ts";

async function startServer(kind: string): Promise<{ child: Deno.ChildProcess; address: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-all",
      "--quiet",
      new URL("./peer_server.ts", import.meta.url).href,
      kind,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const { value } = await child.stdout.getReader().read();
  return { child, address: new TextDecoder().decode(value).trim() };
}

async function stopServer(child: Deno.ChildProcess): Promise<void> {
  await child.stdin.close();
  await child.stdout.cancel().catch(() => {});
  await child.status;
}

/** `Deno.serve` and `fetch`, connection kept alive. */
export async function fetchContender(cycles: () => number): Promise<Contender> {
  const { child, address } = await startServer("http");
  return {
    path: "Deno.serve + fetch",
    measure: (payload, times) =>
      timeAsync(cycles, times, async () => {
        const response = await fetch(address, { method: "POST", body: payload });
        await response.arrayBuffer();
      }),
    [Symbol.asyncDispose]: () => stopServer(child),
  };
}

/** A Unix socket between two processes. */
export async function unixContender(cycles: () => number): Promise<Contender> {
  const { child, address } = await startServer("unix");
  const connection = await Deno.connect({ transport: "unix", path: address });
  return {
    path: "Unix socket",
    async measure(payload, times) {
      const reply = new Uint8Array(payload.length);
      await timeAsync(cycles, times, async () => {
        await Promise.all([writeAll(connection, payload), readAll(connection, reply)]);
      });
    },
    async [Symbol.asyncDispose]() {
      connection.close();
      await stopServer(child);
    },
  };
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

async function readAll(connection: Deno.Conn, into: Uint8Array): Promise<void> {
  for (let at = 0; at < into.length;) {
    at += (await connection.read(into.subarray(at))) ?? into.length;
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
        new Promise((resolve) => {
          worker.onmessage = resolve;
          worker.postMessage(payload);
        })),
    // deno-lint-ignore require-await -- ends at once
    async [Symbol.asyncDispose]() {
      worker.terminate();
    },
  };
}

/** Redis, by its protocol over a Unix socket: the minimum that it can cost, without a worker behind it. */

import { Child } from "../child.ts";
import { type Contender, timeAsync } from "../contender.ts";
import { needProgram } from "./installed.ts";
import { readAll, writeAll } from "./sockets.ts";
import { waitFor } from "./wait_for.ts";

/** `ECHO`. @throws {UnavailableError} If redis-server is not installed. */
export async function redisContender(cycles: () => number): Promise<Contender> {
  const program = await needProgram("redis-server");
  const cleanUp = new AsyncDisposableStack();
  try {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
    cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
    const path = `${folder}/redis.sock`;
    const args = ["--port", "0", "--unixsocket", path, "--save", "", "--dir", folder];
    cleanUp.use(await Child.deno(new URL("./keep_server.ts", import.meta.url), program, ...args));
    const connection = await waitFor(
      "redis-server",
      () => Deno.connect({ transport: "unix", path }),
    );
    cleanUp.defer(() => connection.close());
    return {
      path: "Redis ECHO",
      async measure(payload, times) {
        const text = (value: string) => new TextEncoder().encode(value);
        const head = text(`*2\r\n$4\r\nECHO\r\n$${payload.length}\r\n`);
        const request = new Uint8Array([...head, ...payload, ...text("\r\n")]);
        const reply = new Uint8Array(text(`$${payload.length}\r\n`).length + payload.length + 2);
        await timeAsync(cycles, times, async () => {
          await Promise.all([writeAll(connection, request), readAll(connection, reply)]);
        });
      },
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

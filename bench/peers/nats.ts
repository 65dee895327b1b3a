/** NATS: a request through its server to a subscriber, and the reply. */

import { connect } from "./nats_client.ts";
import { Child } from "../child.ts";
import { type Contender, timeAsync } from "../contender.ts";
import { needProgram } from "./installed.ts";
import { waitFor } from "./wait_for.ts";

const SUBJECT = "echo";
/** Timeout of a request. */
const REQUEST_TIMEOUT_MS = 20_000;

/** @throws {UnavailableError} If nats-server is not installed. */
export async function natsContender(cycles: () => number): Promise<Contender> {
  const program = await needProgram("nats-server");
  const cleanUp = new AsyncDisposableStack();
  try {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-bench-" });
    cleanUp.defer(() => Deno.remove(folder, { recursive: true }));
    // The largest message is 1 MiB by default, and 64 MiB at most.
    const config = 'host: "127.0.0.1"\nport: -1\nmax_payload: 64MB\n';
    await Deno.writeTextFile(`${folder}/nats.conf`, config);
    const args = ["-c", `${folder}/nats.conf`, "--ports_file_dir", folder];
    const server = cleanUp.use(
      await Child.deno(new URL("./keep_server.ts", import.meta.url), program, ...args),
    );
    const servers = await waitFor("nats-server", async () => {
      const text = await Deno.readTextFile(`${folder}/nats-server_${server.ready}.ports`);
      return (JSON.parse(text) as { nats: string[] }).nats[0]!;
    });
    cleanUp.use(await Child.deno(new URL("./nats.ts", import.meta.url), servers));
    const connection = await connect({ servers });
    cleanUp.defer(() => connection.close());
    return {
      path: "NATS request",
      measure: (payload, times) =>
        timeAsync(
          cycles,
          times,
          () => connection.request(SUBJECT, payload, { timeout: REQUEST_TIMEOUT_MS }),
        ),
      [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
    };
  } catch (error) {
    await cleanUp.disposeAsync();
    throw error;
  }
}

/** The subscriber, in a separate process. */
if (import.meta.main) {
  const connection = await connect({ servers: Deno.args[0]! });
  connection.subscribe(SUBJECT, {
    callback: (_error, message) => void message.respond(message.data),
  });
  await connection.flush();
  console.log("ready");
  await new Response(Deno.stdin.readable).text();
  Deno.exit(0);
}

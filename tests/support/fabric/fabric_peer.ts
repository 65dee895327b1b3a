/**
 * The other process of a test: `deno run -A peer.ts MODULE OPEN ROLE ADDRESS`.
 *
 * It connects to ADDRESS with the provider that `OPEN()` of MODULE returns, plays its role, and prints its progress to
 * standard output.
 */

import { type Connection, type Provider, SIGNALED } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";

const [module, open, role, address] = Deno.args as [string, string, string, string];
const provider: Provider = (await import(module))[open]();

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

/** Waits for the next completion; false when it failed or the connection is over. */
async function take(connection: Connection, sync: boolean): Promise<boolean> {
  while (!connection.poll()) {
    if (sync) connection.waitSync(10_000);
    else await connection.wait({ timeoutMs: 10_000 });
    if (connection.state !== "connected") return false;
  }
  return connection.completion.status === Status.SUCCESS;
}

/** Echoes each immediate, and sleeps in between. */
async function echo(sync: boolean): Promise<void> {
  const connection = await provider.connect(address, {
    arenaBytes: 4096,
    receives: Array.from({ length: 4 }, () => ({ id: 0, offset: 0, length: 0 })),
  });
  while (await take(connection, sync)) {
    const { immediate } = connection.completion;
    connection.postReceives(1);
    connection.writeImmediate(0, 0, 0, 0, 0, immediate, 0);
  }
  connection.close();
}

/** Writes without end into the region that the first message names: f64 address, u32 rkey. */
async function stream(): Promise<void> {
  const bytes = 65536;
  const connection = await provider.connect(address, {
    arenaBytes: bytes,
    receives: [{ id: 0, offset: 0, length: 12 }],
  });
  await take(connection, false);
  const destination = new DataView(connection.buffer(0, 12));
  const [remote, rkey] = [destination.getFloat64(0), destination.getUint32(8)];
  for (let posted = 0, completed = 0;;) {
    if (posted - completed < 128) {
      connection.write(0, 0, bytes, remote, rkey, SIGNALED);
      posted++;
    } else await connection.wait({ timeoutMs: 1000 });
    while (connection.poll()) {
      if (connection.completion.status !== Status.SUCCESS) return;
      completed++;
      if (completed === 100) print("writing");
    }
  }
}

/** Connects and reports it; then waits, or exits without closing anything. */
async function connectOnly(): Promise<void> {
  const connection = await provider.connect(address, { arenaBytes: 4096 });
  print(connection.state);
  if (role === "exit") Deno.exit(0);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

if (role === "echo" || role === "echo-sync") await echo(role === "echo-sync");
else if (role === "stream") await stream();
else await connectOnly();
provider.close();

/**
 * The other process of a test: `deno run -A peer.ts MODULE OPEN ROLE ADDRESS`.
 *
 * It connects to ADDRESS with the provider that `OPEN()` of MODULE gives, plays its role, and says on standard output
 * what it has done.
 */

import { type Connection, type Provider, SIGNALED } from "../../fabric/fabric.ts";
import { Status } from "../../fabric/status.ts";

const [module, open, role, address] = Deno.args as [string, string, string, string];
const provider: Provider = (await import(module))[open]();

function say(what: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(what + "\n"));
}

/** The next completion, slept for; false when the connection is over. */
async function take(connection: Connection, sync: boolean): Promise<boolean> {
  while (!connection.poll()) {
    if (sync) connection.waitSync(10_000);
    else await connection.wait({ timeoutMs: 10_000 });
    if (connection.state !== "connected") return false;
  }
  return connection.completion.status === Status.SUCCESS;
}

/** Answers each immediate with the same, asleep in between. */
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
  const said = new DataView(connection.buffer(0, 12));
  const [remote, rkey] = [said.getFloat64(0), said.getUint32(8)];
  for (let posted = 0, completed = 0;;) {
    if (posted - completed < 128) {
      connection.write(0, 0, bytes, remote, rkey, SIGNALED);
      posted++;
    } else await connection.wait({ timeoutMs: 1000 });
    while (connection.poll()) {
      if (connection.completion.status !== Status.SUCCESS) return;
      completed++;
      if (completed === 100) say("writing");
    }
  }
}

/** Connects and says so; then lives on, or ends without closing anything. */
async function connectOnly(): Promise<void> {
  const connection = await provider.connect(address, { arenaBytes: 4096 });
  say(connection.state);
  if (role === "exit") Deno.exit(0);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

if (role === "echo" || role === "echo-sync") await echo(role === "echo-sync");
else if (role === "stream") await stream();
else await connectOnly();
provider.close();

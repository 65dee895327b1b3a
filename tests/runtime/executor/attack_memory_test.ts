/** A client that reaches for memory which was not lent to it, by keys and ranges that it guesses: THREATS.md, rows 1 to 3. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import { type Connection, SIGNALED } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster.ts";
import { within } from "../../support/cluster_lease.ts";
import { until } from "../../support/process_table.ts";
import { attachRaw, LAYOUT, type RawLease, takeRawLease } from "../../support/raw_lease.ts";
import { limitMs } from "../../support/time_factor.ts";

type Attached = Awaited<ReturnType<typeof attachRaw>>;

/** What is tried, on a connection that is lost by it. Each is 64 bytes long. */
const ATTEMPTS: Record<string, (attached: Attached) => void> = {
  "writes with the next key": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address, ready.rkey + 1, SIGNALED),
  "writes with key 0": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address, 0, SIGNALED),
  "writes with the last of all keys": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address, 2 ** 32 - 1, SIGNALED),
  "writes past the end of its slots": ({ connection, ready }) =>
    connection.write(
      1,
      LAYOUT.sendAt,
      64,
      ready.address + LAYOUT.slotsBytes - 63,
      ready.rkey,
      SIGNALED,
    ),
  "writes before their beginning": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address - 1, ready.rkey, SIGNALED),
  "reads what it may only write": ({ connection, ready }) =>
    connection.read(1, LAYOUT.sendAt, 64, ready.address, ready.rkey, SIGNALED),
  "adds to what it may only write": ({ connection, ready }) =>
    connection.fetchAndAdd(1, LAYOUT.sendAt, ready.address, ready.rkey, 1n, SIGNALED),
};

/** The status of the next completion that is a failure. */
async function failure(connection: Connection): Promise<number> {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    if (connection.poll()) {
      if (connection.completion.status !== Status.SUCCESS) return connection.completion.status;
      continue;
    }
    const timeoutMs = untilMs - performance.now();
    if (timeoutMs <= 0) throw new Error(`nothing failed; the connection is ${connection.state}`);
    await connection.wait({ timeoutMs });
  }
}

/** Attaches to the executor that took over. */
async function attachAgain(raw: RawLease): Promise<Attached> {
  const executor = await within(10_000, "a fresh executor", raw.nextExecutor());
  return await attachRaw({ ...raw, executor });
}

/** Seen to fail with the check of keys, rights and ranges taken out of fabric/shm/regions.ts: nothing fails. */
Deno.test("keys and ranges that were not lent end the connection, change nobody's data, and the lease goes on", async () => {
  await using cluster = await startCluster();
  await using hostile = await takeRawLease(cluster);
  await using honest = await takeRawLease(cluster);
  using neighbour = await attachRaw(honest);
  await neighbour.echo(0);
  for (const input of neighbour.inputs) input.fill(0x5a);
  let attached = await attachRaw(hostile);
  for (const [what, attempt] of Object.entries(ATTEMPTS)) {
    await attached.echo(0);
    const before = attached.inputs.map((input) => input.slice());
    const { connection } = attached;
    const again = attachAgain(hostile);
    new Uint8Array(connection.buffer(LAYOUT.sendAt, 64)).fill(0xee);
    attempt(attached);
    assertEquals(await failure(connection), Status.REM_ACCESS_ERR, what);
    assert(connection.state !== "connected", what);
    assertEquals(attached.inputs.map((input) => input.slice()), before, what);
    attached[Symbol.dispose]();
    attached = await again;
    for (const input of neighbour.inputs) assert(input.every((byte) => byte === 0x5a), what);
  }
  await neighbour.echo(1);
  // A key of an executor that is no more: the next one's memory is another.
  attached[Symbol.dispose]();
  await hostile.channel.request("end", {}).catch(() => {});
  assertThrows(
    () => attached.connection.write(1, LAYOUT.sendAt, 64, attached.ready.address, 1, SIGNALED),
    FabricError,
  );
  await neighbour.echo(0);
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  // The first heartbeat of each, or its end, tells of it.
  let billed = 0;
  await until(
    async () => (billed = (await operator.bills()).bills.length) === 2,
    () => `both are accounted: ${billed}`,
    5000,
  );
});

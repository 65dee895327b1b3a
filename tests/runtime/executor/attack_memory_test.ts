/** A client that accesses memory which was not registered for it, by keys and ranges that it guesses. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { FabricError } from "../../../fabric/errors.ts";
import { type Connection, SIGNALED } from "../../../fabric/fabric.ts";
import { Status } from "../../../fabric/status.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { until, within } from "../../support/waiting.ts";
import { attachRaw, LAYOUT, type RawLease, takeRawLease } from "../../support/cluster/raw_lease.ts";
import { limitMs } from "../../support/time_factor.ts";

type Attached = Awaited<ReturnType<typeof attachRaw>>;

/** The attempts, of 64 bytes each. Each of them ends its connection. */
const ATTEMPTS: Record<string, (attached: Attached) => void> = {
  "writes with the next key": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address, ready.rkey + 1, SIGNALED),
  "writes with key 0": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address, 0, SIGNALED),
  "writes with the largest key": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address, 2 ** 32 - 1, SIGNALED),
  "writes past the end of its slots": ({ connection, ready }) =>
    connection.write(
      1,
      LAYOUT.sendAt,
      64,
      ready.address + LAYOUT.inboundBytes - 63,
      ready.rkey,
      SIGNALED,
    ),
  "writes before the beginning of its slots": ({ connection, ready }) =>
    connection.write(1, LAYOUT.sendAt, 64, ready.address - 1, ready.rkey, SIGNALED),
  "reads memory that is registered for writing": ({ connection, ready }) =>
    connection.read(1, LAYOUT.sendAt, 64, ready.address, ready.rkey, SIGNALED),
  "adds to memory that is registered for writing": ({ connection, ready }) =>
    connection.fetchAndAdd(1, LAYOUT.sendAt, ready.address, ready.rkey, 1n, SIGNALED),
};

/** Returns the status of the next failed completion. */
async function failure(connection: Connection): Promise<number> {
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    if (connection.poll()) {
      if (connection.completion.status !== Status.SUCCESS) return connection.completion.status;
      continue;
    }
    const timeoutMs = untilMs - performance.now();
    if (timeoutMs <= 0) {
      throw new Error(`Cannot find a failed completion: the connection is ${connection.state}`);
    }
    await connection.wait({ timeoutMs });
  }
}

/** Attaches to the executor that replaces the lost one. */
async function attachAgain(raw: RawLease): Promise<Attached> {
  const executor = await within(10_000, "a fresh executor", raw.nextExecutor());
  return await attachRaw({ ...raw, executor });
}

/** Fails without the check of keys, rights and ranges in fabric/shm/regions.ts. */
Deno.test("an access by a wrong key or range ends the connection and changes no data, and the lease goes on", async () => {
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
  // A key of an executor that has ended is not valid for the next one.
  attached[Symbol.dispose]();
  await hostile.channel.request("end", {}).catch(() => {});
  assertThrows(
    () => attached.connection.write(1, LAYOUT.sendAt, 64, attached.ready.address, 1, SIGNALED),
    FabricError,
  );
  await neighbour.echo(0);
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  // A bill arrives with the first heartbeat, or with the end of the lease.
  let billed = 0;
  await until(
    async () => (billed = (await operator.bills()).bills.length) === 2,
    () => `both are billed: ${billed}`,
    5000,
  );
});

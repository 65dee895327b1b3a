/** The option `wait` of a lease, with real nodes. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LeaseRefused } from "../../../runtime/errors.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { checkLeaseOptions } from "../../../runtime/client/lease_options.ts";
import { startCluster } from "../../support/cluster.ts";
import { packageOf } from "../../support/functions_package.ts";
import { within } from "../../support/process_table.ts";

const functions = packageOf("export const f = (i, o) => (o.set(i), i.length);");
const byte = Uint8Array.of(7);

Deno.test("wait is seconds from 0 to 600", () => {
  assertEquals(checkLeaseOptions({ functions }).waitMs, 0);
  assertEquals(checkLeaseOptions({ functions, wait: 1.5 }).waitMs, 1500);
  for (const wait of [-1, 601, NaN, Infinity, "1" as unknown as number]) {
    const words = `Cannot take lease: wait must be 0 to 600 seconds, not ${wait}`;
    assertThrows(() => checkLeaseOptions({ functions, wait }), RangeError, words);
  }
});

Deno.test("three clients that wait for one core are each served in turn", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const first = await cluster.connect();
  const held = await first.lease({ functions });
  let inside = 0;
  let served = 0;
  const waiting = [1, 2, 3].map(async () => {
    const client = await cluster.connect();
    await using lease = await client.lease({ functions, wait: 300 });
    assertEquals(++inside, 1);
    assertEquals(await lease.invoke("f", byte), byte);
    inside--;
    served++;
  });
  assertEquals(served, 0);
  await held.close();
  await within(120_000, "all three", Promise.all(waiting));
  assertEquals(served, 3);
});

Deno.test("one whose time is up is refused with the reason, and closing or a signal ends a wait at once", async () => {
  await using cluster = await startCluster({ cores: 1 });
  const client = await cluster.connect();
  const held = await client.lease({ functions });
  const refused = await assertRejects(
    () => client.lease({ functions, wait: 0.3 }),
    LeaseRefused,
    "after a wait of 300 ms",
  );
  assertEquals(refused.reason, "full");

  const goes = new AbortController();
  const gone = assertRejects(
    () => client.lease({ functions, wait: 600, signal: goes.signal }),
    Error,
    "no more",
  );
  const other = await cluster.connect();
  const closed = assertRejects(() => other.lease({ functions, wait: 600 }), LeaseRefused, "closed");
  // By then both are in the queue: those that end sooner came later.
  await assertRejects(() => client.lease({ functions, wait: 0.3 }), LeaseRefused);
  goes.abort(new Error("no more"));
  await within(20_000, "the wait that was given up", gone);
  // Less than a client's end waits for what does not give up.
  await within(5000, "the client's end", other.close());
  await closed;
  // Nobody took the core that was freed then.
  await held.close();
  await using last = await client.lease({ functions, wait: 300 });
  assertEquals(await last.invoke("f", byte), byte);
});

Deno.test("a lease waits for a node that still refuses what the resource manager has freed", async () => {
  await using cluster = await startCluster({ cores: 1 });
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const client = await cluster.connect();
  // A second at the most until the node hears of an end; it may be much less, so not one try in it is sure to be refused.
  let refusals = 0;
  for (let i = 0; i < 10 && refusals === 0; i++) {
    await using held = await client.lease({ functions, wait: 300 });
    await operator.endLease(held.id);
    await client.lease({ functions }).then((lease) => lease.close(), (error) => {
      if (error instanceof LeaseRefused && error.reason === "full") refusals++;
      else throw error;
    });
    await using lease = await client.lease({ functions, wait: 300 });
    assertEquals(await lease.invoke("f", byte), byte);
  }
  assertEquals(refusals, 1);
});

Deno.test("a lease waits for its first node", async () => {
  await using cluster = await startCluster({ nodes: 0 });
  const client = await cluster.connect();
  const waiting = client.lease({ functions, wait: 300 });
  await assertRejects(() => client.lease({ functions, wait: 0.1 }), LeaseRefused, "no node is up");
  await cluster.startNode("late");
  await using lease = await waiting;
  assertEquals(await lease.invoke("f", byte), byte);
});

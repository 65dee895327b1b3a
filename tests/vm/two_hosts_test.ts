/** Two hosts joined by a cable: leases across it, and what is left when it is cut or one of them dies. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { bootPair } from "../../scripts/vm/machine.ts";
import {
  executorCount,
  startClient,
  startManager,
  startNode,
  told,
} from "./support/remote_rfaas.ts";

/** The deadline of the client program's calls, and what may pass until it is told, on a slow machine. */
const FAILED_WITHIN_MS = 5000 + 5000;
/** Errors that name a lost connection or a missed deadline. */
const LOSS = /^(DeadlineExceeded|ExecutorLost|NodeLost|LeaseOver)$/;
/** How long a node may take to end the executor of a client that is gone: its device has to notice first. */
const CLEAN_MS = 60_000;

Deno.test("two hosts: resource manager on one, node on the other, clients on both", async (t) => {
  await using pair = await bootPair();
  const { one, two } = pair;
  const manager = await startManager(one);
  await startNode(two, manager);

  for (const machine of [one, two]) {
    await t.step(`10,000 calls and 20 MiB from ${machine.name}, every byte checked`, async () => {
      await using client = startClient(machine, manager, "calls");
      assertEquals(await told(client, "done"), { calls: 10_000, node: "two" });
      assertEquals(await client.status, 0, client.errors());
    });
  }

  await t.step(
    "a cut link fails the call with a name within its deadline, and the lease resumes or ends",
    async () => {
      await using client = startClient(one, manager, "loop");
      await told(client, "looping");
      await one.cutLink();
      const { name, message, tookMs } = await told(client, "failed");
      assertMatch(name, LOSS);
      assert(message.length > 10 && tookMs < FAILED_WITHIN_MS, `${message}, ${tookMs} ms`);
      await one.restoreLink();
      const aftermath = await told(client, "aftermath");
      assert(aftermath.resumed || aftermath.ended, JSON.stringify(aftermath));
      assertEquals(await client.status, 0, client.errors());
    },
  );

  await t.step("the node's cores are free again after that", async () => {
    await using client = startClient(one, manager, "call");
    assertEquals((await told(client, "done")).node, "two");
    assertEquals(await client.status, 0, client.errors());
  });

  await t.step(
    "the death of the node's host is noticed, named and cleaned up after",
    async () => {
      await using client = startClient(one, manager, "loop");
      await told(client, "looping");
      await two.kill();
      const { name, tookMs } = await told(client, "failed");
      assertMatch(name, LOSS);
      assert(tookMs < FAILED_WITHIN_MS, `${tookMs} ms`);
      const { ended } = await told(client, "aftermath");
      assert(ended, "a lease on a dead host does not resume");
      assertEquals(await client.status, 0, client.errors());
    },
  );
});

Deno.test("two hosts: a client's host dies, and its node has the core back", async () => {
  await using pair = await bootPair();
  const { one, two } = pair;
  const manager = await startManager(one);
  await startNode(one, manager);
  await using client = startClient(two, manager, "loop");
  await told(client, "looping");
  assertEquals(await executorCount(one), 1);
  const killedMs = performance.now();
  await two.kill();
  while (await executorCount(one) > 0) {
    assert(performance.now() - killedMs < CLEAN_MS, "the executor outlives its client's host");
  }
  await using next = startClient(one, manager, "call");
  assertEquals((await told(next, "done")).node, "one");
  assertEquals(await next.status, 0, next.errors());
});

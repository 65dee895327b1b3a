/** Leases across the cable, and their state after it is cut or one of the hosts dies. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { MachinePair } from "../../../scripts/vm/machine.ts";
import {
  executorCount,
  reported,
  startClient,
  startManager,
  startNode,
} from "../cluster/remote_rfaas.ts";

/** The deadline of the client program's calls, and how long the error may take to arrive, on a slow machine. */
const FAILED_WITHIN_MS = 5000 + 5000;
/** Errors that name a lost connection or a missed deadline. */
const LOSS = /^(DeadlineExceededError|ExecutorLostError|NodeLostError|LeaseOverError)$/;
/** How long a node may take to end the executor of a client that is gone: its device must notice that first. */
const CLEAN_MS = 60_000;

/**
 * The resource manager on host one, a node of one core on host two, and clients on both. Kills host two at the end.
 */
export async function leaseSteps(t: Deno.TestContext, pair: MachinePair): Promise<void> {
  const { one, two } = pair;
  const manager = await startManager(one);
  await startNode(two, manager);

  // A client beside the executor, on one device, is what the tests of the device have.
  await t.step("500 calls and 2 MiB across the cable, every byte checked", async () => {
    await using client = startClient(one, manager, "calls");
    assertEquals(await reported(client, "done"), { calls: 500, node: "two" });
    assertEquals(await client.status, 0, client.errors());
  });

  await t.step(
    "a cut link fails the call with a named error within its deadline, and the lease resumes or ends",
    async () => {
      await using client = startClient(one, manager, "loop");
      await reported(client, "looping");
      await one.cutLink();
      try {
        const { name, message, tookMs } = await reported(client, "failed");
        assertMatch(name, LOSS);
        assert(message.length > 10 && tookMs < FAILED_WITHIN_MS, `${message}, ${tookMs} ms`);
      } finally {
        await one.restoreLink();
      }
      const aftermath = await reported(client, "aftermath");
      assert(aftermath.resumed || aftermath.ended, JSON.stringify(aftermath));
      assertEquals(await client.status, 0, client.errors());
    },
  );

  await t.step(
    "the death of a host fails the calls to its node, and frees the cores of its clients",
    async () => {
      // The lease of this client also shows that the node's core is free again after the cut.
      await using survivor = startClient(one, manager, "hold-loop");
      assertEquals(await reported(survivor, "held"), { node: "two" });
      await startNode(one, manager);
      const doomed = startClient(two, manager, "hold");
      assertEquals(await reported(doomed, "held"), { node: "one" });
      await survivor.kill("SIGUSR1");
      await reported(survivor, "looping");
      assertEquals(await executorCount(one), 1);

      const killedMs = performance.now();
      await two.kill();
      const { name, tookMs } = await reported(survivor, "failed");
      assertMatch(name, LOSS);
      assert(tookMs < FAILED_WITHIN_MS, `${tookMs} ms`);
      // It moves to node one if that core is freed in time.
      const aftermath = await reported(survivor, "aftermath");
      assert(aftermath.resumed || aftermath.ended, JSON.stringify(aftermath));
      assertEquals(await survivor.status, 0, survivor.errors());

      while (await executorCount(one) > 0) {
        assert(performance.now() - killedMs < CLEAN_MS, "the executor outlives its client's host");
      }
      await using next = startClient(one, manager, "call");
      assertEquals((await reported(next, "done")).node, "one");
      assertEquals(await next.status, 0, next.errors());
    },
  );
}

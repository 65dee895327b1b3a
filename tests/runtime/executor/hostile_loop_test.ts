/** A function that loops forever: how soon after its deadline its executor is ended. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DeadlineExceededError, ExecutorLostError } from "../../../mod.ts";
import { ManagerClient } from "../../../runtime/http/manager_client.ts";
import { startCluster } from "../../support/cluster/cluster.ts";
import { until, within } from "../../support/waiting.ts";
import { functionsPackage } from "../../support/functions/functions_package.ts";
import { children, isAlive } from "../../support/processes/process_table.ts";
import { limitMs } from "../../support/time_factor.ts";

const none = new Uint8Array();
/** Each loop has begun by then, also on a worker that is interrupted: one that has not begun ends no executor. */
const DEADLINE_MS = 1000;
/** The best of these counts, since a busy host may be late at any of them. */
const ROUNDS = 3;

/** Fails without the watchdog's check of deadlines. */
Deno.test("a loop is ended within 100 ms after its deadline, its lease goes on, and other leases are unaffected", async () => {
  await using cluster = await startCluster();
  const client = await cluster.connect();
  const functions = await functionsPackage();
  const other = await client.lease({ functions, hotMs: 10_000 });
  const [theirs] = children(Deno.pid);
  let failed = 0;
  let isOver = false;
  const calling = (async () => {
    for (let i = 0; !isOver; i = (i + 1) & 255) {
      const reply = await other.invoke("echo", Uint8Array.of(i)).catch(() => undefined);
      if (reply?.[0] !== i) failed++;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  const lease = await client.lease({ functions });
  const tookMs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await until(
      () => lease.invoke("echo", none, { worker: 0 }).then(() => true, () => false),
      () => "the lease goes on",
    );
    const mine = children(Deno.pid).find((pid) => pid !== theirs)!;
    const beside = assertRejects(
      () => lease.invoke("never", none),
      ExecutorLostError,
    );
    const sinceMs = performance.now();
    const looping = assertRejects(
      () => lease.invoke("spin", none, { worker: 0, deadlineMs: DEADLINE_MS }),
      DeadlineExceededError,
    );
    await until(() => !isAlive(mine), () => "the executor is ended");
    tookMs.push(performance.now() - sinceMs - DEADLINE_MS);
    await within(2000, "the deadline", looping);
    const lost = await within(2000, "the loss", beside) as ExecutorLostError;
    assertEquals(lost.code, "deadline");
    assertEquals(lost.outcome, "unknown");
  }
  assert(Math.min(...tookMs) < limitMs(100), `ended ${tookMs} ms after the deadline`);
  isOver = true;
  await calling;
  assertEquals([failed, isAlive(theirs!)], [0, true], "the other lease is unaffected");
  await Promise.all([lease.close(), other.close()]);
  using operator = new ManagerClient({ url: cluster.managerUrl, token: cluster.operatorToken });
  const { bills } = await operator.bills();
  assert(bills.every(({ computeNs, heldNs }) => BigInt(computeNs) <= 2n * BigInt(heldNs)));
  assert(bills.some(({ computeNs }) => Number(computeNs) > ROUNDS * DEADLINE_MS * 0.3e6));
});

/** Leases beside each other on one host. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { ExecutorLostError } from "../../runtime/errors.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { shortLease } from "../support/cluster/short_lease.ts";
import { until, within } from "../support/waiting.ts";

const bytes = new Uint8Array(64).fill(5);

Deno.test("a client's calls all succeed while its neighbors loop, crash, are killed and stopped", async () => {
  await using host = await ProcessHost.start({ cores: 6 });
  await using client = await host.connect();
  const { lease } = await shortLease((termMs) => host.lease(client, { workers: 1, termMs }), 2_000);
  const mine = await host.executor();
  const events: string[] = [];
  const reading = (async () => {
    for await (const { type } of lease.status()) events.push(type);
  })();
  let over = false;
  let calls = 0;
  const calling = (async () => {
    using call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });
    for (let i = 0; !over; i = (i + 1) & 255) {
      call.input.fill(i);
      assertEquals(await call.invoke(64), 64);
      assertEquals(call.output[63], i);
      assertEquals((await lease.invoke("echo", Uint8Array.of(i)))[0], i);
      calls += 2;
      if (i === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
  })();

  calling.catch(() => {}); // awaited at the end
  await using rough = await host.connect();
  const theirs = () => host.executors().filter((pid) => pid !== mine);
  { // functions that loop, never settle, throw; deadlines that end executors
    await using hostile = await host.lease(rough, { workers: 2, depth: 2 });
    const settled = await within(
      5000,
      "hostile calls",
      Promise.allSettled([
        hostile.invoke("spin", bytes, { deadlineMs: 50 }),
        hostile.invoke("spin", bytes, { deadlineMs: 100 }),
        hostile.invoke("never", bytes, { deadlineMs: 100 }),
        hostile.invoke("fail", bytes),
      ]),
    );
    assert(settled.every(({ status }) => status === "rejected"));
  }
  { // an executor that is killed, killed again, and stopped
    await using victim = await host.lease(rough, { workers: 1 });
    for (let i = 0; i < 3; i++) {
      await within(5000, "a fresh executor", victim.invoke("echo", bytes));
      const failed = assertRejects(() => victim.invoke("never", bytes), ExecutorLostError);
      await victim.invoke("echo", bytes); // the call before it has begun: one that has not runs on the next executor
      await until(() => theirs().length === 1, () => `${theirs()} run: executors of leases before`);
      Deno.kill(theirs()[0]!, "SIGKILL");
      await within(5000, "the failure", failed);
    }
    await victim.invoke("echo", bytes);
    Deno.kill(theirs()[0]!, "SIGSTOP");
  }
  for (const mode of ["spinSync", "map", "leasing"]) { // clients that are killed
    await using neighbour = host.startClient(mode, { workers: 2 });
    await neighbour.line();
    neighbour.signal("SIGKILL");
    await until(() => theirs().length === 0, () => "the neighbour's executor ends");
  }
  over = true;
  await within(2000, "the last call", calling);
  // The executor of a client that was killed during the claim may start later; it ends as well.
  await until(() => theirs().length === 0, () => "a late executor ends");
  assertEquals(host.executors(), [mine]);
  assert(calls > 1000, `${calls} calls`);
  await lease.close();
  await reading;
  assertEquals(new Set(events), new Set(["renewed", "closed"]), "there were no other events");
});

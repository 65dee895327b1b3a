import { assertEquals, assertRejects } from "@std/assert";
import { attachAll } from "../../../runtime/client/attach_all.ts";
import { ExecutorLost } from "../../../runtime/errors.ts";
import { checkLeaseOptions } from "../../../runtime/client/lease_options.ts";
import type { Executor } from "../../../runtime/protocol/node_protocol.ts";

for (const addresses of [["shm:a"], ["shm:a", "shm:b", "shm:c"]]) {
  Deno.test(`attachAll() reaches for nobody when a node names ${addresses.length} addresses for 2 workers`, async () => {
    let reached = 0;
    const fabric = {
      connect: () => {
        reached++;
        return Promise.reject(new Error("Cannot connect: nobody is there"));
      },
    };
    const executor: Executor = {
      generation: 1,
      addresses,
      secret: "0".repeat(32),
      start: "cold",
      bootMs: 0,
      startMs: 0,
    };
    const tuning = { firstSequence: 0, attachMs: 1000 };
    const checked = checkLeaseOptions({ functions: "none.ts" });
    await assertRejects(
      () => attachAll(fabric, executor, checked, tuning, [4, 5], new AbortController().signal),
      ExecutorLost,
      `names ${addresses.length} addresses for 2 workers`,
    );
    assertEquals(reached, 0);
  });
}

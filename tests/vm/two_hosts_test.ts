/**
 * Two hosts joined by a cable. All steps share one pair of machines, since a boot takes longer than most steps; the last
 * one kills a machine.
 */

import { assertEquals, assertRejects } from "@std/assert";
import { bootPair } from "../../scripts/vm/machine.ts";
import { deviceSteps } from "../support/vm/device_steps.ts";
import { leaseSteps } from "../support/vm/lease_steps.ts";
import { machineSteps } from "../support/vm/machine_steps.ts";
import { rpingSteps } from "../support/vm/rping_steps.ts";

Deno.test("two hosts joined by a cable", async (t) => {
  await using pair = await bootPair();
  await machineSteps(t, pair);
  await deviceSteps(t, pair.one);
  await rpingSteps(t, pair);
  await leaseSteps(t, pair);
  await t.step(
    "the death of one machine leaves the other running, and `close()` ends both",
    async () => {
      assertEquals((await pair.one.run(["uname", "-n"])).stdout, "one\n");
      await pair.close();
      for (const { pid } of [pair.one, pair.two]) {
        await assertRejects(() => Deno.stat(`/proc/${pid}`), Deno.errors.NotFound);
      }
    },
  );
});

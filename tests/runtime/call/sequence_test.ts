/** Sequence numbers that wrap. */

import { assertEquals } from "@std/assert";
import { startLease } from "../../support/cluster/cluster_lease.ts";

for (
  const [firstSequence, name] of [[2 ** 16 - 50, "2^16"], [2 ** 31 - 50, "2^31"], [
    2 ** 32 - 50,
    "2^32",
  ]] as const
) {
  Deno.test(`\`invoke()\` works past ${name} of every sequence number`, async () => {
    await using held = await startLease({ depth: 2, maxBytes: 64, workers: 2 }, {
      tuning: { firstSequence },
    });
    const { lease } = held;
    using call = lease.prepare("echo", { bytes: 4, resultBytes: 4, worker: 0 });
    for (let i = 0; i < 150; i++) {
      call.input.fill(i);
      assertEquals(call.invokeSync(4), 4);
      assertEquals(call.output[3], i & 255);
      const [a, b] = await Promise.all([
        lease.invoke("echo", Uint8Array.of(i), { worker: 1 }),
        lease.invoke("echo", Uint8Array.of(i + 1), { worker: 1 }),
      ]);
      assertEquals([a[0], b[0]], [i & 255, (i + 1) & 255]);
    }
    // A call that is given up at the wrap keeps its slot until its own reply.
    assertEquals(await lease.invoke("later", Uint8Array.of(3)), Uint8Array.of(3));
  });
}

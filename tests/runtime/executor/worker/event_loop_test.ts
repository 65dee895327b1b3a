/** The event loop of a worker that serves synchronous calls alone: it turns between them and before the worker sleeps. */

import { assert, assertEquals } from "@std/assert";
import { startLease } from "../../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../../support/functions/functions_package.ts";
import { until } from "../../../support/waiting.ts";

const functions = packageOf(`
  const seen = { timers: 0, reactions: 0, finalized: 0 };
  const registry = new FinalizationRegistry(() => seen.finalized++);
  const refs = [];
  export const weak = (input) => {
    const target = new Uint8Array(160_000).fill(1);
    refs[refs.length % 64] = new WeakRef(target);
    registry.register(target, 0);
    return 0;
  };
  export const later = () => {
    setTimeout(() => seen.timers++, 1);
    Promise.resolve().then(() => seen.reactions++);
    return 0;
  };
  export const counts = (_, output) =>
    new TextEncoder().encodeInto(JSON.stringify(seen), output).written;
`);

interface Counts {
  readonly timers: number;
  readonly reactions: number;
  readonly finalized: number;
}

for (const hotMs of [0, 20, Infinity]) {
  Deno.test(`hotMs ${hotMs}: timers and promises that a function left behind run between calls`, async () => {
    await using held = await startLease({ functions, hotMs });
    using later = held.lease.prepare("later", { bytes: 1 });
    using counts = held.lease.prepare("counts", { bytes: 1, resultBytes: 200 });
    const read = (): Counts => {
      const length = counts.invokeSync(0);
      return JSON.parse(new TextDecoder().decode(counts.output.subarray(0, length)));
    };
    later.invokeSync(0);
    let seen = read();
    await until(() => {
      seen = read(); // a synchronous call: the worker never has a pending promise
      return seen.timers === 1;
    }, () => JSON.stringify(seen));
    assertEquals(seen.reactions, 1);
    later.invokeSync(0);
    await new Promise((resolve) => setTimeout(resolve, 1000)); // more than a sleep of the worker, also if it is interrupted
    assertEquals([read().timers, read().reactions], [2, 2]);
  });
}

Deno.test("synchronous calls that make weak references do not use up the memory of their lease", async () => {
  const memory = 320; // MiB: the calls allocate more
  await using held = await startLease({ functions, memory: `${memory}MiB`, depth: 4 });
  using weak = held.lease.prepare("weak", { bytes: 1 });
  const calls = 4000;
  assert(calls * 160_000 > 1.5 * memory * 2 ** 20);
  for (let i = 0; i < calls; i++) weak.invokeSync(0);
  using counts = held.lease.prepare("counts", { bytes: 1, resultBytes: 200 });
  const length = counts.invokeSync(0);
  const seen: Counts = JSON.parse(new TextDecoder().decode(counts.output.subarray(0, length)));
  assert(seen.finalized > calls / 2, JSON.stringify(seen));
});

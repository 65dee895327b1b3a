/** `deno bench -A bench/deno/woken_bench.ts`: calls after a pause in which all ends fall asleep, and first calls. */

import { delay } from "@std/async";
import { one, openBenchCalls, still } from "./bench_calls.ts";
import type { Contender } from "../contender.ts";
import { fetchContender, postMessageContender, unixContender } from "../peers/sockets.ts";
import { FUNCTIONS } from "../suites/with_lease.ts";

const SMALL = new Uint8Array(64).fill(7);
/** After this time a worker sleeps. */
const ASLEEP_MS = 20;

const { client, lease, fetch, unix, postMessage } = await openBenchCalls();
const call = lease.prepare("echo", { bytes: 64, resultBytes: 64 });

/** Registers a benchmark before which all ends fall asleep. */
function warm(name: string, run: () => unknown, baseline = false): void {
  const options = { group: "warm, 64 bytes", n: 30, warmup: 5, baseline };
  Deno.bench(`${name}, after a pause`, options, async (bench) => {
    await delay(ASLEEP_MS);
    bench.start();
    await run();
    bench.end();
  });
}
warm("rfaas invokeSync", () => call.invokeSync(64), true);
warm("rfaas invoke", () => lease.invoke("echo", SMALL));
for (const peer of [fetch, unix, postMessage]) warm(peer.path, () => peer.measure(SMALL, one));

const cold = { group: "cold", n: 5, warmup: 1 };
Deno.bench("rfaas lease, one call, release", { ...cold, baseline: true }, async () => {
  await using fresh = await client.lease({ functions: FUNCTIONS });
  await fresh.invoke("echo", SMALL);
});
const openers: Record<string, () => Contender | Promise<Contender>> = {
  "a process, Deno.serve + fetch": () => fetchContender(still),
  "a process, Unix socket": () => unixContender(still),
  "a Worker, postMessage": () => postMessageContender(still),
};
for (const [name, open] of Object.entries(openers)) {
  Deno.bench(`${name}, one round trip, end`, cold, async () => {
    await using fresh = await open();
    await fresh.measure(SMALL, one);
  });
}

/**
 * `deno bench -A bench/`: calls beside what else a host offers, in groups: hot, warm, cold, parallel. For percentiles,
 * and for contenders in turn, `deno task bench`.
 *
 * @module
 */
import { LocalManagers } from "../cli/local_managers.ts";
import { connect } from "../mod.ts";
import type { Contender } from "./contender.ts";
import { fetchContender, postMessageContender, unixContender } from "./peers/sockets.ts";
import { FUNCTIONS } from "./with_lease.ts";

const SMALL = new Uint8Array(64).fill(7);
/** How long a worker polls, and a pause after which it sleeps. */
const HOT_MS = 10;
const ASLEEP_MS = 20;
const TOGETHER = 64;

// All end with this process, at once: their standard input does. What they can't tell each other then is no matter.
const managers = await LocalManagers.start({ logLevel: "error" });
const client = await connect(managers);
const lease = await client.lease({ hotMs: HOT_MS, functions: FUNCTIONS, depth: 16 });
const call = lease.prepare("echo", { bytes: 4096, resultBytes: 4096 });
const still = () => 0; // Deno.bench has a clock of its own
const peers = [
  await fetchContender(still),
  await unixContender(still),
  postMessageContender(still),
];
const one = new Float64Array(1);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

for (const bytes of [64, 4096]) {
  const group = `hot, ${bytes} bytes`;
  const payload = new Uint8Array(bytes).fill(7);
  Deno.bench(`rfaas invokeSync, ${bytes} B`, { group, baseline: true }, () => {
    call.invokeSync(bytes);
  });
  Deno.bench(`rfaas prepared invoke, ${bytes} B`, { group }, async () => {
    await call.invoke(bytes);
  });
  Deno.bench(`rfaas invoke, ${bytes} B`, { group }, async () => {
    await lease.invoke("echo", payload);
  });
  for (const peer of peers) {
    Deno.bench(`${peer.path}, ${bytes} B`, { group }, () => peer.measure(payload, one));
  }
}

/** All sleep before it. */
function warm(name: string, run: () => unknown, baseline = false): void {
  const options = { group: "warm, 64 bytes", n: 30, warmup: 5, baseline };
  Deno.bench(`${name}, after a pause`, options, async (bench) => {
    await pause(ASLEEP_MS);
    bench.start();
    await run();
    bench.end();
  });
}
warm("rfaas invokeSync", () => call.invokeSync(64), true);
warm("rfaas invoke", () => lease.invoke("echo", SMALL));
for (const peer of peers) warm(peer.path, () => peer.measure(SMALL, one));

const cold = { group: "cold", n: 5, warmup: 1 };
Deno.bench("rfaas lease, one call, return", { ...cold, baseline: true }, async () => {
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

const group = `parallel, ${TOGETHER} at once`;
const together = (run: () => unknown) => Promise.all(Array.from({ length: TOGETHER }, run));
Deno.bench("rfaas invoke, all", { group, baseline: true }, async () => {
  await together(() => lease.invoke("echo", SMALL));
});
Deno.bench("Deno.serve + fetch, all", { group }, async () => {
  await together(() => peers[0]!.measure(SMALL, one));
});
const stream = new Uint8Array(TOGETHER * SMALL.length);
Deno.bench("Unix socket, all as one stream", { group }, () => peers[1]!.measure(stream, one));
Deno.bench("Worker postMessage, all in one message", { group }, () => {
  return peers[2]!.measure(stream, one);
});

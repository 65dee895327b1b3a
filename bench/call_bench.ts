/** `deno bench -A bench/`: a call beside what else a host offers, grouped by size. */

import { LocalManagers } from "../cli/local_managers.ts";
import { connect } from "../mod.ts";
import { fetchContender, postMessageContender, unixContender } from "./peers.ts";

// Both end with this process: their standard input does.
const managers = await LocalManagers.start();
const client = await connect(managers);
const functions = new URL("../examples/demo/functions.ts", import.meta.url);
const lease = await client.lease({ hotMs: 1000, functions });
const call = lease.prepare("echo", { bytes: 4096, resultBytes: 4096 });
const still = () => 0; // Deno.bench has a clock of its own
const peers = [
  await unixContender(still),
  postMessageContender(still),
  await fetchContender(still),
];
const one = new Float64Array(1);

for (const bytes of [64, 4096]) {
  const payload = new Uint8Array(bytes).fill(7);
  const group = `hot, ${bytes} bytes`;
  Deno.bench(
    `rfaas invokeSync, ${bytes} B`,
    { group, baseline: true },
    () => void call.invokeSync(bytes),
  );
  Deno.bench(
    `rfaas prepared invoke, ${bytes} B`,
    { group },
    async () => void await call.invoke(bytes),
  );
  Deno.bench(
    `rfaas invoke, ${bytes} B`,
    { group },
    async () => void await lease.invoke("echo", payload),
  );
  for (const peer of peers) {
    Deno.bench(`${peer.path}, ${bytes} B`, { group }, () => peer.measure(payload, one));
  }
}

Deno.bench("rfaas 64 promises, 64 B each", { group: "parallel" }, async () => {
  const payload = new Uint8Array(64);
  await Promise.all(Array.from({ length: 64 }, () => lease.invoke("echo", payload)));
});

Deno.bench("rfaas lease, one call, return", { group: "cold", n: 5, warmup: 1 }, async () => {
  await using cold = await client.lease({ functions });
  await cold.invoke("echo", new Uint8Array(64));
});

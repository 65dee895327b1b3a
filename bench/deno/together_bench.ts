/** `deno bench -A bench/deno/together_bench.ts`: 64 concurrent calls. */

import { one, openBenchCalls } from "./bench_calls.ts";

const SMALL = new Uint8Array(64).fill(7);
const TOGETHER = 64;

const { lease, fetch, unix, postMessage } = await openBenchCalls();
const group = `${TOGETHER} concurrent`;
const together = (run: () => unknown) => Promise.all(Array.from({ length: TOGETHER }, run));
Deno.bench("rfaas invoke, all", { group, baseline: true }, async () => {
  await together(() => lease.invoke("echo", SMALL));
});
Deno.bench("Deno.serve + fetch, all", { group }, async () => {
  await together(() => fetch.measure(SMALL, one));
});
const stream = new Uint8Array(TOGETHER * SMALL.length);
Deno.bench("Unix socket, all as one stream", { group }, () => unix.measure(stream, one));
Deno.bench("Worker postMessage, all in one message", { group }, () => {
  return postMessage.measure(stream, one);
});

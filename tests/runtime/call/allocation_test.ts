/** Prepared calls allocate nothing, at both ends. */

import { assert, assertEquals } from "@std/assert";
import { type Cluster, startCluster } from "../../support/cluster/cluster.ts";
import { startLease } from "../../support/cluster/cluster_lease.ts";
import { packageOf } from "../../support/functions/functions_package.ts";
import { limitMs } from "../../support/time_factor.ts";

/** Runs the loop in another process. Returns the garbage collections in it, and the heap before and after. */
async function hotCalls(cluster: Cluster, calls: number, mode: "plain" | "allocate") {
  const script = new URL("../../support/cluster/cluster_hot_calls.ts", import.meta.url);
  const config = new URL("../../../deno.json", import.meta.url);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--no-lock",
      `--config=${config.pathname}`,
      "--v8-flags=--trace-gc,--expose-gc",
      script.pathname,
      cluster.managerUrl,
      cluster.clientToken,
      `${calls}`,
      mode,
    ],
    stdin: "null",
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(limitMs(60_000)),
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const lines = new TextDecoder().decode(stdout).split("\n");
  const measured = JSON.parse(lines.find((line) => line.startsWith("{"))!);
  // "[pid:isolate:…] 123 ms: Scavenge …". The forced collections have the isolate of the main thread.
  const forced = lines.flatMap((line, i) => /Mark-Compact.*testing/.test(line) ? [i] : []);
  assertEquals(forced.length, 2, `two forced collections in the trace:\\n${lines.join("\\n")}`);
  const isolate = /^\[[^\]]+\]/.exec(lines[forced[0]!]!)![0];
  const within = lines.slice(forced[0]! + 1, forced[1]).filter((line) => line.startsWith(isolate));
  return { measured, within };
}

Deno.test("`invokeSync()` allocates nothing in a million calls", async () => {
  await using cluster = await startCluster();
  const { measured, within } = await hotCalls(cluster, 1_000_000, "plain");
  assertEquals(measured.bytes, 64_000_000);
  assertEquals(within, [], "no collection within the loop");
  const grownBytes = measured.after.heapUsed - measured.before.heapUsed;
  assert(Math.abs(grownBytes) < 256 * 1024, `the heap grew by ${grownBytes} bytes`);
  assert(
    measured.after.external - measured.before.external < 64 * 1024,
    "memory outside the heap grew",
  );
});

Deno.test("a trace of collections shows an allocation of one object a call", async () => {
  await using cluster = await startCluster();
  const { within } = await hotCalls(cluster, 200_000, "allocate");
  assert(within.length > 0 && within.every((line) => line.includes("Scavenge")), `${within}`);
});

Deno.test("a worker allocates nothing for a call", async () => {
  const functions = packageOf(`
    const numbers = new Float64Array(1);
    const bytes = new Uint8Array(numbers.buffer);
    export const heap = (_input, output) => { numbers[0] = Deno.memoryUsage().heapUsed; output.set(bytes); return 8; };
    export const echo = (input, output) => (output[0] = input[0], 64);
  `);
  await using held = await startLease({ functions, hotMs: Infinity });
  using heap = held.lease.prepare("heap", { bytes: 0, resultBytes: 8 });
  using call = held.lease.prepare("echo", { bytes: 64, resultBytes: 64 });
  const heapBytes = () => {
    heap.invokeSync(0);
    return new DataView(heap.output.buffer).getFloat64(0, true);
  };
  const CALLS = 8_000;
  const round = () => {
    const before = heapBytes();
    for (let i = 0; i < CALLS; i++) call.invokeSync(64);
    return heapBytes() - before;
  };
  // A round may compile, see a collection (then the heap shrinks), or sleep on a busy host, which allocates. With an
  // object a call no round would pass: a collection frees more than a round leaves.
  const grown: number[] = [];
  const passes = (bytes: number) => bytes >= 0 && bytes < CALLS * 4;
  while (grown.length < 40 && !grown.some(passes)) grown.push(round());
  assert(grown.some(passes), `${CALLS} calls left ${grown} bytes; the smallest object has 12`);
});

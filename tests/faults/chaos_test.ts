/**
 * All faults at once: twenty clients take and release leases while managers are killed, stopped, drained and restarted.
 * `RFAAS_SEED=N` repeats the faults and the leases; their order in time depends on the machine. `RFAAS_CHAOS_SECONDS=N`
 * makes faults for longer.
 */

import { assert, assertEquals } from "@std/assert";
import { TestProcess } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { until } from "../support/waiting.ts";
import type { ChaosReport, ChaosTask } from "../support/cluster/chaos_client.ts";
import { type Fault, faultsOf } from "../support/cluster/chaos_plan.ts";

const CLIENTS = 20;
const PROCESSES = 4;
/** The cores that each node lends. */
const CORES = [1, 2, 3, 4];
const FOR_MS = Number(Deno.env.get("RFAAS_CHAOS_SECONDS") || 30) * 1000;
/** Seconds of a lease that a node has not reported when it dies; also how late the end of a lease may be detected. */
const UNREPORTED_S = 3;
/** How long a node that drains waits for its clients to move. */
const GRACE_MS = 500;

Deno.test("twenty clients on four nodes with faults of all kinds lose no call and leave nothing, with correct bills", async () => {
  const seed = Number(
    Deno.env.get("RFAAS_SEED") || crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
  );
  console.log(`RFAAS_SEED=${seed}`);
  await using host = await ProcessHost.start({ nodes: 0 });
  for (const [i, cores] of CORES.entries()) await host.startNode(`node-${i}`, cores);
  const beganMs = performance.now();
  const clients = Array.from({ length: PROCESSES }, (_, process) =>
    new TestProcess(
      new URL("../support/cluster/chaos_client.ts", import.meta.url),
      {
        manager: host.url,
        token: host.clientToken,
        functions: host.functions,
        seeds: Array.from({ length: CLIENTS / PROCESSES }, (_, i) => seed + 1 + process * 100 + i),
        forMs: FOR_MS,
      } satisfies ChaosTask,
    ));
  await using _clients = new AsyncDisposableStack();
  for (const client of clients) _clients.use(client);

  const made = await makeFaults(host, faultsOf(seed, CORES.length), beganMs + FOR_MS);
  const reports: ChaosReport[] = [];
  for (const client of clients) {
    reports.push(await client.line<ChaosReport & Record<string, unknown>>());
  }
  for (const client of clients) assertEquals((await client.ended()).code, 0);
  const tookS = (performance.now() - beganMs) / 1000;
  const seen = sum(reports);
  console.log({ ...seen, ...made });

  assertEquals(seen.wrong, [], "every call returns the right result or fails with a named error");
  // Progress, not speed: a busy host, whose nodes are killed while executors boot, has few leases in this time.
  assert(seen.leases > 0 && seen.right > 0, "clients got leases, and calls succeeded in between");
  if (seen.leases > 50) assert(seen.spread > 0, "some leases were served by several nodes");
  for (const [i, cores] of CORES.entries()) {
    const name = `node-${i}`;
    await until(
      async () =>
        await host.freeCores(name) === cores && host.executors(host.nodes.get(name)).length === 0,
      () => `all of ${name} is free: ${host.executors(host.nodes.get(name))} run`,
      10_000,
    );
  }
  assertEquals((await host.operator.leases()).leases, []);
  await using client = await host.connect();
  await using held = new AsyncDisposableStack();
  // The largest first, so that each fits on one node. This shows that the nodes count their cores as free as well.
  for (const workers of CORES.toReversed()) {
    held.use(await host.lease(client, { workers, memory: "64MiB" }));
  }
  await held.disposeAsync();

  const { bills } = await host.operator.bills();
  const billedS = bills.reduce(
    (sum, { heldNs, workers }) => sum + Number(heldNs) / 1e9 * workers,
    0,
  );
  const allCores = CORES.reduce((sum, cores) => sum + cores, 0);
  console.log({ billedS, heldS: seen.heldS, spannedS: seen.spannedS, bills: bills.length });
  assert(billedS < tookS * allCores, "no more is billed than there is");
  assert(billedS > seen.heldS - made.lostS, "what clients held is billed");
  assert(
    billedS < seen.spannedS + made.lateS,
    "no client is billed for more than the time from its request to the end",
  );
});

/** The faults made, and by how much they may change the bills, in core-seconds. */
interface Made {
  readonly faults: Record<string, number>;
  /** What killed nodes had not reported, and what was held of stopped nodes. */
  lostS: number;
  /** The time by which ends may be detected late, and for which two nodes serve one part. */
  lateS: number;
}

/** Makes one fault after the other until the time is over, and leaves all processes running. */
async function makeFaults(
  host: ProcessHost,
  faults: readonly Fault[],
  untilMs: number,
): Promise<Made> {
  const made: Made = { faults: {}, lostS: 0, lateS: 0 };
  for (const fault of faults) {
    await pause(fault.pauseMs);
    if (performance.now() > untilMs) break;
    made.faults[fault.kind] = (made.faults[fault.kind] ?? 0) + 1;
    const sinceMs = performance.now();
    await makeFault(host, fault);
    const tookS = (performance.now() - sinceMs) / 1000;
    const cores = CORES[fault.node]!;
    if (fault.kind === "kill-node") made.lostS += cores * UNREPORTED_S;
    if (fault.kind === "stop-node") {
      made.lateS += cores * tookS;
      made.lostS += cores * tookS; // a long stop is not billed
    }
    if (fault.kind === "drain-node") made.lateS += cores * GRACE_MS / 1000; // two nodes serve a part that moves
  }
  return made;
}

async function makeFault(host: ProcessHost, { kind, node, lastsMs }: Fault): Promise<void> {
  const name = `node-${node}`;
  const process = kind.endsWith("node") ? host.nodes.get(name)! : host.resourceManager;
  if (kind === "kill-node") {
    await process.kill();
    await pause(lastsMs);
    await host.startNode(name, CORES[node]!);
  } else if (kind === "kill-manager") {
    await process.kill();
    await pause(lastsMs);
    await host.startResourceManager();
  } else if (kind === "drain-node") {
    const id = (await host.operator.nodes()).nodes.find((one) => one.name === name)!.node;
    await host.operator.drainNode(id, { graceMs: GRACE_MS });
    await pause(lastsMs);
    await host.operator.lendNode(id);
  } else {
    process.signal("SIGSTOP");
    await pause(lastsMs);
    process.signal("SIGCONT");
  }
}

function sum([first, ...others]: readonly ChaosReport[]): ChaosReport {
  const total = structuredClone(first!);
  for (const report of others) {
    for (const key of ["right", "leases", "spread", "heldS", "spannedS"] as const) {
      total[key] += report[key];
    }
    total.wrong.push(...report.wrong);
    for (const [name, count] of Object.entries(report.errors)) {
      total.errors[name] = (total.errors[name] ?? 0) + count;
    }
  }
  return total;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

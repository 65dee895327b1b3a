/**
 * Everything at once: twenty clients take and give back leases while managers are killed, stopped, drained and started
 * again. `RFAAS_SEED=N` makes the same faults and the same leases again; their order in time is the machine's.
 */

import { assert, assertEquals } from "@std/assert";
import { TestProcess } from "../support/process_child.ts";
import { ProcessHost } from "../support/process_host.ts";
import { until } from "../support/process_table.ts";
import type { ChaosReport, ChaosTask } from "./chaos_client.ts";
import { type Fault, faultsOf } from "./chaos_plan.ts";

const CLIENTS = 20;
const PROCESSES = 4;
/** The cores that each node lends. */
const CORES = [1, 2, 3, 4];
const FOR_MS = 60_000;
/** What of a lease a node that dies has not told yet, and how late a lease's end may be seen, in seconds. */
const UNTOLD_S = 3;
/** How long a node that is taken back waits for its clients to move. */
const NOTICE_MS = 500;

Deno.test("twenty clients, four nodes, faults of all kinds: nothing is lost, nothing is left, the bills are right", async () => {
  const seed = Number(
    Deno.env.get("RFAAS_SEED") || crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1,
  );
  console.log(`RFAAS_SEED=${seed}`);
  await using host = await ProcessHost.start({ nodes: 0 });
  for (const [i, cores] of CORES.entries()) await host.startNode(`node-${i}`, cores);
  const beganMs = performance.now();
  const clients = Array.from({ length: PROCESSES }, (_, process) =>
    new TestProcess(
      new URL("./chaos_client.ts", import.meta.url),
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

  assertEquals(seen.wrong, [], "every call is answered right or fails with a named error");
  // Not how fast it went, which is the host's, but that it went on.
  assert(seen.leases > 10 && seen.right > 100, "they got leases, and calls went well in between");
  assert(seen.spread > 0, "some leases were served by several nodes");
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
  // The largest first, so that each finds room on one node alone: what a node itself counts is free as well.
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
  assert(billedS < tookS * allCores, "no more than there is was billed");
  assert(billedS > seen.heldS - made.lostS, "what clients held was billed");
  assert(
    billedS < seen.spannedS + made.lateS,
    "nobody was billed for more than the time from asking to the end",
  );
});

/** What the faults may have cost the bills, in core-seconds. */
interface Made {
  readonly faults: Record<string, number>;
  /** What nodes that died had not told yet, and what was held of nodes that stood. */
  lostS: number;
  /** By how much ends may have been noticed late, or places been held twice. */
  lateS: number;
}

/** Makes faults until the time is over, one after the other, and leaves everything running. */
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
    if (fault.kind === "kill-node") made.lostS += cores * UNTOLD_S;
    if (fault.kind === "stop-node") {
      made.lateS += cores * tookS;
      made.lostS += cores * tookS; // a long stop is not billed
    }
    if (fault.kind === "drain-node") made.lateS += cores * NOTICE_MS / 1000; // two nodes serve what moves
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
    await host.operator.drainNode(id, { noticeMs: NOTICE_MS });
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

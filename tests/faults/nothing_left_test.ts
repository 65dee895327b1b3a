/** Processes, descriptors, mappings and files after many leases. */

import { assert, assertEquals } from "@std/assert";
import type { TestProcess } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { holdings, rfaasSockets, shmFiles } from "../support/processes/process_table.ts";
import { limitMs } from "../support/time_factor.ts";

/** Files of this project, some of which belong to tests beside this one. */
function files(): string[] {
  const temporary = [...Deno.readDirSync("/tmp")].map(({ name }) => name)
    .filter((name) => name.startsWith("rfaas") && !name.startsWith("rfaas-")).sort();
  return [...shmFiles(), ...temporary];
}

/** What the processes that outlive the leases could leave behind. */
function held(host: ProcessHost, client: TestProcess, known: readonly string[]) {
  const of = ({ pid }: TestProcess) => {
    const { sockets: _counted, ...rest } = holdings(pid);
    return { ...rest, fabricSockets: rfaasSockets(pid) };
  };
  return {
    client: of(client),
    node: of(host.node),
    manager: of(host.resourceManager),
    files: files().filter((file) => !known.includes(file)),
  };
}

/** The number of sockets of each process. HTTP opens one more for concurrent requests, and keeps it for a while. */
function sockets(host: ProcessHost, client: TestProcess): number[] {
  return [client, host.node, host.resourceManager].map(({ pid }) => holdings(pid).sockets);
}

type Held = ReturnType<typeof held>;

/**
 * The descriptors of one of Deno's event loops: two epoll descriptors and an eventfd. With cold caches Deno opens one more
 * loop, once and not for each lease.
 */
const ONE_EVENT_LOOP = 3;

/** Waits until the holdings are as before. Some resources close only a moment after the response. */
async function settled(
  host: ProcessHost,
  client: TestProcess,
  known: readonly string[],
  before?: Held,
): Promise<Held> {
  await host.idle();
  let last = "";
  let same = 0;
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    const now = held(host, client, known);
    const text = JSON.stringify(now);
    if (before && text === JSON.stringify(before)) return now;
    same = text === last ? same + 1 : 0;
    last = text;
    if (!before && same >= 20) return now;
    if (performance.now() > untilMs) return now;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function series(
  mode: string,
  rounds: number,
  lease: Record<string, unknown>,
  round: (host: ProcessHost, client: TestProcess) => Promise<void> = async () => {},
): Promise<void> {
  await using host = await ProcessHost.start();
  await using client = host.startClient(mode, lease);
  const sinceMs = performance.now();
  let before: Held | undefined;
  let socketsBefore: number[] = [];
  let known: string[] = [];
  for (let i = 0; i < rounds; i++) {
    await client.line();
    if (i === 3) { // by now, everything that is opened once is open
      known = files();
      before = await settled(host, client, known);
      socketsBefore = sockets(host, client);
    }
    client.signal("SIGUSR1");
    await round(host, client);
    await client.line();
  }
  await client.line();
  const after = await settled(host, client, known, before);
  const more = after.client.descriptors - before!.client.descriptors;
  assert(more <= ONE_EVENT_LOOP, `${more} more descriptors than before`);
  assertEquals({ ...after, client: { ...after.client, descriptors: 0 } }, {
    ...before!,
    client: { ...before!.client, descriptors: 0 },
  });
  for (const [i, count] of sockets(host, client).entries()) {
    assert(count <= socketsBefore[i]! + 2, `sockets: ${count}, were ${socketsBefore[i]}`);
  }
  console.log(`${mode}: ${((performance.now() - sinceMs) / rounds).toFixed(0)} ms a lease`);
}

Deno.test("forty leases taken and returned in a row leave nothing behind", async () => {
  await series("series", 40, { workers: 2 });
});

Deno.test("twenty leases whose executors are killed leave nothing behind", async () => {
  await series("killedSeries", 20, {}, async (host, client) => {
    await client.line();
    Deno.kill(await host.executor(), "SIGKILL");
    assertEquals((await client.line<{ outcomes: string[] }>()).outcomes, ["ExecutorLostError"]);
  });
});

Deno.test("twelve clients of one process that connect, lease and close leave nothing behind", async () => {
  await series("clients", 12, {});
});

Deno.test("leases that expire without being closed leave nothing behind", async () => {
  await series("expiring", 5, { termMs: 1_000, renew: false });
});

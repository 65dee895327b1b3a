/** What is left after many leases: nothing. */

import { assert, assertEquals } from "@std/assert";
import type { TestProcess } from "../support/process_child.ts";
import { ProcessHost } from "../support/process_host.ts";
import { holdings, rfaasSockets, shmFiles } from "../support/process_table.ts";
import { limitMs } from "../support/time_factor.ts";

/** All that may be left behind, of every process that lives through the leases. */
function held(host: ProcessHost, client: TestProcess) {
  const of = ({ pid }: TestProcess) => {
    const { sockets: _counted, ...rest } = holdings(pid);
    return { ...rest, fabricSockets: rfaasSockets(pid) };
  };
  return {
    client: of(client),
    node: of(host.node),
    manager: of(host.resourceManager),
    files: shmFiles(),
    temporary: [...Deno.readDirSync("/tmp")].map(({ name }) => name)
      .filter((name) => name.startsWith("rfaas") && !name.startsWith("rfaas-")).sort(),
  };
}

/** Sockets of all kinds. HTTP opens one more when two requests meet, and keeps it for a while. */
function sockets(host: ProcessHost, client: TestProcess): number[] {
  return [client, host.node, host.resourceManager].map(({ pid }) => holdings(pid).sockets);
}

type Held = ReturnType<typeof held>;

/**
 * What an event loop of Deno's own holds: two epoll descriptors and an eventfd. Where its caches are cold it was seen
 * to open one more, once and not for each lease.
 */
const ONE_EVENT_LOOP = 3;

/** Waits until it is as it was; what closes last closes a moment after the answer. */
async function settled(host: ProcessHost, client: TestProcess, before?: Held): Promise<Held> {
  await host.idle();
  let last = "";
  let same = 0;
  const untilMs = performance.now() + limitMs(3000);
  for (;;) {
    const now = held(host, client);
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
  for (let i = 0; i < rounds; i++) {
    await client.line();
    if (i === 3) { // all that is opened once is open
      before = await settled(host, client);
      socketsBefore = sockets(host, client);
    }
    client.signal("SIGUSR1");
    await round(host, client);
    await client.line();
  }
  await client.line();
  const after = await settled(host, client, before);
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
  await series("killedSeries", 20, { workers: 2 }, async (host, client) => {
    await client.line();
    Deno.kill(await host.executor(), "SIGKILL");
    assertEquals((await client.line<{ outcomes: string[] }>()).outcomes, ["ExecutorLost"]);
  });
});

Deno.test("twelve clients of one process that connect, lease and close leave nothing behind", async () => {
  await series("clients", 12, {});
});

Deno.test("leases that run out without being closed leave nothing behind", async () => {
  await series("expiring", 5, { seconds: 1, renew: false });
});

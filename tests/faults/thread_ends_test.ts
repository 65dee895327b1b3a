/** Clients whose calling thread ends while their process goes on. */

import { assertEquals } from "@std/assert";
import type { ClientTask } from "../support/processes/process_host.ts";
import { TestProcess } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { holdings, rfaasSockets } from "../support/processes/process_table.ts";
import { anyFabric } from "../support/cluster/test_fabric.ts";
import { until } from "../support/waiting.ts";

const PROGRAM = new URL("../support/cluster/thread_client.ts", import.meta.url);
/** A lease that its term would not end within the test. */
const LEASE = { workers: 2, termMs: 600_000, waitMs: 10_000 };

/** The host of all steps lends as many cores as one lease takes. */
const CORES = 2;

function startClient(host: ProcessHost, mode: string, program = PROGRAM, flags: string[] = []) {
  const task: ClientTask = {
    manager: host.url,
    token: host.clientToken,
    fabric: "shm",
    functions: host.functions,
    mode,
    lease: LEASE,
  };
  return new TestProcess(program, task, flags);
}

/** What a client holds of the kernel for its leases. */
function held({ pid }: TestProcess) {
  const { segments, mappings } = holdings(pid);
  return { segments, mappings, sockets: rfaasSockets(pid) };
}

/** The descriptors of one more thread of Deno: two epoll descriptors and an eventfd. */
const ONE_EVENT_LOOP = 3;

/** Ends the calling thread some times, each time as soon as it holds all cores of the host. */
async function endThreads(
  host: ProcessHost,
  client: TestProcess,
  end: () => void,
): Promise<void> {
  await client.line();
  const first = held(client);
  const { descriptors } = holdings(client.pid);
  for (let round = 0; round < 2; round++) {
    end();
    const { lease } = await client.line();
    const { leases } = await host.operator.leases();
    assertEquals(leases.map(({ lease }) => lease), [lease], "the leases that hold cores");
    await until(
      () => JSON.stringify(held(client)) === JSON.stringify(first),
      () => `the client holds ${JSON.stringify(first)}, not ${JSON.stringify(held(client))}`,
    );
    await until(
      () => holdings(client.pid).descriptors <= descriptors + ONE_EVENT_LOOP,
      () => `${holdings(client.pid).descriptors} descriptors, were ${descriptors}`,
    );
  }
}

Deno.test(anyFabric("a lease ends with its thread"), async (t) => {
  await using host = await ProcessHost.start({ cores: CORES });
  for (
    const [mode, name] of [
      ["terminate", "a worker that is terminated"],
      ["close", "a worker that closes itself"],
      ["fail", "a worker that fails"],
    ] as const
  ) {
    await t.step(name, async () => {
      await using client = startClient(host, mode);
      await endThreads(host, client, () => client.signal("SIGUSR1"));
      await client.kill();
      await host.idle();
    });
  }
  await t.step("a program that `deno run --watch` restarts", async () => {
    const folder = await Deno.makeTempDir({ prefix: "rfaas-test-watch-" });
    try {
      const program = `${folder}/program.ts`;
      const save = (text: string) => Deno.writeTextFileSync(program, text);
      const text = `import "${PROGRAM}";\n`;
      save(text);
      await using client = startClient(host, "main", new URL(`file://${program}`), [
        "--watch",
        "--no-clear-screen",
      ]);
      let round = 0;
      await endThreads(host, client, () => save(`${text}// ${round++}\n`));
      await client.kill();
      await host.idle();
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

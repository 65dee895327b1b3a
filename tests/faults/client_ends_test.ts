/** Clients that end: orderly, with calls under way, or by force. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { EndReason } from "../../mod.ts";
import type { TestProcess } from "../support/processes/process_child.ts";
import { ProcessHost } from "../support/processes/process_host.ts";
import { holdings, rfaasSockets, shmFiles } from "../support/processes/process_table.ts";
import { until } from "../support/waiting.ts";

/** How a lease and its calls ended, as its client reports it. */
interface Ended {
  readonly closed: EndReason;
  readonly outcomes: string[];
}

const silent = { code: 0, signal: null, stderr: "" };

/** What the managers hold, the sockets of the host, and its files in shared memory but for those that are known. */
function held(host: ProcessHost, known: readonly string[]) {
  const { sockets: _kept, ...rest } = holdings(host.node.pid); // HTTP keeps one or two open for a while
  return {
    ...rest,
    sockets: rfaasSockets(host.node.pid),
    manager: holdings(host.resourceManager.pid).segments,
    files: shmFiles().filter((file) => !known.includes(file)),
  };
}

Deno.test("a client that is killed leaves nothing behind, whatever it was doing", async (t) => {
  await using host = await ProcessHost.start();
  { // one lease before, so that everything that is opened once is open
    await using client = await host.connect();
    await using lease = await host.lease(client);
    await lease.invoke("echo", new Uint8Array(1));
  }
  await host.idle();
  await until(() => rfaasSockets(host.node.pid) === 1, () => "only the listener is left");
  const known = shmFiles();
  const before = held(host, known);
  for (const mode of ["idle", "hotLoop", "spinSync", "map"]) {
    await t.step(mode, async () => {
      await using client = host.startClient(mode, { workers: 2 });
      await client.line();
      await host.executorsOf(2);
      assertEquals(await host.freeCores(), 2);
      client.signal("SIGKILL");
      const sinceMs = performance.now();
      await until(() => host.executors().length === 0, () => "its executors end", 1000);
      const endedMs = performance.now() - sinceMs;
      await host.idle(3000);
      console.log(
        `client killed, ${mode}: executors ended after ${endedMs.toFixed(0)} ms, cores free after ${
          (performance.now() - sinceMs).toFixed(0)
        } ms`,
      );
      await same(host, before, known);
    });
  }
  for (const leases of [0, 1, 2]) {
    await t.step(`while it takes a lease (${leases} before)`, async () => {
      await using client = host.startClient("leasing", { workers: 2 });
      for (let i = 0; i < leases; i++) await client.line();
      if (leases === 0) {
        await until(async () => await host.freeCores() < 4, () => "a lease is being taken");
      }
      client.signal("SIGKILL");
      await host.idle(3500); // an unclaimed candidate lapses after two seconds
      await same(host, before, known);
    });
  }
});

async function same(
  host: ProcessHost,
  before: ReturnType<typeof held>,
  known: readonly string[],
): Promise<void> {
  const equal = () => JSON.stringify(held(host, known)) === JSON.stringify(before);
  await until(equal, () => "the manager holds what it held", 2000)
    .catch(() => assertEquals(held(host, known), before));
}

Deno.test("a client that ends on its own leaves nothing behind, and prints nothing", async (t) => {
  await using host = await ProcessHost.start();
  const ends = async (
    mode: string,
    drive: (client: TestProcess) => Promise<void> | void,
    lease = {},
  ) => {
    await using client = host.startClient(mode, lease);
    await drive(client);
    const end = await client.ended();
    await host.idle();
    return end;
  };

  await t.step("by an uncaught error, with calls under way", async () => {
    const { code, stderr } = await ends("throws", () => {});
    assertEquals(code, 1);
    assertMatch(stderr, /^error: Uncaught \(in promise\) Error: on purpose/);
  });

  await t.step("by Deno.exit, with calls under way", async () => {
    assertEquals(await ends("exits", () => {}), { ...silent, code: 3 });
  });

  await t.step("by Ctrl-C", async () => {
    const { signal, stderr } = await ends("idle", async (client) => {
      await client.line();
      client.signal("SIGINT");
    });
    assertEquals([signal, stderr], ["SIGINT", ""]);
  });

  await t.step("by closing its lease and itself, each twice, with calls under way", async () => {
    const end = await ends("closeInFlight", async (client) => {
      const { outcomes, later, events } = await client.line<Record<string, string[]>>();
      assertEquals(new Set(outcomes), new Set(["LeaseOverError"]));
      assertEquals(outcomes!.length, 21);
      assertEquals(later, ["LeaseOverError", "TypeError"]);
      assertEquals(events, ["closed"]);
    }, { workers: 2 });
    assertEquals(end, silent);
  });

  await t.step("by closing only itself, with calls under way", async () => {
    const end = await ends("closeClient", async (client) => {
      const { outcomes, closed } = await client.line<Ended>();
      assertEquals(new Set(outcomes), new Set(["LeaseOverError"]));
      assertEquals(closed.code, "closed");
    });
    assertEquals(end, silent);
  });

  await t.step("by closing while its lease recovers", async () => {
    const end = await ends("closeInRecovery", async (client) => {
      await client.line();
      Deno.kill(await host.executor(), "SIGKILL");
      const report = await client.line<{ outcomes: string[]; waited: string[] }>();
      for (const one of report.outcomes) {
        assert(["ExecutorLostError", "LeaseOverError"].includes(one), one);
      }
      assertEquals(report.waited, ["LeaseOverError"]);
    }, { depth: 4 });
    assertEquals(end, silent);
  });

  await t.step("by giving up leases while it takes them", async () => {
    const end = await ends("abortLeasing", async (client) => {
      const { names } = await client.line<{ names: string[] }>();
      assert(names.includes("aborted"), `${names}`);
      assert(names.every((name) => name === "aborted" || name === "taken"), `${names}`);
      assertEquals((await client.line()).echoed, 64);
    });
    assertEquals(end, silent);
  });

  await t.step("by closing while it takes leases", async () => {
    const end = await ends("closeInLeasing", async (client) => {
      const { outcomes } = await client.line<{ outcomes: string[] }>();
      assertEquals(outcomes, Array(3).fill("LeaseRefusedError"));
    });
    assertEquals(end, silent);
  });

  await t.step("after its lease has expired, with calls under way", async () => {
    const end = await ends("outlives", async (client) => {
      await client.line();
      const { closed, outcomes } = await client.line<Ended>();
      assertEquals(closed.code, "expired");
      assertEquals(outcomes, ["LeaseOverError", "LeaseOverError"]);
    }, { termMs: 2_000, renew: false });
    assertEquals(end, silent);
  });
});
